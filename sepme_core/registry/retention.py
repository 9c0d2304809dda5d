"""What may be deleted: what was kept as long as it was to be, bytes and knowledge that nothing refers to any more.

What nothing pins is found, marked, and forgotten after a grace period. Whole tables are read to find it, so that is
done in a snapshot and without a lock. What came since is not in it; but whoever is handed what is marked takes the mark
away (`knowledge.keep`), under the lock by which it is marked and deleted: so a list that still has the mark of the
snapshot is pinned by nothing still. Entries go with the last list that names them; lists that were made since are read
again, and few.

Blobs are named by their content, so one may belong to several rows: it goes with the last of them. Never deleted are
increments of any version that is stored, their evidence, and the jobs they came by; pictures that a refusal rests on;
and what the mask of a job that has not ended names.
"""

import json
import re
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from sepme_core.documents.requests import JobPins
from sepme_core.registry import types
from sepme_core.registry.database import serialise
from sepme_core.registry.tables import AuditEntry, Image, Increment, Job, Knowledge, KnownThing
from sepme_core.registry.types import database_time
from sepme_core.terms import LIVE_STATES

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


def _digests(document: JobPins) -> list[str]:
    return DIGEST.findall(json.dumps(document))


def _before(session: Session, days: float) -> datetime:
    return types.now(session) - timedelta(days=days)


Key = TypeVar("Key", str, int)

AT_ONCE = 1000


@dataclass(frozen=True)
class Found:
    """What a snapshot shows.

    Attributes:
        unmarked: lists that nothing pins, without a mark.
        pinned_again: lists with a mark that something pins.
        due: lists that nothing pins, marked before the grace period began, with the ids of their entries.
        before: when it began.
        entries: ids that lists which are due name, and no other list.
        lists: the digests of all lists.
    """

    unmarked: AbstractSet[str]
    pinned_again: AbstractSet[str]
    due: Mapping[str, AbstractSet[int]]
    before: datetime
    entries: AbstractSet[int]
    lists: AbstractSet[str]

    @property
    def asks_for_nothing(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.unmarked or self.pinned_again or self.due)


def find(session: Session, grace_seconds: float) -> Found:
    """Look for what nothing pins; of what is due `AT_ONCE` lists at most."""
    before = types.now(session) - timedelta(seconds=grace_seconds)
    marks = {row.digest: row.unpinned_at for row in session.execute(select(Knowledge.digest, Knowledge.unpinned_at))}
    pinned = _held(session)
    unpinned = {digest: mark for digest, mark in marks.items() if digest not in pinned}
    marked_before = sorted(digest for digest, mark in unpinned.items() if mark is not None and mark <= before)
    due = _named_by(session, marked_before[:AT_ONCE])
    return Found(
        unmarked={digest for digest, mark in unpinned.items() if mark is None},
        pinned_again={digest for digest, mark in marks.items() if mark is not None and digest in pinned},
        due=due,
        before=before,
        entries=_named_by_no_other(session, due) if due else set(),
        lists=set(marks),
    )


def forget(session: Session, found: Found) -> int:
    """Mark what is to go, and delete what was found due and is not pinned since. Returns how many lists went.

    Args:
        session: of `database.writing`; another transaction than that of the snapshot.
        found: what the snapshot showed.
    """
    serialise(session)
    _mark(session, found.unmarked, database_time())
    _mark(session, found.pinned_again, None)
    marked = Knowledge.unpinned_at <= found.before
    leaving = delete(Knowledge).where(Knowledge.digest.in_(found.due), marked).returning(Knowledge.digest)
    gone = set(session.scalars(leaving, execution_options={"synchronize_session": False}))
    if gone:
        _forget_entries(session, found, gone)
    return len(gone)


def _forget_entries(session: Session, found: Found, gone: AbstractSet[str]) -> None:
    made_since = set(session.scalars(select(Knowledge.digest))) - found.lists
    staying = [
        *(found.due[digest] for digest in found.due if digest not in gone),
        *_named_by(session, made_since).values(),
    ]
    ids = set[int]().union(*(found.due[digest] for digest in gone)) & found.entries
    ids = ids.difference(*staying)
    for part in _parts(ids):
        session.execute(
            delete(KnownThing).where(KnownThing.id.in_(part)), execution_options={"synchronize_session": False}
        )


def _held(session: Session) -> set[str]:
    """The digests that rows hold: of what they pin, and of the bodies of a group."""
    held = (
        Job.pinned["knowledge"],
        Increment.pinned["knowledge"],
        Job.request[("group", "knowledge")],
        Increment.request[("group", "knowledge")],
    )
    return {digest for each in held for digest in session.scalars(select(each.as_string()).distinct()) if digest}


def _named_by(session: Session, digests: Collection[str]) -> dict[str, AbstractSet[int]]:
    """The ids of the entries that lists name, by the digest of each list."""
    named: dict[str, AbstractSet[int]] = {}
    for part in _parts(digests):
        rows = session.execute(select(Knowledge.digest, Knowledge.entries).where(Knowledge.digest.in_(part)))
        named.update({row.digest: {each for listed in row.entries.values() for each in listed} for row in rows})
    return named


def _named_by_no_other(session: Session, due: Mapping[str, AbstractSet[int]]) -> set[int]:
    left = set[int]().union(*due.values())
    others = session.execute(select(Knowledge.digest, Knowledge.entries), execution_options={"yield_per": AT_ONCE})
    for row in others:
        if row.digest not in due:
            left.difference_update(*row.entries.values())
    return left


def _mark(session: Session, digests: Collection[str], moment: database_time | None) -> None:
    for part in _parts(digests):
        marking = update(Knowledge).where(Knowledge.digest.in_(part)).values(unpinned_at=moment)
        session.execute(marking, execution_options={"synchronize_session": False})


def _parts(values: Collection[Key]) -> list[list[Key]]:
    """A few values at a time: a statement takes some tens of thousands."""
    ordered = sorted(values)
    return [ordered[place : place + AT_ONCE] for place in range(0, len(ordered), AT_ONCE)]
