import logging
import threading
import time
from collections.abc import Iterator

import pytest

from worker.work import LookAhead


def counted(done: list[int], pieces: int, seconds: float = 0.0) -> Iterator[None]:
    """So many pieces of work, each noted when it is done."""
    for piece in range(pieces):
        time.sleep(seconds)
        done.append(piece)
        yield


def work_to_its_end(preparation: LookAhead) -> None:
    """Start it and wait until nothing is under way any more."""
    preparation.start()
    thread = next((each for each in threading.enumerate() if each.name == "preparation"), None)
    if thread is not None:
        thread.join(10)
        assert not thread.is_alive()


def test_it_works_until_all_is_done_and_starting_it_again_does_nothing() -> None:
    done: list[int] = []
    preparation = LookAhead(counted(done, 3))
    for _ in range(2):
        work_to_its_end(preparation)
        assert done == [0, 1, 2]


def test_once_stopped_nothing_is_under_way_and_it_goes_on_where_it_was_left() -> None:
    done: list[int] = []
    preparation = LookAhead(counted(done, 20, seconds=0.02))
    preparation.start()
    time.sleep(0.05)
    preparation.stop()
    left = list(done)
    assert 0 < len(left) < 20
    time.sleep(0.1)
    assert done == left
    work_to_its_end(preparation)
    assert done == list(range(20))


def test_it_can_be_stopped_before_it_was_started() -> None:
    LookAhead(iter(())).stop()


def test_a_piece_that_fails_is_logged_and_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    def failing() -> Iterator[None]:
        yield
        raise OSError("out of memory")

    preparation = LookAhead(failing())
    with caplog.at_level(logging.ERROR):
        work_to_its_end(preparation)
    assert "could not look ahead" in caplog.text
    work_to_its_end(preparation)
