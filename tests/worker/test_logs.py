"""What a worker logs of its jobs: which they are and for whom, and nothing of what they say unless it is asked to."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sepme_core import logs
from tests.logged import logged
from tests.worker.masks import asked_for
from tests.worker.processes import answer
from tests.worker.rows import accepted_erasure, claimed, problem
from worker import ending, generate, problems, work
from worker.lease import Lease
from worker.process import WorkerProcess

SAID = "it's a MARKED cat"


def picture(worker: WorkerProcess) -> str:
    return asked_for(worker, [], prompt=SAID)


def erasure(worker: WorkerProcess) -> str:
    return accepted_erasure(worker.engine, prompts=[SAID])


@pytest.fixture(params=[picture, erasure])
def job_id(request: pytest.FixtureRequest, worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """A job of a request with an id, whose work ends by an error that quotes it."""

    def fail(_worker: WorkerProcess, lease: Lease) -> None:
        raise RuntimeError(f"of all things: {lease.claim.request}")

    monkeypatch.setattr(generate, "prepare", fail)
    monkeypatch.setitem(work.WORK, "erase", fail)
    ask: Callable[[WorkerProcess], str] = request.param
    with logs.about_request("asked-17"):
        return ask(worker)


def test_an_incident_is_logged_for_its_job_and_request_without_what_was_said(
    worker: WorkerProcess, job_id: str
) -> None:
    with logged(worker.settings) as written:
        answer(worker, job_id)
    failed = problem(worker.engine, job_id)
    assert (failed["type"], failed["request_id"]) == ("internal-error", "asked-17")
    assert f"incident {failed['incident']} [job {job_id}, request asked-17]" in written.getvalue()
    assert "of all things" in written.getvalue()
    assert "MARKED" not in written.getvalue()


def test_prompts_are_logged_where_the_operator_asks_for_them(worker: WorkerProcess, job_id: str) -> None:
    asked = replace(worker, settings=worker.settings.model_copy(update={"log_prompts": True}))
    with logged(asked.settings) as written:
        answer(asked, job_id)
    (said,) = [each for each in written.getvalue().splitlines() if "says: " in each]
    assert f"Job {job_id} says: " in said
    assert SAID in said


def test_a_refusal_is_logged_by_its_kind_alone(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [], prompt="a cat that is MARKED as too long")
    refused = problems.Refused(problems.of_invalid_field("It is read as 'a cat that is MARKED' alone.", "#/prompt"))
    with logged(worker.settings) as written:
        ending.end(worker, claimed(worker.engine, job_id), refused)
    assert problem(worker.engine, job_id)["type"] == "invalid-request"
    assert f"Job {job_id} is refused: invalid-request." in written.getvalue()
    assert "MARKED" not in written.getvalue()
