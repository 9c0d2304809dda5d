"""What goes wrong, as exceptions: by status, with the whole problem, and never with the key."""

import logging
import pickle
import socket
import traceback

import httpx
import pytest
from sqlalchemy import Engine

import sepme
from sepme import Client
from sepme.client import errors
from tests.app import working
from tests.sepme.client.conftest import plain_client
from tests.sepme.client.faults import Answered, AnswerLost, FaultyLine

SECRET = "sepme_0123456789abcdef_thesecretpart"


def test_a_problem_is_the_exception_of_its_status_with_all_that_it_says(client: Client) -> None:
    with pytest.raises(sepme.NotFound) as refusal:
        client.concepts.get("cat")
    error = refusal.value
    assert (error.status, error.type, error.slug) == (404, "/problems/concept-not-found", "concept-not-found")
    assert (error.title, error.detail) == ("No such concept", "No concept is named 'cat'.")
    assert error.remedy is not None
    assert error.remedy in str(error)
    assert error.problem["instance"] == "/concepts/cat"
    assert error.request_id


def test_fields_that_do_not_fit_are_listed_and_said(client: Client) -> None:
    with pytest.raises(sepme.Unprocessable) as refusal:
        client.generate("a cat", steps=999, width=1000)
    assert [field["pointer"] for field in refusal.value.errors] == ["#/steps", "#/width"]
    assert "#/width: width must be from 64 to 128 for this model, not 1000." in str(refusal.value)


@pytest.mark.parametrize(("status", "kind"), sorted(errors.BY_STATUS.items()))
def test_every_status_has_its_class(dead_line: FaultyLine, status: int, kind: type[sepme.APIError]) -> None:
    dead_line.faults[:] = [Answered(status)]
    with plain_client(dead_line.url, retries=0) as client, pytest.raises(kind) as refusal:
        client.model()
    assert refusal.value.status == status


@pytest.mark.parametrize(
    ("status", "kind"), [(418, sepme.APIError), (507, sepme.ServerError), (599, sepme.ServerError)]
)
def test_a_status_without_a_class_has_that_of_its_hundred(
    over_the_dead_line: Client, dead_line: FaultyLine, status: int, kind: type[sepme.APIError]
) -> None:
    dead_line.faults[:] = [Answered(status)]
    with pytest.raises(kind) as refusal:
        over_the_dead_line.model()
    assert type(refusal.value) is kind


def test_an_error_page_of_something_in_between_is_said_to_be_that(
    over_the_dead_line: Client, dead_line: FaultyLine
) -> None:
    dead_line.faults[:] = [Answered(404, {"Content-Type": "text/html; charset=utf-8"})]
    with pytest.raises(sepme.NotFound, match="is no problem document, but text/html") as refusal:
        over_the_dead_line.concepts.get("cat")
    assert refusal.value.type == "about:blank"
    assert "SEPME_URL" in str(refusal.value)


def test_a_page_in_place_of_an_answer_is_said_to_be_that(over_the_dead_line: Client, dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(200, {"Content-Type": "text/html"})]
    with pytest.raises(sepme.UnexpectedAnswer, match="is no ConceptDocument, but text/html"):
        over_the_dead_line.concepts.get("cat")


def test_a_redirect_is_not_followed_and_named(over_the_dead_line: Client, dead_line: FaultyLine) -> None:
    dead_line.faults[:] = [Answered(301, {"Location": "https://elsewhere.example/concepts/cat"})]
    with pytest.raises(sepme.UnexpectedAnswer, match=r"a redirect to https://elsewhere\.example/concepts/cat") as told:
        over_the_dead_line.concepts.get("cat")
    assert told.value.status == 301


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(sepme.CannotReach, match="Is the service up") as told,
    ):
        client.model()
    assert not told.value.may_have_arrived


def test_an_answer_that_does_not_come() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, retries=0, answer_seconds=0.1) as client, pytest.raises(TimeoutError) as told:
            client.model()
    assert isinstance(told.value, sepme.AnswerTimeout)


def test_an_overlap_is_an_error_of_the_job_with_its_problem(client: Client, engine: Engine) -> None:
    job = client.concepts.erase("failing", wait=False)
    problem = {"type": "/problems/no-capacity", "title": "No room", "status": 409, "detail": "Full.", "left": 0}
    working.fail(engine, job.id, **problem)
    with pytest.raises(sepme.JobFailed) as failure:
        job.wait()
    assert (failure.value.job_id, failure.value.slug) == (job.id, "no-capacity")
    assert failure.value.problem["left"] == 0  # type: ignore[typeddict-item]  # a member of its type
    assert client.jobs.get(job.id).state == "failed"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_lead_elsewhere_is_refused(client: Client, name: str) -> None:
    with pytest.raises(sepme.InvalidArgument):
        client.concepts.purge(name)


def test_a_name_with_a_slash_is_one_name(client: Client) -> None:
    with pytest.raises(sepme.APIError) as refusal:
        client.keys.get("../concepts")
    assert "/keys/" in str(refusal.value.problem["instance"])


def test_the_key_is_in_no_representation_exception_or_log(line: FaultyLine, caplog: pytest.LogCaptureFixture) -> None:
    told = []
    line.faults[:] = [Answered(401), AnswerLost(), Answered(301, {"Location": "/"})]
    with caplog.at_level(logging.DEBUG), plain_client(line.url, SECRET, retries=0) as client:
        told.append(repr(client) + repr(client.concepts) + repr(client.connection))
        for _ in range(3):
            try:
                client.keys.list().__next__()
            except sepme.SepmeError as error:
                chain = [error, error.__cause__, error.__context__]
                told += ["".join(traceback.format_exception(error)), repr(chain), repr(vars(error))]
    assert line.headers("Authorization") == [f"Bearer {SECRET}"] * 3
    assert len(told) == 10
    assert SECRET not in "".join(told)
    assert SECRET not in caplog.text
    assert "thesecretpart" not in caplog.text


@pytest.mark.parametrize("key", ["sepme_a b", "sepme_a\nb", "sepme_ä"], ids=["space", "line", "letter"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_said(key: str) -> None:
    with pytest.raises(sepme.InvalidArgument) as refusal:
        Client("http://127.0.0.1", key)
    assert key not in str(refusal.value)


@pytest.mark.parametrize("url", ["http://user:secret@host", "ftp://host", "host:8000", "http://", "http://host/?a=b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url must") as refusal:
        Client(url)
    assert "secret" not in str(refusal.value)


def test_all_that_is_raised_is_a_sepme_error() -> None:
    raised = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(raised) > 20
    assert all(issubclass(each, sepme.SepmeError) for each in raised)
    assert not any(issubclass(each, httpx.HTTPError) for each in raised)


def test_an_error_can_be_sent_to_another_process() -> None:
    problem = {"type": "/problems/queue-full", "title": "Full", "status": 429, "detail": "Too many."}
    error = sepme.TooManyRequests(problem, retry_after=3)  # type: ignore[arg-type]
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.slug, again.retry_after) == (str(error), "queue-full", 3)


def test_a_wait_that_ended_can_be_sent_too(client: Client) -> None:
    with pytest.raises(sepme.WaitTimeout) as told:
        client.concepts.erase("waiting", timeout=0)
    again = pickle.loads(pickle.dumps(told.value))
    assert (str(again), again.job) == (str(told.value), told.value.job)
