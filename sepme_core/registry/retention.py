"""What may be deleted: what was kept for as long as it was to be, and bytes that nothing refers to any more.

Blobs are named by their content, so one may belong to several rows: it goes with the last of them. Never deleted are
increments of any version that is stored, their evidence, and the jobs they came by; pictures that a refusal rests on;
and what the mask of a job that has not ended names.
"""

import json
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from sepme_core.registry import clock
from sepme_core.registry.documents import LIVE_STATES
from sepme_core.registry.tables import AuditEntry, Image, Increment, Job

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LEAST_JOB_DAYS = 2.0
"""Idempotency keys are remembered for a day, and name jobs."""
JOBS_AT_ONCE = 200


def registry_mark(session: Session) -> str | None:
    """Return what tells this registry from every other one, the hash of its first audit entry; None before there is."""
    return session.scalars(select(AuditEntry.hash).where(AuditEntry.sequence == 1)).one_or_none()


def unreferenced(session: Session, digests: Collection[str], picture_days: float) -> set[str]:
    """Return those that nothing refers to but pictures older than `picture_days`; where that is 0, none are."""
    held = set(session.scalars(select(Increment.digest).where(Increment.digest.in_(digests))))
    pictures = select(Image.digest).join(Job, Job.id == Image.job_id).where(Image.digest.in_(digests))
    if picture_days:
        kept = or_(Job.kind != "generate", Image.created_at > _before(session, picture_days))
        pictures = pictures.where(kept)
    held.update(session.scalars(pictures))
    return {digest for digest in digests if digest not in held} - _pinned(session)


def forget_jobs(session: Session, days: float) -> int:
    """Delete some jobs that ended longer ago, with their events and pictures' rows. Returns how many; 0 days: none."""
    if not days:
        return 0
    old = select(Job.id).where(Job.finished_at < _before(session, max(days, LEAST_JOB_DAYS)), ~_is_evidence())
    ids = list(session.scalars(old.order_by(Job.finished_at).limit(JOBS_AT_ONCE)))
    session.execute(delete(Job).where(Job.id.in_(ids)), execution_options={"synchronize_session": False})
    return len(ids)


def _is_evidence() -> ColumnElement[bool]:
    """An increment that is stored came by the job, or it was refused for what its pictures show."""
    made = exists().where(Increment.job_id == Job.id)
    shown = exists().where(Image.job_id == Job.id)
    return or_(made, and_(Job.kind != "generate", Job.state == "failed", shown))


def _pinned(session: Session) -> set[str]:
    """What jobs that have not ended are to be done with, whatever became of its rows since."""
    pinned = session.scalars(select(Job.pinned).where(Job.state.in_(LIVE_STATES)))
    return {digest for each in pinned for digest in _digests(each)}


def _digests(document: dict[str, Any]) -> list[str]:
    return DIGEST.findall(json.dumps(document))


def _before(session: Session, days: float) -> datetime:
    return clock.now(session) - timedelta(days=days)
