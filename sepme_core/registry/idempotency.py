"""The same POST sent twice is done once (draft-ietf-httpapi-idempotency-key-header).

A key is remembered in the transaction of the work itself: either both are there or neither.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, CursorResult, delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from sepme_core.documents.answers import Answer
from sepme_core.registry.errors import IdempotencyKeyReused
from sepme_core.registry.tables import IdempotencyRecord
from sepme_core.registry.types import database_time


@dataclass(frozen=True)
class IdempotencyKey:
    """What makes a key unique."""

    actor: str
    method: str
    path: str
    key: str


def begin(session: Session, key: IdempotencyKey, body_digest: str) -> Answer | None:
    """Take the key, or find out what was answered to it.

    A second request with the same key waits here until the first one's transaction has ended.

    Returns:
        None: the key is new, do the work and call `complete`. Otherwise the answer given then.

    Raises:
        IdempotencyKeyReused: where it came with another body.
    """
    postgresql = session.get_bind().dialect.name == "postgresql"
    insert = insert_postgresql if postgresql else insert_sqlite
    values = {
        "actor": key.actor,
        "method": key.method,
        "path": key.path,
        "key": key.key,
        "body_digest": body_digest,
    }
    taking = insert(IdempotencyRecord).values(values).on_conflict_do_nothing()
    if _changed(session.execute(taking)) == 1:
        return None
    record = session.get_one(IdempotencyRecord, (key.actor, key.method, key.path, key.key), populate_existing=True)
    if record.body_digest != body_digest:
        raise IdempotencyKeyReused(key.key)
    return record.answer


def complete(session: Session, key: IdempotencyKey, answer: Answer) -> None:
    """Remember what is answered."""
    session.execute(update(IdempotencyRecord).where(*_matching(key)).values(answer=answer))


def last_answer(session: Session, key: IdempotencyKey) -> Answer | None:
    """Return what was last remembered under a key that may be taken again, None where nothing is.

    No other transaction changes it until this one ends.
    """
    found = select(IdempotencyRecord).where(*_matching(key)).with_for_update()
    record = session.scalars(found, execution_options={"populate_existing": True}).one_or_none()
    return None if record is None else record.answer


def replace(session: Session, key: IdempotencyKey, body_digest: str, answer: Answer) -> None:
    """Remember an answer in place of what was remembered under the key."""
    drop(session, key)
    begin(session, key, body_digest)
    complete(session, key, answer)


def drop(session: Session, key: IdempotencyKey) -> None:
    """Forget a key."""
    session.execute(delete(IdempotencyRecord).where(*_matching(key)))


def forget(session: Session, older_than_seconds: float) -> int:
    """Forget old keys; returns how many."""
    old = IdempotencyRecord.created_at < database_time(-older_than_seconds)
    return _changed(session.execute(delete(IdempotencyRecord).where(old)))


def _matching(key: IdempotencyKey) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyRecord.actor == key.actor,
        IdempotencyRecord.method == key.method,
        IdempotencyRecord.path == key.path,
        IdempotencyRecord.key == key.key,
    )


def _changed(result: object) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
