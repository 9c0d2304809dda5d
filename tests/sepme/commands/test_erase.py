import httpx
import pytest
from sqlalchemy import Engine

from sepme.commands.endings import CannotDo
from sepme.commands.erase import read_options
from sepme_core import problems
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run

REFUSED = problems.CONCEPT_NOT_DRAWN.document("The base model answers 'dog' with 0.1.", "Check the spelling.")


def test_it_is_followed_to_its_certificate(run: Run, worker: None) -> None:
    del worker
    assert run("erase", "sepia", "--kind", "style", "--prompt", "sepia tone", "--prompt", "sepia").status == 0
    said = run("erase", "van-gogh", "--kind", "style", "--protect", "impressionism")
    assert said.status == 0
    assert "Held against: 1 known (sepia); 1 asked for (impressionism)." in said.err
    assert said.out.startswith("van-gogh: erased, version 1\n")
    words = " ".join(said.out.split())
    assert "correlation 0.0100 with what it was" in words
    assert "others cezanne is moved most, by 0.03%" in words


def test_what_was_asked_is_sent(run: Run, client: httpx.Client) -> None:
    asked = ("--option", "max_steps=7", "--option", "variant=sepme", "--substitute", "a dog", "--irrevocable")
    grounds = ("--case", "2026-1", "--reason", "a notice")
    said = run("erase", "cat", "--kind", "object", *asked, *grounds, "--override", "--no-wait", "--json")
    assert said.status == 0
    job = client.get(f"/jobs/{said.document['id']}").json()
    wanted = {"kind": "object", "substitute": "a dog", "irrevocable": True, "override": True, "prompts": ["cat"]}
    assert wanted.items() <= job["request"].items()
    assert job["request"]["options"] == {"max_steps": 7, "variant": "sepme"}
    assert (job["case"], job["reason"]) == ("2026-1", "a notice")


def test_without_waiting_it_tells_how_to_follow(run: Run, service: RunningService) -> None:
    del service
    said = run("erase", "cat", "--no-wait")
    assert said.status == 0
    assert "queued; `sepme events " in said.out


def test_with_json_there_is_one_document_and_the_progress_elsewhere(run: Run, worker: None) -> None:
    del worker
    said = run("erase", "cat", "--json")
    assert (said.status, said.document["state"]) == (0, "succeeded")
    assert said.document["result"]["name"] == "cat"


def test_what_is_refused_by_the_work_is_1_with_the_problem(run: Run, client: httpx.Client, engine: Engine) -> None:
    job = run("erase", "dog", "--no-wait", "--json").document["id"]
    working.fail(engine, job, **REFUSED)
    said = run("events", "--", job)
    assert said.status == 1
    again = client.get(f"/jobs/{job}").json()
    assert again["problem"]["title"] in said.out


def test_a_job_that_fails_while_it_is_followed_is_1(
    run: Run, service: RunningService, engine: Engine, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    del service
    monkeypatch.setitem(working.DO, "erase", lambda engine, _blobs, job: working.fail(engine, job, **REFUSED))
    with working.working(engine, blobs):
        said = run("erase", "dog")
        assert said.status == 1
        assert said.out == ""
        assert "sepme: The base model does not draw this concept: The base model answers 'dog' with 0.1." in said.err
        assert "Check the spelling." in said.err
        asked_again = run("erase", "dog", "--json")
    assert asked_again.status == 1
    assert asked_again.document["problem"]["detail"] == REFUSED["detail"]


def test_options_are_read_as_json_or_as_text() -> None:
    assert read_options(["max_steps=7", "learning_rate=1e-3", "variant=published"]) == {
        "max_steps": 7,
        "learning_rate": 1e-3,
        "variant": "published",
    }


@pytest.mark.parametrize(
    ("said", "reason"),
    [("max_steps", "NAME=VALUE"), ("max_stps=3", "the options are variant"), ("max_steps=many", "max_steps")],
)
def test_options_that_are_none_are_refused_before_anything_is_asked(said: str, reason: str) -> None:
    with pytest.raises(CannotDo, match=reason):
        read_options([said])
