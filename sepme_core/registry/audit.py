"""Who changed what, when, from which digest to which: a chain in which every entry holds the hash of the one before.

Changing or removing an entry breaks the chain at that place. Cutting off its end does not: `audit_heads` keeps the last
hashes elsewhere to notice that.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sepme_core.canonical import digest_of
from sepme_core.documents.answers import AuditDocument
from sepme_core.documents.certificates import AuditedAs
from sepme_core.registry import outbox, queries, types
from sepme_core.registry.database import serialise
from sepme_core.registry.errors import CursorInvalid
from sepme_core.registry.grounds import UNSTATED, Grounds
from sepme_core.registry.tables import AuditEntry

FIRST_PREVIOUS = "sha256:" + 64 * "0"
BATCH = 500
LAST_SEQUENCE = 2**31 - 1  # what the column holds
APPENDED = "sepme_audit_head"
NOTED = "case-noted"
SAYING = {
    "erase": ("erase", "reactivate", "make-irrevocable", "further-name"),
    "restore": ("restore",),
    "protect": ("protect",),
    "unprotect": ("unprotect",),
}
"""By which actions it is said on what grounds something was asked for, by what that was."""
UNDOING = {
    "erase": ("restore", "purge"),
    "restore": ("erase", "reactivate"),
    "protect": ("unprotect",),
    "unprotect": ("protect",),
}
"""The actions after which it is so no more."""


@dataclass(frozen=True)
class Head:
    """An end of the chain: the sequence and the hash of its last entry."""

    sequence: int
    hash: str

    def document(self) -> AuditedAs:
        """Return it as certificates name it."""
        return {"sequence": self.sequence, "hash": self.hash}


@dataclass(frozen=True)
class Walked:
    """What was found from the first entry on.

    Attributes:
        entries: how many fit.
        head: the hash of the last of them.
        broken_at: the sequence of the first entry that does not fit, None where all do.
        missing: the lowest sequence whose entry has none of the hashes it should, None where all have.
    """

    entries: int
    head: str
    broken_at: int | None
    missing: int | None


def append(
    session: Session,
    actor: str,
    action: str,
    concept: str | None,
    from_digest: str | None = None,
    to_digest: str | None = None,
    details: dict[str, Any] | None = None,
    grounds: Grounds = UNSTATED,
) -> AuditEntry:
    """Add an entry to the end of the chain, in the caller's transaction, and have webhooks told.

    Args:
        session: of `database.writing`; writers take their turns until it ends.
        actor: the key holder.
        action: erase, reproject, substitute, reactivate, restore, purge, make-irrevocable, protect, unprotect,
            further-name, withdraw-further-name, case-noted, or what was done to a key or a webhook.
        concept: the concept, or the name of the protected prompts.
        from_digest: the increment that served before.
        to_digest: the increment that serves now.
        details: anything else; JSON.
        grounds: on what it was asked for; they stand in the details too.

    Raises:
        ValueError: where `details` is not JSON.
    """
    serialise(session)
    last = head(session)
    entry = AuditEntry(
        sequence=last.sequence + 1 if last else 1,
        at=types.now(session),
        actor=actor,
        action=action,
        concept=concept,
        from_digest=from_digest,
        to_digest=to_digest,
        details={**(details or {}), **grounds.said()},
        case=grounds.case,
        previous_hash=last.hash if last else FIRST_PREVIOUS,
    )
    entry.hash = hash_of(entry)
    session.add(entry)
    session.flush()
    session.info[APPENDED] = Head(entry.sequence, entry.hash)
    outbox.tell_of_change(session, entry, grounds)
    return entry


def note(
    session: Session,
    actor: str,
    concept: str,
    grounds: Grounds,
    digest: str | None = None,
    *,
    of: str,
    details: dict[str, Any],
) -> None:
    """Add an entry of further grounds for what is so already, on others or on none.

    Args:
        session: of `database.writing`.
        actor: the key holder.
        concept: the concept, or the name of the protected prompts.
        grounds: where they state nothing, or were said since it became so, nothing is added.
        digest: the increment that serves, before and after.
        of: what was asked for once more: a key of `SAYING`.
        details: anything else; JSON.
    """
    if grounds != UNSTATED and not _is_said(session, concept, grounds, of):
        append(session, actor, NOTED, concept, digest, digest, {"of": of, **details}, grounds)


def _is_said(session: Session, concept: str, grounds: Grounds, of: str) -> bool:
    of_it = AuditEntry.concept == concept
    undone = select(func.max(AuditEntry.sequence)).where(of_it, AuditEntry.action.in_(UNDOING[of])).scalar_subquery()
    since = AuditEntry.sequence > func.coalesce(undone, 0)
    asking = AuditEntry.action.in_((*SAYING[of], NOTED))
    said = select(AuditEntry).where(of_it, since, asking, AuditEntry.case == grounds.case)
    return any(
        entry.details.get("reason") == grounds.reason and entry.details.get("of", of) == of
        for entry in session.scalars(said)
    )


def appended(session: Session) -> Head | None:
    """Return the end that the session's transaction gave the chain; None where it appended nothing."""
    head: Head | None = session.info.get(APPENDED)
    return head


