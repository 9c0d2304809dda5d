import time
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sepme_core.canonical import digest_of
from sepme_core.documents.requests import AskedErasure
from sepme_core.registry import concepts, idempotency
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import IdempotencyKeyReused
from sepme_core.registry.idempotency import IdempotencyKey
from sepme_core.registry.tables import IdempotencyRecord, Job
from tests.sepme_core.registry.work import HOLDER, at_once

KEY = IdempotencyKey(HOLDER, "POST", "/concepts/cat/erase", "2f1c")


def erase(engine: Engine, key: IdempotencyKey = KEY, seed: int = 0) -> str:
    """Accept an erasure as the front end does; gives the job's id."""
    body: AskedErasure = {"name": "cat", "options": {"seed": seed}}
    with writing(engine) as session:
        answer: Any = idempotency.begin(session, key, digest_of(body))
        if answer is None:
            answer = {"job": concepts.accept_erasure(session, body, HOLDER).job.id}
            idempotency.complete(session, key, answer)
    return str(answer["job"])


def test_the_same_request_is_answered_the_same(engine: Engine) -> None:
    first = erase(engine)
    assert erase(engine) == first


def test_the_same_key_with_another_body_is_refused(engine: Engine) -> None:
    erase(engine)
    with pytest.raises(IdempotencyKeyReused, match="2f1c"):
        erase(engine, seed=1)


@pytest.mark.parametrize(
    "other",
    [
        IdempotencyKey("somebody else", KEY.method, KEY.path, KEY.key),
        IdempotencyKey(KEY.actor, "PUT", KEY.path, KEY.key),
        IdempotencyKey(KEY.actor, KEY.method, "/erasures", KEY.key),
        IdempotencyKey(KEY.actor, KEY.method, KEY.path, "2f1d"),
    ],
)
def test_keys_are_of_a_holder_a_method_and_a_path(engine: Engine, other: IdempotencyKey) -> None:
    with writing(engine) as session:
        assert idempotency.begin(session, KEY, digest_of(["one body"])) is None
        assert idempotency.begin(session, other, digest_of(["another body"])) is None


def test_the_same_request_sent_at_once_is_done_once(engine: Engine) -> None:
    outcomes = at_once(*(partial(erase, engine) for _ in range(6)))
    assert len(set(outcomes)) == 1
    with reading(engine) as session:
        assert len(session.scalars(select(Job)).all()) == 1


def test_a_key_whose_work_failed_is_free_again(engine: Engine) -> None:
    def take_and_fail() -> None:
        with writing(engine) as session:
            idempotency.begin(session, KEY, digest_of([]))
            raise RuntimeError("the work failed")

    with pytest.raises(RuntimeError):
        take_and_fail()
    assert erase(engine)


def test_old_keys_are_forgotten(engine: Engine) -> None:
    erase(engine)
    time.sleep(0.05)
    with writing(engine) as session:
        assert idempotency.forget(session, older_than_seconds=3600.0) == 0
        assert idempotency.forget(session, older_than_seconds=0.02) == 1
        assert session.scalars(select(IdempotencyRecord)).all() == []
