"""Keys: made, shown once, rotated, revoked, and told by a keyed hash. What is made with one belongs to its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from sepme_core.documents.answers import KeyDocument
from sepme_core.registry import audit, key_secrets, queries, types
from sepme_core.registry.errors import FloorUnknown, KeyNameTaken, KeyRevoked, UnknownKey
from sepme_core.registry.further_names import resolved
from sepme_core.registry.tables import Concept, Key
from sepme_core.terms import Floor, Scope

USED_WITHIN = timedelta(seconds=60)
"""When a key was used last is written so often at the most."""
NOBODY = key_secrets.keyed_hash(b"", "")


@dataclass(frozen=True)
class Made:
    """A key, and its text, which nobody can have a second time."""

    key: Key
    text: str


@dataclass(frozen=True)
class Wanted:
    """What a key is to be.

    Attributes:
        name: whose it is.
        scopes: what it is good for.
        floor: what its pictures can never lack.
        quotas: bounds on what it asks for, as `sepme_core.quotas` writes them.
        expires_at: when it ends by itself; None: never.
    """

    name: str
    scopes: Sequence[Scope]
    floor: Floor
    quotas: dict[str, Any]
    expires_at: datetime | None = None


def create(session: Session, wanted: Wanted, pepper: bytes, actor: str) -> Made:
    """Make a key.

    Raises:
        KeyNameTaken: there is one with this name, or was.
        FloorUnknown: its floor names what has no increment.
    """
    if session.scalars(select(Key.id).where(Key.name == wanted.name)).one_or_none() is not None:
        raise KeyNameTaken(wanted.name)
    _check_floor(session, wanted.floor)
    key_id = key_secrets.new_id()
    text = key_secrets.new_text(key_id)
    key = Key(
        id=key_id,
        name=wanted.name,
        hash=key_secrets.keyed_hash(pepper, text),
        scopes=sorted(set(wanted.scopes)),
        floor=wanted.floor if isinstance(wanted.floor, str) else list(wanted.floor),
        quotas=wanted.quotas,
        made_by=actor,
        expires_at=wanted.expires_at,
    )
    session.add(key)
    session.flush()
    _audit(session, actor, "create-key", key)
    return Made(key, text)


def rotate(session: Session, name: str, pepper: bytes, actor: str, overlap_seconds: float = 0.0) -> Made:
    """Give a key a new secret; the old one goes on for so long.

    Raises:
        UnknownKey, KeyRevoked: there is none to rotate.
    """
    key = _locked(session, name)
    if key.revoked_at is not None:
        raise KeyRevoked(name)
    text = key_secrets.new_text(key.id)
    key.previous_hash = key.hash if overlap_seconds > 0 else None
    key.previous_until = types.now(session) + timedelta(seconds=overlap_seconds) if overlap_seconds > 0 else None
    key.hash, key.rotated_at = key_secrets.keyed_hash(pepper, text), types.now(session)
    session.flush()
    _audit(session, actor, "rotate-key", key)
    return Made(key, text)


def revoke(session: Session, name: str, actor: str) -> Key:
    """End a key for good; again: nothing more happens.

    Raises:
        UnknownKey: there is none with this name.
    """
    key = _locked(session, name)
    if key.revoked_at is None:
        key.revoked_at, key.previous_hash, key.previous_until = types.now(session), None, None
        session.flush()
        _audit(session, actor, "revoke-key", key)
    return key


def told(session: Session, text: str, pepper: bytes) -> Key | None:
    """Return the key whose text this is, whatever has become of it; None where there is none."""
    key_id = key_secrets.id_of(text)
    key = None if key_id is None else session.get(Key, key_id)
    stored = NOBODY if key is None else key.hash
    if key_secrets.is_hash_of(stored, pepper, text):  # asked in any case, so that it takes its time
        return key
    overlaps = key is not None and key.previous_until is not None and key.previous_until > types.now(session)
    if key is not None and overlaps and key_secrets.is_hash_of(key.previous_hash or NOBODY, pepper, text):
        return key
    return None


def ended(session: Session, key: Key) -> str | None:
    """Return why a key is of no use any more, `revoked` or `expired`; None where it is."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= types.now(session) else None


def any_made(session: Session) -> bool:
    """Tell whether there was ever a key: from then on nobody gets in without."""
    return bool(session.scalars(select(exists().select_from(Key))).one())


def is_use_stale(session: Session, key: Key) -> bool:
    """Tell whether it was long not written that the key was used."""
    return key.used_at is None or key.used_at < types.now(session) - USED_WITHIN


def note_use(session: Session, key_id: str) -> None:
    """Write down that a key was used just now."""
    session.execute(update(Key).where(Key.id == key_id).values(used_at=types.now(session)))


def get(session: Session, name: str) -> Key:
    """Return the key with this name.

    Raises:
        UnknownKey: there is none.
    """
    key = session.scalars(select(Key).where(Key.name == name)).one_or_none()
    if key is None:
        raise UnknownKey(name)
    return key


def page(session: Session, cursor: str | None, limit: int) -> queries.Page[Key]:
    """Return `limit` keys by name, revoked ones too.

    Raises:
        CursorInvalid: where the cursor is not one of this listing.
    """
    return queries.page_by_name(session, Key, cursor, limit)


def document(key: Key) -> KeyDocument:
    """Return all of a key that may be shown."""

    def spelt(moment: datetime | None) -> str | None:
        return None if moment is None else types.timestamp(moment)

    return {
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "floor": key.floor if isinstance(key.floor, str) else list(key.floor),
        "quotas": key.quotas,
        "made_by": key.made_by,
        "created_at": types.timestamp(key.created_at),
        "rotated_at": spelt(key.rotated_at),
        "expires_at": spelt(key.expires_at),
        "revoked_at": spelt(key.revoked_at),
        "used_at": spelt(key.used_at),
    }


def _check_floor(session: Session, floor: Floor) -> None:
    if isinstance(floor, str):
        return
    stands_for = resolved(session, floor)
    made = select(Concept.name).where(Concept.name.in_(stands_for.values()), Concept.version.is_not(None))
    with_increment = set(session.scalars(made))
    unknown = [name for name in floor if stands_for[name] not in with_increment]
    if unknown:
        raise FloorUnknown(unknown, list(floor))


def _locked(session: Session, name: str) -> Key:
    key = session.scalars(select(Key).where(Key.name == name).with_for_update()).one_or_none()
    if key is None:
        raise UnknownKey(name)
    return key


def _audit(session: Session, actor: str, action: str, key: Key) -> None:
    said = {"key": key.name, "id": key.id, "scopes": key.scopes, "floor": document(key)["floor"]}
    audit.append(session, actor, action, None, details=said)