def head(session: Session) -> Head | None:
    """Return the end of the chain; None of an empty one."""
    last = select(AuditEntry.sequence, AuditEntry.hash).order_by(AuditEntry.sequence.desc()).limit(1)
    found = session.execute(last).first()
    return Head(found.sequence, found.hash) if found else None


def document(entry: AuditEntry) -> AuditDocument:
    """Return the entry as JSON; all of it but `hash` is what `hash` is of."""
    found: AuditDocument = {
        "sequence": entry.sequence,
        "at": types.timestamp(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "concept": entry.concept,
        "from_digest": entry.from_digest,
        "to_digest": entry.to_digest,
        "details": entry.details,
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }
    if entry.case is not None:  # left out where there is none: entries were hashed without it before
        found["case"] = entry.case
    return found


def hash_of(entry: AuditEntry) -> str:
    """Compute what the entry's hash must be: sha256 over the canonical JSON of everything else in it."""
    return digest_of({name: value for name, value in document(entry).items() if name != "hash"})


def verify(session: Session) -> int | None:
    """Walk the chain; return the sequence of the first entry that does not fit, or None where all do."""
    return walk(session, {}).broken_at


def walk(session: Session, noted: Mapping[int, Collection[str]]) -> Walked:
    """Walk the whole chain, and hold it against ends that it had before: `noted` hashes by sequence."""
    previous, entries = FIRST_PREVIOUS, 0
    missing = set(noted)
    while True:
        following = select(AuditEntry).where(AuditEntry.sequence > entries).order_by(AuditEntry.sequence)
        batch = list(session.scalars(following.limit(BATCH)))
        for entry in batch:
            if entry.sequence != entries + 1 or entry.previous_hash != previous or hash_of(entry) != entry.hash:
                return Walked(entries, previous, entries + 1, None)
            previous, entries = entry.hash, entry.sequence
            session.expunge(entry)  # a long chain is not kept in memory
            if set(noted.get(entries, ())) <= {previous}:
                missing.discard(entries)
        if len(batch) < BATCH:
            return Walked(entries, previous, None, min(missing, default=None))


def page(
    session: Session,
    cursor: str | None,
    limit: int,
    concept: str | None = None,
    case: str | None = None,
    *,
    newest_first: bool = False,
) -> queries.Page[AuditEntry]:
    """Return `limit` entries, oldest first unless asked otherwise: of a concept, of a case, or those of both.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    in_order = AuditEntry.sequence.desc() if newest_first else AuditEntry.sequence
    found = select(AuditEntry).order_by(in_order).limit(limit + 1)
    if cursor is not None:
        (sequence,) = queries.decode(cursor, 1)
        if not sequence.isdigit() or int(sequence) > LAST_SEQUENCE:
            raise CursorInvalid(cursor)
        last = int(sequence)
        found = found.where(AuditEntry.sequence < last if newest_first else AuditEntry.sequence > last)
    if concept is not None:
        found = found.where(AuditEntry.concept == concept)
    if case is not None:
        found = found.where(AuditEntry.case == case)
    entries = list(session.scalars(found))
    more = len(entries) > limit
    return queries.Page(entries[:limit], queries.encode(str(entries[limit - 1].sequence)) if more else None)
