from worker.lease import Drain


class Clock:
    """A clock that stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_that_was_not_told_to_stop_goes_on_for_ever() -> None:
    clock = Clock()
    drain = Drain(20, clock)
    clock.now = 1e9
    assert not drain.begun
    assert not drain.over


def test_the_job_under_way_may_go_on_for_the_time_set_and_no_longer() -> None:
    clock = Clock()
    drain = Drain(20, clock)
    drain.begin()
    assert drain.begun
    clock.now = 19.9
    assert not drain.over
    clock.now = 20.0
    assert drain.over


def test_being_told_again_does_not_prolong_it() -> None:
    clock = Clock()
    drain = Drain(20, clock)
    drain.begin()
    clock.now = 19.0
    drain.begin()
    clock.now = 20.0
    assert drain.over
