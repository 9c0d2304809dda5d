"""Which service a client asks, as whom, and what it costs to have one."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import assert_type

import httpx
import pytest

import sepme
from sepme import AsyncClient, Client
from sepme_core.documents.answers import ConceptDocument
from sepme_core.documents.pictures import PicturesDocument
from sepme_core.settings import Settings
from tests.app.running import RunningService, running
from tests.sepme.client.conftest import plain_client
from tests.sepme.client.faults import Answered, FaultyLine


def test_address_and_key_are_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, dead_line: FaultyLine) -> None:
    monkeypatch.setenv("SEPME_URL", dead_line.url + "/")
    monkeypatch.setenv("SEPME_KEY", "sepme_a_b\n")
    dead_line.faults[:] = [Answered(200, body=b"{}")]
    with Client() as client:
        client.model()
    assert dead_line.headers("Authorization") == ["Bearer sepme_a_b"]
    assert dead_line.headers("User-Agent") == [f"sepme-python/{sepme.__version__}"]


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch, dead_line: FaultyLine) -> None:
    monkeypatch.setenv("SEPME_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SEPME_KEY", "sepme_other")
    dead_line.faults[:] = [Answered(200, body=b"{}")]
    with Client(dead_line.url, "sepme_a_b") as client:
        client.model()
    assert dead_line.headers("Authorization") == ["Bearer sepme_a_b"]


def test_without_either_it_is_the_service_of_this_machine_without_a_key() -> None:
    with Client() as client:
        assert repr(client) == "<sepme.Client at http://127.0.0.1:8000>"
        assert "Authorization" not in client.connection.http.headers


def test_a_service_may_lie_below_a_path(dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(200, body=b"{}")]
    with plain_client(f"{dead_line.url}/images/") as client:
        client.concepts.get("van-gogh")
    assert [path for _, path, _ in dead_line.seen] == ["/images/concepts/van-gogh"]


def test_names_are_quoted(dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(200, body=b"{}")]
    with plain_client(dead_line.url) as client:
        client.concepts.get("a/b?c#d")
    assert [path for _, path, _ in dead_line.seen] == ["/concepts/a%2Fb%3Fc%23d"]


def test_a_closed_client_has_hung_up(service: RunningService) -> None:
    with plain_client(service.url) as client:
        client.health.live()
    assert client.connection.http.is_closed


@pytest.mark.parametrize("page_size", [None, 1, 2, 200])
def test_a_listing_is_had_whole_whatever_its_pages(client: Client, page_size: int | None) -> None:
    for name in ("one", "two", "three"):
        client.protected.put(name, [name])
    assert [entry["name"] for entry in client.protected.list(page_size=page_size)] == ["one", "three", "two"]


def test_what_is_no_listing_is_said_to_be_none(dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(200, {"Content-Type": "application/json"}, b'{"items": 1}')]
    with plain_client(dead_line.url) as client, pytest.raises(sepme.UnexpectedAnswer, match="no list of KeyDocument"):
        list(client.keys.list())


def test_whoever_makes_the_first_key_asks_with_it_from_then_on(another_settings: Settings) -> None:
    with running(another_settings) as service:
        with plain_client(service.url) as anybody:
            key = anybody.keys.create("ops", ["admin"], floor="none", quotas={"erasures_a_day": 5})["key"]
            with pytest.raises(sepme.Unauthorized):
                anybody.model()
        with plain_client(service.url, key) as ops:
            assert [each["name"] for each in ops.keys.list()] == ["ops"]
            rotated = ops.keys.rotate("ops", overlap_seconds=60)
        with plain_client(service.url, rotated["key"]) as ops:
            expiring = ops.keys.create(
                "shop", ["generate"], floor="active", expires_at=datetime(2100, 1, 1, tzinfo=UTC)
            )
            assert expiring["expires_at"] == "2100-01-01T00:00:00.000000Z"
            assert ops.keys.revoke("shop")["revoked_at"] is not None
            with plain_client(service.url, expiring["key"]) as shop, pytest.raises(sepme.Unauthorized, match="revoked"):
                shop.model()


def test_a_listing_asks_for_no_page_that_nobody_wants(over_the_line: Client, line: FaultyLine) -> None:
    for name in ("one", "two", "three"):
        over_the_line.protected.put(name, [name])
    line.seen.clear()
    entries = over_the_line.protected.list(page_size=1)
    assert next(entries)["name"] == "one"
    assert len(line.seen) == 1


def test_what_has_changed_since_it_was_seen_is_not_restored(client: Client) -> None:
    client.concepts.erase("changing", wait=False)
    seen = client.concepts.get_tagged("changing")
    client.concepts.restore("changing", if_match=seen.etag)
    with pytest.raises(sepme.PreconditionFailed):
        client.concepts.restore("changing", if_match='"another"')


def test_a_client_costs_nothing_until_it_is_named() -> None:
    program = """
import sys, sepme
print(sorted({"httpx", "pydantic", "sepme.client"} & set(sys.modules)), sepme.__version__)
sepme.Client
unwanted = {"torch", "numpy", "sqlalchemy", "fastapi", "celery", "app", "worker"}
print(sorted(unwanted & {name.partition(".")[0] for name in sys.modules}))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [f"[] {sepme.__version__}", "[]"]


def test_what_is_not_there_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Cleint'"):
        _ = sepme.Cleint  # type: ignore[attr-defined]


def test_all_that_the_client_has_is_had_of_sepme() -> None:
    from sepme import client

    assert set(client.__all__) < set(dir(sepme))
    assert [getattr(sepme, name) for name in client.__all__] == [getattr(client, name) for name in client.__all__]


def types_of_a_client(client: Client) -> None:
    """What mypy knows; never called."""
    assert_type(client.concepts.get("cat"), ConceptDocument)
    assert_type(client.concepts.list(), Iterator[ConceptDocument])
    job = client.generate("a cat", seed=1)
    assert_type(job, sepme.Job[sepme.Blocking, PicturesDocument])
    assert_type(job.wait(timeout=1), sepme.Job[sepme.Blocking, PicturesDocument])
    assert_type(job.events(), Iterator[sepme.Event])
    assert_type(job.images[0].content(), bytes)
    client.concepts.erase("cat", kind="colour")  # type: ignore[arg-type]
    client.concepts.erase("cat", prompt="cat")  # type: ignore[call-arg]


async def types_of_one_that_awaits(client: AsyncClient) -> None:
    """What mypy knows; never called."""
    assert_type(await client.concepts.get("cat"), ConceptDocument)
    assert_type(client.concepts.list(), AsyncIterator[ConceptDocument])
    job = await client.generate("a cat", seed=1)
    assert_type(job, sepme.Job[sepme.Awaiting, PicturesDocument])
    assert_type(await job.wait(timeout=1), sepme.Job[sepme.Awaiting, PicturesDocument])
    assert_type(job.events(), AsyncIterator[sepme.Event])
    assert_type(await job.images[0].content(), bytes)
    client.concepts.get("cat")["name"]  # type: ignore[index]


def test_a_transport_of_ones_own_is_taken() -> None:
    with Client("https://service.example", transport=httpx.HTTPTransport(verify=False)) as client:
        assert client.connection.address == "https://service.example"
