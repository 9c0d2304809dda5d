from functools import partial
from typing import Any

from sqlalchemy import Engine, update

from sepme_core.registry import serving
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Worker
from sepme_core.registry.types import database_time
from tests.sepme_core.registry.work import BASE, OTHER_BASE, at_once


def announce(engine: Engine, **changes: object) -> None:
    description: Any = {"name": "demo", "base_digest": BASE, **changes}
    with writing(engine) as session:
        serving.announce_model(session, description)


def heartbeat(engine: Engine, worker: str, queue: str = "erase", base_digest: str = BASE) -> None:
    with writing(engine) as session:
        serving.announce_worker(session, worker, queue, base_digest)


def not_seen_for(engine: Engine, worker: str, seconds: float) -> None:
    with writing(engine) as session:
        session.execute(update(Worker).where(Worker.name == worker).values(seen_at=database_time(-seconds)))


def current(engine: Engine) -> Any:
    with reading(engine) as session:
        return serving.current_model(session)


def seen(engine: Engine, within_seconds: float = 10.0) -> list[str]:
    with reading(engine) as session:
        return [worker.name for worker in serving.workers(session, within_seconds)]


def test_before_any_worker_no_model_is_served(engine: Engine) -> None:
    assert current(engine) is None
    assert seen(engine) == []


def test_the_model_announced_last_is_served(engine: Engine) -> None:
    announce(engine, capacity={"left": 100})
    announce(engine, base_digest=OTHER_BASE)
    assert current(engine) == {"name": "demo", "base_digest": OTHER_BASE}
    announce(engine, capacity={"left": 90})
    assert current(engine) == {"name": "demo", "base_digest": BASE, "capacity": {"left": 90}}


def test_workers_that_announce_at_once_make_one_row(engine: Engine) -> None:
    outcomes = at_once(*(partial(announce, engine, position=1) for _ in range(4)))
    assert outcomes == [None] * 4
    assert at_once(*(partial(heartbeat, engine, "erase-1") for _ in range(4))) == [None] * 4
    assert seen(engine) == ["erase-1"]


def test_a_worker_is_up_while_it_is_seen(engine: Engine) -> None:
    heartbeat(engine, "generate-1", "generate")
    heartbeat(engine, "erase-1")
    assert seen(engine) == ["erase-1", "generate-1"]
    not_seen_for(engine, "erase-1", 11.0)
    assert seen(engine) == ["generate-1"]
    heartbeat(engine, "erase-1", base_digest=OTHER_BASE)
    with reading(engine) as session:
        worker = serving.workers(session, 10.0)[0]
    assert (worker.name, worker.queue, worker.base_digest) == ("erase-1", "erase", OTHER_BASE)
    assert worker.seen_at >= worker.started_at


def test_a_worker_that_ends_is_gone_at_once(engine: Engine) -> None:
    heartbeat(engine, "erase-1")
    with writing(engine) as session:
        serving.withdraw_worker(session, "erase-1")
    assert seen(engine) == []


def test_workers_not_seen_for_a_day_are_forgotten(engine: Engine) -> None:
    heartbeat(engine, "old")
    not_seen_for(engine, "old", 90_000.0)
    assert seen(engine, 100_000.0) == ["old"]
    heartbeat(engine, "new")
    assert seen(engine, 100_000.0) == ["new"]


def test_what_prompts_hit_and_missed_adds_up_over_workers_at_once_and_stays_when_they_end(engine: Engine) -> None:
    def count(hits: int, misses: int, queue: str = "generate") -> None:
        with writing(engine) as session:
            serving.count_conditioning(session, queue, hits, misses)

    with reading(engine) as session:
        assert serving.conditioning_counts(session) == {}
    assert at_once(*(partial(count, 3, 1) for _ in range(4))) == [None] * 4
    count(2**40, 0)
    count(0, 7, "erase")
    heartbeat(engine, "generate-1", "generate")
    with writing(engine) as session:
        serving.withdraw_worker(session, "generate-1")
    with reading(engine) as session:
        counted = {queue: (each.hits, each.misses) for queue, each in serving.conditioning_counts(session).items()}
    assert counted == {"generate": (2**40 + 12, 4), "erase": (0, 7)}
