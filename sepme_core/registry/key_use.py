"""What was asked for with keys of late, by their names."""

from collections.abc import Collection

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from sepme_core.documents.answers import KeyUse
from sepme_core.registry.jobs.turns import BY_THE_WAY
from sepme_core.registry.tables import Job
from sepme_core.registry.types import database_time

DAY_SECONDS = 24 * 60 * 60


def use(session: Session, names: Collection[str]) -> dict[str, KeyUse]:
    """Return for each name how many of its jobs wait, and how many it had accepted in the last 24 hours by kind."""
    recent = Job.created_at > database_time(-DAY_SECONDS)
    grouped = (
        select(Job.actor, Job.kind, Job.state == "queued", recent, func.count())
        .where(Job.actor.in_(names), Job.kind != BY_THE_WAY, or_(recent, Job.state == "queued"))
        .group_by(Job.actor, Job.kind, Job.state == "queued", recent)
    )
    found: dict[str, KeyUse] = {name: {"waiting_jobs": 0, "erasures": 0, "generations": 0} for name in names}
    for name, kind, waits, is_recent, count in session.execute(grouped):
        found[name]["waiting_jobs"] += count if waits else 0
        found[name]["erasures"] += count if is_recent and kind == "erase" else 0
        found[name]["generations"] += count if is_recent and kind == "generate" else 0
    return found
