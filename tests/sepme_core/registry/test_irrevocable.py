"""An erasure is held against what is erased for good, which it must not weaken."""

from typing import Any

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.requests import NamedIncrement
from sepme_core.registry import jobs, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Claim
from tests.sepme_core.registry.work import (
    BASE,
    OTHER_BASE,
    accept,
    announce,
    claim,
    claimed,
    erase,
    get_concept,
    get_job,
    let_lease_run_out,
    listed_jobs,
    publish,
    publish_reprojection,
)

NUDITY = {"name": "nudity", "digest": digest_of_bytes(b"nudity")}


def pinned(engine: Engine, job_id: str) -> Any:
    return get_job(engine, job_id).pinned["irrevocable"]


def pin(engine: Engine, held: Claim, base_digest: str = BASE) -> list[NamedIncrement] | None:
    with writing(engine) as session:
        present = jobs.pin_present(session, held, base_digest)
    return present.irrevocable if present else None


def test_what_is_erased_for_good_is_pinned_by_its_trained_version(engine: Engine) -> None:
    erase(engine, "nudity", irrevocable=True)
    erase(engine, "cat")
    with reading(engine) as session:
        (job,) = listed_jobs(session, kind="reproject")
    assert publish_reprojection(engine, claimed(engine, job.id), "nudity beside cat")
    assert pinned(engine, accept(engine, "dog").job.id) == [NUDITY]


def test_a_concept_is_not_held_against_itself(engine: Engine) -> None:
    erase(engine, "nudity", irrevocable=True)
    assert pinned(engine, accept(engine, "nudity", options={"seed": 1}).job.id) == []


def test_what_can_be_restored_and_what_is_never_reprojected_are_not_pinned(engine: Engine) -> None:
    erase(engine, "cat")
    announce(engine, OTHER_BASE)
    elsewhere = claimed(engine, accept(engine, "nudity", irrevocable=True).job.id)
    assert publish(engine, elsewhere, base_digest=OTHER_BASE)
    announce(engine)
    published = claimed(engine, accept(engine, "gore", irrevocable=True).job.id)
    assert publish(engine, published, settings={"variant": "published"})
    assert pinned(engine, accept(engine, "dog").job.id) == []


def test_an_erasure_is_put_back_where_another_concept_was_erased_for_good_meanwhile(engine: Engine) -> None:
    announce(engine)
    held = claimed(engine, accept(engine, "dog").job.id)
    known = get_job(engine, held.job_id).pinned["known"]
    erase(engine, "nudity", irrevocable=True)
    assert not publish(engine, held)
    job = get_job(engine, held.job_id)
    assert (job.state, job.worker, job.losses) == ("queued", None, 0)
    assert job.pinned == {"known": known, "protected": [], "irrevocable": [NUDITY]}
    assert get_concept(engine, "dog")["state"] == "never-erased"
    with writing(engine) as session:
        assert jobs.waiting_queues(session) == ["erase"]
    assert not publish(engine, held), "the attempt is void"
    assert publish(engine, claimed(engine, job.id))
    assert get_concept(engine, "dog")["state"] == "erased"


@pytest.mark.parametrize("irrevocable", [True, False])
def test_an_erasure_for_good_is_put_back_where_prompts_were_protected_meanwhile(
    engine: Engine, irrevocable: bool
) -> None:
    announce(engine)
    held = claimed(engine, accept(engine, "dog", irrevocable=irrevocable).job.id)
    with writing(engine) as session:
        assert protected.accept(session, "brand", ["a red logo"], "root").row is not None
    assert publish(engine, held) is not irrevocable
    if irrevocable:
        job = get_job(engine, held.job_id)
        assert (job.state, job.pinned["protected"]) == ("queued", [{"name": "brand", "prompts": ["a red logo"]}])
        assert publish(engine, claimed(engine, job.id))
    assert get_concept(engine, "dog")["state"] == "erased"


def test_an_erasure_made_irrevocable_without_work_counts_too(engine: Engine) -> None:
    erase(engine, "nudity")
    held = claimed(engine, accept(engine, "dog").job.id)
    assert accept(engine, "nudity", irrevocable=True).already_done
    assert not publish(engine, held)
    assert pinned(engine, held.job_id) == [NUDITY]


def test_a_worker_pins_what_is_erased_for_good_when_it_begins(engine: Engine) -> None:
    announce(engine)
    job_id = accept(engine, "dog").job.id
    erase(engine, "nudity", irrevocable=True)
    held = claimed(engine, job_id)
    assert pin(engine, held) == pinned(engine, job_id) == [NUDITY]
    assert publish(engine, held)


def test_a_worker_pins_nothing_of_another_base_and_nothing_without_its_lease(engine: Engine) -> None:
    erase(engine, "nudity", irrevocable=True)
    held = claimed(engine, accept(engine, "dog").job.id)
    assert pin(engine, held, OTHER_BASE) == []
    let_lease_run_out(engine, held.job_id)
    assert claim(engine, held.job_id, "worker-2") is not None
    assert pin(engine, held) is None


@pytest.mark.parametrize("irrevocable", [True, False])
def test_concepts_accepted_together_need_no_second_attempt_one_after_the_other(
    engine: Engine, irrevocable: bool
) -> None:
    announce(engine)
    job_ids = [accept(engine, name, irrevocable=irrevocable).job.id for name in ("nudity", "gore", "cat")]
    for job_id in job_ids:
        held = claimed(engine, job_id)
        pin(engine, held)
        assert publish(engine, held)
