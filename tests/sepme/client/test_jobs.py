"""Jobs that are waited for and followed, and what they end with."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from sqlalchemy import Engine

import sepme
from sepme import AsyncClient, Client
from sepme.client import events, jobs
from sepme_core.documents.answers import ConceptDocument
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService, running
from tests.sepme.client.conftest import plain_client
from tests.sepme.client.faults import Answered, AnswerLost, CutAfter, Fault, FaultyLine, Reset, faulty_line

Told = sepme.Job[sepme.Blocking, ConceptDocument]


@pytest.fixture(scope="module")
def blobs(settings: Settings) -> Blobs:
    return open_blobs(settings.blob_url)


@pytest.fixture
def _worker(engine: Engine, blobs: Blobs) -> Iterator[None]:
    """Jobs are done by and by."""
    with working.working(engine, blobs):
        yield


@pytest.fixture
def told(client: Client, engine: Engine, blobs: Blobs) -> Told:
    """A job with three events of progress that then succeeded."""
    job = client.concepts.erase(f"told-{time.monotonic_ns()}", wait=False)
    claimed = working.claim(engine, job.id, lease_seconds=0.001)
    for step in (1, 2, 3):
        working.report(engine, claimed, step)
    working.erase(engine, blobs, job.id)
    return job


@pytest.mark.usefixtures("_worker")
def test_a_call_ends_when_its_job_has(client: Client) -> None:
    job = client.concepts.erase("sepia", kind="style", case="2026-0117")
    assert (job.state, job.result["name"], job.result["state"]) == ("succeeded", "sepia", "erased")
    assert job.document["case"] == "2026-0117"


@pytest.mark.usefixtures("_worker")
def test_pictures_are_saved_and_made_again(client: Client, tmp_path: Path) -> None:
    job = client.generate("a cat", seed=7, count=2, erased=[])
    assert [image.seed for image in job.images] == [7, 8]
    place = job.images[1].save(tmp_path / "a.png")
    assert place.read_bytes() == job.images[1].content() == client.images.get(job.images[1].id).content()
    assert job.images[1].record()["replay"] is not None
    assert client.replay(job.images[1].id).sha256 == job.images[1].sha256


def test_without_waiting_the_job_is_given_at_once(client: Client) -> None:
    job = client.generate("a cat", wait=False)
    assert job.state == "queued"
    assert not job.finished
    with pytest.raises(sepme.JobUnfinished, match="wait"):
        assert job.images


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.2])
def test_a_wait_takes_no_longer_than_it_was_given(client: Client, seconds: float) -> None:
    job = client.concepts.erase("waiting", wait=False)
    began = time.monotonic()
    with pytest.raises(sepme.WaitTimeout) as up:
        job.wait(timeout=seconds)
    assert seconds <= time.monotonic() - began < seconds + 5
    assert up.value.job["id"] == job.id


def test_a_wait_is_asked_for_in_rounds(
    over_the_line: Client, line: FaultyLine, engine: Engine, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROUND_SECONDS", 1)
    job = over_the_line.generate("a cat", wait=False)
    with pytest.raises(sepme.WaitTimeout):
        job.wait(timeout=2.9)
    assert line.headers("Prefer")[:3] == [None, "wait=1", "wait=1"]
    working.draw(engine, blobs, job.id)
    assert job.wait().finished


def test_a_service_that_holds_no_line_is_asked_once_a_second(another_settings: Settings) -> None:
    settings = another_settings.model_copy(update={"wait_limit_seconds": 0.0})
    with running(settings) as service, faulty_line(service.url) as line, plain_client(line.url) as client:
        job = client.concepts.erase("waiting", wait=False)
        with pytest.raises(sepme.WaitTimeout):
            job.wait(timeout=1.9)
    assert line.headers("Prefer") == [None, "wait=1", None]  # at once, and at the end


def test_a_wait_outlives_a_line_that_breaks(
    over_the_line: Client, line: FaultyLine, engine: Engine, blobs: Blobs
) -> None:
    job = over_the_line.generate("a cat", wait=False)
    working.draw(engine, blobs, job.id)
    line.faults[:] = [Reset(), AnswerLost()]
    assert job.wait().state == "succeeded"


def test_a_cancelled_job_says_so_to_whoever_waits(client: Client) -> None:
    job = client.concepts.erase("cancelled", wait=False)
    assert job.cancel().state == "cancelled"
    with pytest.raises(sepme.JobCancelled, match="cancelled"):
        job.wait()
    with pytest.raises(sepme.Conflict):
        client.jobs.cancel(job.id)


def test_of_several_those_that_fail_are_named(client: Client, engine: Engine, blobs: Blobs) -> None:
    problem = {"type": "/problems/no-capacity", "title": "No room", "status": 409, "detail": "Full."}

    def queued(concept: str) -> list[str]:
        return [job.id for job in client.jobs.list(concept=concept, state="queued")]

    with ThreadPoolExecutor() as pool:
        asked = pool.submit(client.concepts.erase_all, [{"name": "good"}, {"name": "bad"}])
        working.eventually(lambda: queued("good") and queued("bad"))
        working.fail(engine, queued("bad")[0], **problem)
        working.erase(engine, blobs, queued("good")[0])
        with pytest.raises(sepme.JobsFailed, match=r"1 of 2 jobs failed. bad: No room") as failed:
            asked.result()
    assert [failure.slug for failure in failed.value.failures] == ["no-capacity"]
    assert [job["state"] for job in failed.value.jobs] == ["succeeded", "failed"]


def test_a_line_that_held_for_long_is_not_given_up(
    over_the_line: Client, line: FaultyLine, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STEADY_SECONDS", 0.0)
    job: Told = sepme.Job(over_the_line.connection, told.document)
    line.faults[:] = [CutAfter(0)] * 4
    assert [event.id for event in job.events()] == [1, 2, 3, 4]


def test_prompts_that_a_worker_has_to_look_at_are_waited_for(another_settings: Settings) -> None:
    engine, blobs = make_engine(another_settings.database_url), open_blobs(another_settings.blob_url)
    working.announce(engine)
    with running(another_settings) as service, plain_client(service.url) as client:
        with working.working(engine, blobs):
            client.concepts.erase("cat", irrevocable=True)
            assert client.protected.put("logo", ["Acme"])["prompts"] == ["Acme"]
            assert len(list(client.jobs.list(kind="protect"))) == 1
        with pytest.raises(sepme.WaitTimeout) as up:
            client.protected.put("brand", ["Brand"], timeout=0)
        assert up.value.job["kind"] == "protect"
    engine.dispose()


def test_what_bears_an_erasure_out_is_fetched(client: Client, engine: Engine, blobs: Blobs, tmp_path: Path) -> None:
    job = client.concepts.erase("shown", wait=False)
    working.erase(engine, blobs, job.id, evidence=True)
    attestation = client.concepts.attestation("shown")
    assert attestation.envelope["payloadType"] == "application/vnd.in-toto+json"
    digest = client.concepts.get("shown")["digest"]
    assert attestation.statement["subject"][0]["digest"]["sha256"] == str(digest).removeprefix("sha256:")
    bundle = client.concepts.bundle("shown")
    assert bundle.name == "shown.zip"
    assert "attestation.json" in ZipFile(bundle.save(tmp_path / bundle.name)).namelist()


def test_events_are_told_up_to_the_last(client: Client, told: Told) -> None:
    found = list(client.jobs.get(told.id).events())
    assert [event.kind for event in found] == ["progress", "progress", "progress", "succeeded"]
    assert [event.progress and event.progress["step"] for event in found] == [1, 2, 3, None]
    assert client.jobs.get(told.id).document == {**found[-1].data, "position": None}
    assert [event.id for event in told.events(after=2)] == [3, 4]
    assert list(told.events(after=4)) == []


def test_a_stream_that_breaks_is_taken_up_where_it_broke(
    over_the_line: Client,
    line: FaultyLine,
    told: Told,
) -> None:
    line.faults[:] = [CutAfter(1), Reset(), CutAfter(2)]
    job: Told = sepme.Job(over_the_line.connection, told.document)
    assert [event.id for event in job.events()] == [1, 2, 3, 4]
    assert line.headers("Last-Event-ID") == [None, "1", "1", "3"]


AWAY: list[Fault] = [Reset(), Reset(), Answered(503, {}, b"")]
"""All that a request and its retries get."""


@pytest.mark.usefixtures("_worker")
def test_a_service_that_is_away_for_a_while_is_waited_for(over_the_line: Client, line: FaultyLine) -> None:
    job = over_the_line.concepts.erase(f"away-{time.monotonic_ns()}", wait=False)
    line.faults[:] = [*AWAY, *AWAY]
    assert job.wait(timeout=60).state == "succeeded"
    assert line.faults == []
    line.faults[:] = [*AWAY, *AWAY]
    assert [event.kind for event in job.events()][-1] == "succeeded"
    assert line.faults == []


def test_one_that_stays_away_is_not(line: FaultyLine, told: Told) -> None:
    line.faults[:] = [*AWAY, *AWAY, *AWAY]
    with plain_client(line.url, retries=2, away_seconds=0.0) as impatient:
        job: Told = sepme.Job(impatient.connection, told.document)
        with pytest.raises(sepme.ServiceUnavailable):
            job.wait()
        with pytest.raises(sepme.ServiceUnavailable):
            list(job.events())
    assert len(line.faults) == 3


def test_a_stream_that_tells_nothing_new_is_given_up(
    over_the_line: Client,
    line: FaultyLine,
    told: Told,
) -> None:
    job: Told = sepme.Job(over_the_line.connection, told.document)
    line.faults[:] = [CutAfter(0)] * 9
    with pytest.raises(sepme.ConnectionLost, match="after number 0"):
        list(job.events())
    assert len(line.seen) == 3


def test_whoever_stops_listening_hangs_up_at_once(client: Client, told: Told) -> None:
    """In a notebook too, where a loop runs that would close what was left open later."""

    async def listen() -> None:
        with plain_client(client.connection.address, retries=0) as one:
            for event in one.jobs.get(told.id).events():
                assert event.id == 1
                break
            pool = one.connection.http._transport._pool  # type: ignore[attr-defined]
            assert [connection for connection in pool.connections if not connection.is_idle()] == []

    asyncio.run(listen())


@pytest.mark.usefixtures("_worker")
def test_whoever_awaits_gets_the_same(service: RunningService, tmp_path: Path) -> None:
    async def use() -> None:
        transport = httpx.AsyncHTTPTransport(verify=False)
        async with AsyncClient(service.url, transport=transport) as client:
            started = [await client.generate("a cat", seed=seed, erased=[], wait=False) for seed in (1, 2)]
            first, second = await asyncio.gather(*(job.wait() for job in started))
            assert [image.seed for image in (*first.images, *second.images)] == [1, 2]
            assert (await first.images[0].save(tmp_path / "a.png")).read_bytes()[1:4] == b"PNG"
            assert [event.kind async for event in first.events()] == ["succeeded"]
            assert {first.id, second.id} <= {job.id async for job in client.jobs.list(kind="generate", page_size=1)}
            with pytest.raises(sepme.NotFound):
                await client.images.get("nowhere")

    asyncio.run(use())
