"""Requests that are sent again: what was asked for is made once, however often its answer is lost."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from sepme import Client, Conflict, ConnectionLost, ServerError, ServiceUnavailable, TooManyRequests
from sepme.client.retrying import retry_after
from sepme_core.settings import Settings
from tests.app.running import running
from tests.sepme.client.conftest import plain_client
from tests.sepme.client.faults import Answered, AnswerLost, Fault, FaultyLine, Reset, faulty_line


@pytest.mark.parametrize(
    "faults",
    [[Answered(503)], [Reset()], [AnswerLost()], [AnswerLost(), Reset()], [Answered(502), AnswerLost()]],
    ids=["unavailable", "reset", "lost", "lost and reset", "bad gateway and lost"],
)
def test_a_retry_makes_one_job(client: Client, over_the_line: Client, line: FaultyLine, faults: list[Fault]) -> None:
    before = [job.id for job in client.jobs.list()]
    line.faults[:] = faults
    job = over_the_line.generate("a cat", wait=False)
    assert [each.id for each in client.jobs.list()] == [job.id, *before]
    keys = line.headers("Idempotency-Key")
    assert len(keys) == len(faults) + 1
    assert len(set(keys)) == 1


def test_each_call_has_a_key_of_its_own(over_the_line: Client, line: FaultyLine) -> None:
    first, second = (over_the_line.generate("a cat", wait=False) for _ in range(2))
    assert first.id != second.id
    assert len(set(line.headers("Idempotency-Key"))) == 2


def test_after_two_retries_it_gives_up(over_the_dead_line: Client, dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Reset()] * 5
    with pytest.raises(ConnectionLost):
        over_the_dead_line.concepts.erase("cat", wait=False)
    assert len(dead_line.seen) == 3


def test_how_often_it_tries_again_can_be_chosen(dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Reset()] * 5
    with plain_client(dead_line.url, retries=0) as client, pytest.raises(ConnectionLost):
        client.concepts.erase("cat", wait=False)
    assert len(dead_line.seen) == 1


def test_a_key_is_not_made_again_where_the_request_arrived(another_settings: Settings) -> None:
    with running(another_settings) as service, faulty_line(service.url) as line, plain_client(line.url) as client:
        line.faults[:] = [AnswerLost()]
        with pytest.raises(ConnectionLost) as lost:
            client.keys.create("shop", ["generate"])
        assert lost.value.may_have_arrived
        assert [path for _, path, _ in line.seen] == ["/keys"]
        assert httpx.get(f"{service.url}/model", verify=False).status_code == 401  # it was made


@pytest.mark.parametrize("fault", [Reset(), Answered(503), Answered(502)], ids=["reset", "503", "502"])
@pytest.mark.parametrize("ask", ["create", "rotate", "webhook", "test"])
def test_what_takes_no_idempotency_key_is_not_sent_again_where_it_may_have_arrived(
    over_the_dead_line: Client, dead_line: FaultyLine, fault: Fault, ask: str
) -> None:
    asked: dict[str, Callable[[], object]] = {
        "create": lambda: over_the_dead_line.keys.create("shop", ["generate"]),
        "rotate": lambda: over_the_dead_line.keys.rotate("shop"),
        "webhook": lambda: over_the_dead_line.webhooks.create("shop", "https://hooks.example/sepme"),
        "test": lambda: over_the_dead_line.webhooks.test("shop"),
    }
    dead_line.faults[:] = [fault, fault]
    with pytest.raises((ConnectionLost, ServerError)):
        asked[ask]()
    assert len(dead_line.seen) == 1
    assert dead_line.headers("Idempotency-Key") == [None]


def test_a_key_is_asked_for_again_after_a_refusal_that_did_nothing(
    over_the_dead_line: Client, dead_line: FaultyLine
) -> None:
    dead_line.faults[:] = [Answered(429, {"Retry-After": "0"}), Answered(200, body=b'{"key": "sepme_a_b"}')]
    assert over_the_dead_line.keys.create("shop", ["generate"])["key"] == "sepme_a_b"


def test_a_purge_whose_answer_is_lost_is_not_sent_again(
    client: Client, over_the_line: Client, line: FaultyLine
) -> None:
    """The second one would be told that there is no such concept."""
    client.concepts.erase("purged", wait=False)
    line.faults[:] = [AnswerLost()]
    with pytest.raises(ConnectionLost):
        over_the_line.concepts.purge("purged")
    assert len(line.seen) == 1
    assert "purged" not in [concept["name"] for concept in client.concepts.list()]


def test_restoring_is_sent_again(client: Client, over_the_line: Client, line: FaultyLine) -> None:
    client.concepts.erase("restored", wait=False)
    line.faults[:] = [AnswerLost()]
    assert over_the_line.concepts.restore("restored")["state"] == "never-erased"
    assert len(line.seen) == 2


def test_the_service_is_left_alone_for_as_long_as_it_asks(over_the_line: Client, line: FaultyLine) -> None:
    line.faults[:] = [Answered(503, {"Retry-After": "1"})]
    began = time.monotonic()
    over_the_line.model()
    assert time.monotonic() - began >= 1


def test_a_service_that_asks_for_an_hour_is_not_waited_for(over_the_dead_line: Client, dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(429, {"Retry-After": "3600"})]
    with pytest.raises(TooManyRequests) as refusal:
        over_the_dead_line.generate("a cat")
    assert refusal.value.retry_after == 3600
    assert len(dead_line.seen) == 1


def test_whether_the_service_lives_is_asked_once(over_the_dead_line: Client, dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(503)]
    with pytest.raises(ServiceUnavailable):
        over_the_dead_line.health.live()
    assert len(dead_line.seen) == 1


def test_a_refusal_is_not_sent_again(over_the_dead_line: Client, dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(409)]
    with pytest.raises(Conflict):
        over_the_dead_line.generate("a cat")
    assert len(dead_line.seen) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [({}, None), ({"Retry-After": "soon"}, None), ({"Retry-After": "7"}, 7.0)],
    ids=["nothing", "no time", "seconds"],
)
def test_what_retry_after_says(said: dict[str, str], seconds: float | None) -> None:
    assert retry_after(httpx.Response(503, headers=said)) == seconds


@pytest.mark.parametrize(("ahead", "least", "most"), [(60, 55, 60), (-60, 0, 0)])
def test_retry_after_may_be_a_date(ahead: int, least: float, most: float) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    seconds = retry_after(httpx.Response(503, headers={"Retry-After": moment}))
    assert seconds is not None
    assert least <= seconds <= most
