import pytest
from sqlalchemy import Engine

from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run


@pytest.fixture
def erased(run: Run, service: RunningService, engine: Engine, blobs: Blobs) -> None:
    del service
    working.erase(engine, blobs, run("erase", "cat", "--no-wait", "--json").document["id"])


def test_it_says_what_it_did(run: Run, erased: None) -> None:
    del erased
    said = run("restore", "cat", "--case", "appeal-1")
    assert said.status == 0
    assert "cat is restored" in said.out
    assert "Version 1 is kept" in said.out
    assert run("restore", "cat").out == "cat was restored already.\n"
    assert run("restore", "cat", "--json").document["state"] == "restored"


def test_it_says_which_job_it_cancelled(run: Run, service: RunningService) -> None:
    del service
    job = run("erase", "dog", "--no-wait", "--json").document["id"]
    said = run("restore", "dog")
    assert f"The job {job} that was at it is cancelled." in said.out
    assert run("jobs", "--json", "--", job).document["state"] == "cancelled"


def test_what_is_erased_for_good_is_refused(run: Run, erased: None, engine: Engine, blobs: Blobs) -> None:
    del erased
    working.erase(engine, blobs, run("erase", "dog", "--irrevocable", "--no-wait", "--json").document["id"])
    said = run("restore", "dog")
    assert said.status == 2
    assert "irrevocabl" in said.err.lower()


def test_purging_asks_and_where_nobody_can_be_asked_takes_yes(run: Run, erased: None) -> None:
    del erased
    said = run("purge", "cat")
    assert (said.status, said.out) == (2, "")
    assert "--yes" in said.err
    assert run("concepts", "cat").status == 0
    assert run("purge", "cat", "--yes").out == "cat is forgotten, and its capacity is free.\n"
    assert run("concepts", "cat").status == 2
    assert run("purge", "cat", "--yes").status == 2
