"""The models and the workers that announced themselves, and whether prompts surely fit such a model."""

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from sepme_core.documents.answers import ModelDescription
from sepme_core.registry.tables import Conditioning, ServedModel, Table, Worker
from sepme_core.registry.types import database_time

FORGET_WORKERS_SECONDS = 86400.0
ALIVE_SECONDS = 10.0
"""Workers say that they live every two seconds or so; one that was not seen for as long is taken for dead."""


def announce_model(session: Session, description: ModelDescription) -> None:
    """Say that this model is loaded; the one announced last is what is served."""
    key = {"base_digest": description["base_digest"], "name": description["name"]}
    _upsert(session, ServedModel, key, {"description": description, "announced_at": database_time()})


def current_model(session: Session) -> ModelDescription | None:
    """Return the description announced last, None before the first."""
    latest = select(ServedModel.description).order_by(ServedModel.announced_at.desc(), ServedModel.base_digest).limit(1)
    return session.scalars(latest).first()


def announced_at(session: Session) -> datetime:
    """Return when a model was announced last; there must be one."""
    return session.scalars(select(func.max(ServedModel.announced_at))).one()


def announce_worker(session: Session, worker: str, queue: str, base_digest: str, conditioning_bytes: int = 0) -> None:
    """Say that this worker lives and listens to `queue`; called again and again as its heartbeat."""
    said = {"queue": queue, "base_digest": base_digest, "conditioning_bytes": conditioning_bytes}
    _upsert(session, Worker, {"name": worker}, {**said, "seen_at": database_time()})
    session.execute(delete(Worker).where(Worker.seen_at < database_time(-FORGET_WORKERS_SECONDS)))


def withdraw_worker(session: Session, worker: str) -> None:
    """Say that this worker ends."""
    session.execute(delete(Worker).where(Worker.name == worker))


def workers(session: Session, seen_within_seconds: float = ALIVE_SECONDS) -> list[Worker]:
    """Return the workers seen lately, by name."""
    lately = select(Worker).where(Worker.seen_at > database_time(-seen_within_seconds)).order_by(Worker.name)
    return list(session.scalars(lately))


def count_conditioning(session: Session, queue: str, hits: int, misses: int) -> None:
    """Add to what the workers of `queue` counted, so that the sum stays when one of them ends."""
    counted = {"hits": hits, "misses": misses}
    added = {"hits": Conditioning.hits + hits, "misses": Conditioning.misses + misses}
    _upsert(session, Conditioning, {"queue": queue}, counted, added)


def conditioning_counts(session: Session) -> dict[str, Conditioning]:
    """Return what was counted by queue; nothing of one whose workers counted nothing yet."""
    return {counted.queue: counted for counted in session.scalars(select(Conditioning))}


def _upsert(
    session: Session,
    table: type[Table],
    key: dict[str, Any],
    values: dict[str, Any],
    changes: dict[str, Any] | None = None,
) -> None:
    """Insert, or update to `values` or by `changes`, in one statement: workers announce at the same time."""
    changes = changes or values
    if session.get_bind().dialect.name == "postgresql":
        onto = insert_postgresql(table).values(key | values)
        session.execute(onto.on_conflict_do_update(index_elements=list(key), set_=changes))
    else:
        into = insert_sqlite(table).values(key | values)
        session.execute(into.on_conflict_do_update(index_elements=list(key), set_=changes))


def surely_whole(model: ModelDescription | None, prompts: Iterable[str]) -> bool:
    """Tell whether prompts are so short that the model that is served reads all of each.

    A token of CLIP's stands for one byte at least of what it makes of a prompt: composed, in small letters, without its
    blanks (of which only the space bar's is left out here: Python takes for blanks what a tokenizer does not). Where
    more bytes than tokens fit a worker has to look; so it has before any has announced its model.
    """
    tokens = model.get("limits", {}).get("prompt_tokens") if model else None
    return tokens is not None and all(_bytes(prompt) <= tokens for prompt in prompts)


def _bytes(prompt: str) -> int:
    return len(unicodedata.normalize("NFC", prompt).lower().replace(" ", "").encode())
