from sepme.serve.child import CALM_SECONDS, MOST_SECONDS, Backoff


def test_the_wait_doubles_from_a_fifth_of_a_second_to_half_a_minute() -> None:
    backoff, waits = Backoff(), []
    for _ in range(10):
        backoff = backoff.after_death(lived_seconds=0.0)
        waits.append(backoff.seconds)
    assert waits == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, MOST_SECONDS, MOST_SECONDS]


def test_a_child_that_has_lived_long_is_started_again_at_once() -> None:
    worn = Backoff(deaths=12)
    assert worn.after_death(lived_seconds=CALM_SECONDS).seconds == 0.2


def test_a_million_deaths_do_not_overflow() -> None:
    assert Backoff(deaths=1_000_000).seconds == MOST_SECONDS


def test_whatever_kills_a_child_that_works_twice_a_minute_it_is_always_back_at_once() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff = backoff.after_death(lived_seconds=30.0)
        assert backoff.seconds == 0.2
