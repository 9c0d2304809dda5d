"""Jobs as the JSON text that clients are sent: what `documents.job_document` says, and their place in the queue.

A result holds the whole concept as it was then, and a list has fifty: it is passed on as stored.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sepme_core.registry import json_text, queries
from sepme_core.registry.documents import answered_problem, answered_request
from sepme_core.registry.jobs import further_askers
from sepme_core.registry.jobs.positions import positions
from sepme_core.registry.jobs.rows import page_of_jobs, wanted_jobs
from sepme_core.registry.tables import Job
from sepme_core.registry.types import spelt

_SPELT = {
    "id": Job.id,
    "kind": Job.kind,
    "state": Job.state,
    "concept": Job.concept,
    "case": Job.case,
    "reason": Job.reason,
    "attempt": Job.attempt,
    "cancel_requested": Job.cancel_requested,
    "cancelled_by": Job.cancelled_by,
    "request_id": Job.request_id,
    "created_at": spelt(Job.created_at),
    "started_at": spelt(Job.started_at),
    "finished_at": spelt(Job.finished_at),
}
_PASSED_ON = {
    "request": json_text.stored(Job.request),
    "result": json_text.stored(Job.result),
    "problem": json_text.stored(Job.problem),
}
_PROGRESS = (Job.step, Job.of, Job.message)
_ROWS = select(*_SPELT.values(), *_PASSED_ON.values(), *_PROGRESS)
_REQUEST_ID = '"request_id"'


@dataclass(frozen=True)
class JobText:
    """A job as text."""

    id: str
    created_at: datetime
    text: str


def page(
    session: Session,
    cursor: str | None,
    limit: int,
    *,
    actor: str | None = None,
    case: str | None = None,
    **wanted: str | None,
) -> queries.Page[JobText]:
    """Return `limit` jobs, youngest first, whose columns hold what is wanted.

    Args:
        session: any.
        cursor: of the page before.
        limit: how many at the most.
        actor: who made them, or asked for them when another had, and is told no more than its own; None: everybody's.
        case: under which they were asked for, by the actor or else by anybody.
        wanted: what columns are to hold.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    rows = session.execute(wanted_jobs(_rows(actor, case), cursor, limit, **wanted)).all()
    places = positions(session, [row.id for row in rows if row.state == "queued"])
    return page_of_jobs([_text(tuple(row), places) for row in rows], limit)


def _rows(actor: str | None, case: str | None) -> Select[*tuple[Any, ...]]:
    if actor is None:
        return _ROWS if case is None else _ROWS.where(further_askers.under_case(case))
    said = further_askers.said(actor)
    spelt = {**_SPELT, **said}
    rows = further_askers.of_holder(select(*spelt.values(), *_PASSED_ON.values(), *_PROGRESS), actor)
    return rows if case is None else rows.where(said["case"] == case)


def _text(row: tuple[Any, ...], places: Mapping[str, int]) -> JobText:
    members = dict(zip(_SPELT, row, strict=False))
    members["position"] = places.get(members["id"])
    passed_on = dict(zip(_PASSED_ON, row[len(_SPELT) :], strict=False))
    step, of, message = row[-len(_PROGRESS) :]
    members["progress"] = {"step": step, "of": of, "message": message}
    if '"group"' in passed_on["request"]:
        members["request"] = answered_request(json.loads(passed_on.pop("request")))
    if _REQUEST_ID in (passed_on["problem"] or ""):
        members["problem"] = answered_problem(json.loads(passed_on.pop("problem")), members["request_id"])
    return JobText(members["id"], datetime.fromisoformat(members["created_at"]), json_text.document(members, passed_on))
