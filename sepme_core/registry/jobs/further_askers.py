"""Holders who asked for what a job of another one was doing already: they were answered with it, so they see it.

What was said when the job was made they are not told: each is shown its own case, reason and request id.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, case, exists, or_
from sqlalchemy.orm import Session

from sepme_core.registry.grounds import Grounds
from sepme_core.registry.queries import Selected
from sepme_core.registry.tables import FurtherAsker, Job

SAID = ("case", "reason", "request_id")


def note(session: Session, job: Job, actor: str, grounds: Grounds) -> None:
    """Note who is answered with a live job, if another made it. Of one who asks again the later grounds stand.

    Args:
        session: of `database.writing`, serialised.
        job: the job.
        actor: who asked.
        grounds: on what.
    """
    if actor == job.actor:
        return
    asker = session.get(FurtherAsker, (job.id, actor))
    if asker is None:
        session.add(FurtherAsker(job_id=job.id, actor=actor, case=grounds.case, reason=grounds.reason))
    elif grounds.said():
        asker.case, asker.reason = grounds.case, grounds.reason
    session.flush()


def find(session: Session, job: Job, actor: str) -> FurtherAsker | None:
    """Return what somebody said who asked for the job of another; None where that never was."""
    return session.get(FurtherAsker, (job.id, actor))


def of_holder(rows: Selected, actor: str) -> Selected:
    """Select of jobs those that a holder made or asked for; the columns of `said` are there then."""
    asked = and_(FurtherAsker.job_id == Job.id, FurtherAsker.actor == actor)
    return rows.outerjoin(FurtherAsker, asked).where(or_(Job.actor == actor, FurtherAsker.actor.is_not(None)))


def said(actor: str) -> Mapping[str, ColumnElement[str | None]]:
    """Return what a holder said of a job, by name: in the job's row where it made it, else in its own."""
    return {
        name: case((Job.actor == actor, getattr(Job, name)), else_=getattr(FurtherAsker, name)).label(name)
        for name in SAID
    }


def under_case(named: str) -> ColumnElement[bool]:
    """Tell whether anybody asked for a job under this case."""
    return or_(Job.case == named, exists().where(FurtherAsker.job_id == Job.id, FurtherAsker.case == named))
