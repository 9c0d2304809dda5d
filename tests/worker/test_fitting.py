"""A phrase whose end the model would not see is refused by its field, before anything is made of it."""

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sepme_core.documents.requests import AskedErasure
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import cut_off
from sepme_core.registry import concepts, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.serving import surely_whole
from tests.worker.masks import publish, random_increment
from tests.worker.processes import answer
from tests.worker.rows import accepted_erasure, problem, row, versions
from worker.process import WorkerProcess

LONG = "a cat " * 7 + "heart"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"prompts": ["heart", LONG]}, "#/prompts/1"),
        ({"protect": [LONG]}, "#/protect/0"),
        ({"substitute": LONG}, "#/substitute"),
    ],
)
def test_an_erasure_is_refused_by_the_phrase_that_is_too_long(
    worker: WorkerProcess, body: dict[str, object], pointer: str
) -> None:
    job_id = accepted_erasure(worker.engine, "heart", **body)
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("invalid-request", 422)
    (error,) = refused["errors"]
    assert (error["pointer"], "'heart'" in error["detail"]) == (pointer, True)
    assert versions(worker.engine, "heart") == []


def test_one_made_together_with_it_is_refused_too_and_told_whose_phrase_it_is(worker: WorkerProcess) -> None:
    bodies: list[AskedErasure] = [
        {"name": "fox", "kind": "object"},
        {"name": "heart", "kind": "object", "prompts": [LONG]},
    ]
    with writing(worker.engine) as session:
        fox, heart = (one.job.id for one in concepts.accept_erasures(session, bodies, "tests", joint=True))
    answer(worker, fox)
    answer(worker, heart)
    assert problem(worker.engine, fox)["errors"][0]["pointer"] == "#/group/1/prompts/0"
    assert problem(worker.engine, heart)["errors"][0]["pointer"] == "#/prompts/0"


@pytest.mark.parametrize("irrevocable", [True, False])
def test_prompts_to_protect_are_refused_likewise_whatever_is_erased(worker: WorkerProcess, irrevocable: bool) -> None:
    if irrevocable:
        publish(worker, random_increment(worker.base, "fox"), irrevocable=True)
    with writing(worker.engine) as session:
        job = protected.accept(session, "our-mascot", ["a heart", LONG], "tests").job
    assert job is not None
    answer(worker, job.id)
    assert problem(worker.engine, job.id)["errors"][0]["pointer"] == "#/prompts/1"
    with reading(worker.engine) as session:
        assert concepts.protected_prompts(session) == []
    assert row(worker.engine, job.id).state == "failed"


def test_prompts_that_fit_though_a_worker_has_to_look_are_protected(worker: WorkerProcess) -> None:
    with writing(worker.engine) as session:
        job = protected.accept(session, "our-mascot", ["a kingfisher of paper"], "tests").job
    assert job is not None
    answer(worker, job.id)
    assert row(worker.engine, job.id).state == "succeeded", row(worker.engine, job.id).problem


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


def test_what_is_taken_for_whole_without_a_look_is_read_to_its_end(base: DiffusionModel) -> None:
    model = base.describe()

    @hypothesis_settings(deadline=None, max_examples=300)
    @given(ANY_TEXT)
    @example("\u0390\U0001d160 \u212b")
    @example("\u0130STANBUL")
    @example("000000\x1f\x80\x80\U00010000")
    def holds(prompt: str) -> None:
        assert not surely_whole(model, [prompt]) or cut_off(base, prompt) == ""

    holds()
