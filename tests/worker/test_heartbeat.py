from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from sepme_core.registry import protected, serving
from sepme_core.registry.database import reading, writing
from tests.sepme.processes import until
from worker.heartbeat import Heartbeat
from worker.resident import Resident


def seen(resident: Resident) -> Sequence[tuple[str, str]]:
    with reading(resident.engine) as session:
        return [(worker.name, worker.queue) for worker in serving.workers(session, 10.0)]


def model(resident: Resident) -> dict[str, Any]:
    with reading(resident.engine) as session:
        return serving.current_model(session) or {}


def test_a_worker_is_seen_while_it_lives_and_withdrawn_at_its_end(resident: Resident) -> None:
    heartbeat = Heartbeat(resident)
    heartbeat.start()
    until(lambda: seen(resident) == [(resident.name, "erase")])
    until(lambda: "capacity" in model(resident))
    assert model(resident)["base_digest"] == resident.base.digest
    heartbeat.stop()
    assert seen(resident) == []


def test_the_capacity_that_is_announced_falls_when_prompts_are_protected(resident: Resident) -> None:
    heartbeat = Heartbeat(resident, beat_seconds=0.05)
    heartbeat.start()
    try:
        until(lambda: "capacity" in model(resident))
        before = model(resident)["capacity"]
        assert before["left"] == before["directions"]
        with writing(resident.engine) as session:
            protected.put(session, "our-mascot", ["a penguin with an umbrella"], "tests")
        until(lambda: model(resident)["capacity"]["left"] < before["left"])
    finally:
        heartbeat.stop()


def test_a_database_that_fails_for_a_while_does_not_end_the_heartbeat(resident: Resident) -> None:
    with writing(resident.engine) as session:
        session.execute(text("ALTER TABLE workers RENAME TO elsewhere"))
    heartbeat = Heartbeat(resident, beat_seconds=0.05)
    heartbeat.start()
    try:
        with writing(resident.engine) as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO workers"))
        until(lambda: seen(resident) == [(resident.name, "erase")])
    finally:
        heartbeat.stop()
