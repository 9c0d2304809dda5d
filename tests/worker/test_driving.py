import time
from collections.abc import Generator

import pytest
from sqlalchemy import Engine

from sepme_core.erasure import Progress
from tests.worker.rows import accepted_erasure, claimed, events
from worker.driving import TimeLeft, drive, in_words
from worker.lease import LOOK_SECONDS, Drain, Lease

PASS_SECONDS = 0.1


def passes(count: int) -> None:
    time.sleep(count * PASS_SECONDS)


def work(step: int) -> Generator[Progress, None, str]:
    yield Progress(0, 10, 1.0, 1.0, "drawing", 40)
    passes(10)
    yield Progress(step, 10, 1.0, 1.0, "solving", 30)
    passes(6)  # longer than between two looks at the database
    yield Progress(step, 10, 1.0, 1.0, "looking under another", None)
    return "made"


@pytest.mark.parametrize(("step", "said"), [(0, "about"), (3, "at most")])
def test_a_job_says_how_long_it_will_still_take_by_how_long_its_passes_took(
    engine: Engine, step: int, said: str
) -> None:
    assert 6 * PASS_SECONDS > LOOK_SECONDS
    job_id = accepted_erasure(engine)
    with Lease(engine, claimed(engine, job_id), seconds=8.0, drain=Drain(60)) as lease:
        assert drive(lease, work(step)) == "made"
    told = [event.data for event in events(engine, job_id) if "step" in event.data]
    assert [each["message"] for each in (told[0], told[-1])] == ["drawing", "looking under another"]
    assert "seconds_left" not in told[0]
    assert "seconds_left" not in told[-1]
    assert 3 <= told[1]["seconds_left"] <= 6
    assert told[1]["message"] == f"solving, {said} {told[1]['seconds_left']} s left"


def test_what_is_not_counted_in_passes_changes_no_estimate() -> None:
    now = [0.0]
    left = TimeLeft(lambda: now[0])

    def after(seconds: float, passes_left: int | None) -> float | None:
        now[0] += seconds
        return left.after(passes_left)

    assert after(0, 100) is None
    assert after(20, 90) == 180  # two seconds a pass
    assert after(500, None) is None
    assert after(500, 80) == 160
    assert after(500, 900) == 1800  # a loop has begun
    assert after(40, 860) == pytest.approx(860 * 60 / 50)


@pytest.mark.parametrize(
    ("seconds", "words"), [(1.4, "1 s"), (89, "89 s"), (91, "2 min"), (3600, "60 min"), (9000, "2 h")]
)
def test_times_are_told_in_the_unit_that_suits_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
