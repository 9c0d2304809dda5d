"""Protected prompts are held against what is erased for good, which they must not weaken."""

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.requests import Pinned
from sepme_core.registry import audit, jobs, protected
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import UnknownProtected
from sepme_core.registry.jobs import Claim
from sepme_core.registry.protected import Accepted
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    PROMPT_TOKENS,
    accept,
    announce,
    claim,
    claimed,
    erase,
    get_concept,
    get_job,
    let_lease_run_out,
    publish,
    purge,
)

NUDITY = {"name": "nudity", "digest": digest_of_bytes(b"nudity")}
NUDITY_KNOWN = {"name": "nudity", "kind": "other", "prompts": ["nudity"]}


def put(engine: Engine, name: str, *prompts: str) -> Accepted:
    with writing(engine) as session:
        return protected.accept(session, name, list(prompts), HOLDER)


def asked(engine: Engine, name: str, *prompts: str) -> str:
    """The id of the job that is to protect the prompts."""
    accepted = put(engine, name, *prompts)
    assert accepted.row is None
    assert accepted.job is not None
    return accepted.job.id


def delete(engine: Engine, name: str) -> None:
    with writing(engine) as session:
        protected.give_up(session, name, HOLDER)


def pin(engine: Engine, held: Claim) -> Pinned | None:
    with writing(engine) as session:
        return protected.pin(session, held)


def end(engine: Engine, held: Claim) -> bool:
    with writing(engine) as session:
        return protected.publish(session, held)


def prompts(engine: Engine) -> dict[str, list[str]]:
    with reading(engine) as session:
        return {row.name: row.prompts for row in protected.list_page(session, None, 10).items}


@pytest.fixture
def irrevocable(engine: Engine) -> None:
    """Something is erased for good on the base that is served."""
    erase(engine, "nudity", irrevocable=True)


def test_where_nothing_is_erased_for_good_prompts_are_protected_at_once(engine: Engine) -> None:
    announce(engine)
    first = put(engine, "brand", "a red can")
    erase(engine, "cat")
    again = put(engine, "brand", "a blue can")
    assert (first.is_new, first.job, again.is_new, again.job) == (True, None, False, None)
    assert prompts(engine) == {"brand": ["a blue can"]}


def test_a_prompt_that_may_be_longer_than_the_model_reads_takes_a_job_though_nothing_is_erased(engine: Engine) -> None:
    announce(engine)
    assert put(engine, "brand", "r" * PROMPT_TOKENS).row is not None
    longer = ["a red can", "r" * PROMPT_TOKENS + "!"]
    held = claimed(engine, asked(engine, "brand", *longer))
    assert prompts(engine) == {"brand": ["r" * PROMPT_TOKENS]}
    assert end(engine, held)
    assert put(engine, "brand", *longer).row is not None, "they stay as they are"


def test_before_any_model_is_known_a_worker_has_to_look(engine: Engine) -> None:
    assert end(engine, claimed(engine, asked(engine, "brand", "a red can")))
    assert prompts(engine) == {"brand": ["a red can"]}


def test_what_is_erased_for_good_elsewhere_or_never_reprojected_needs_no_job(engine: Engine) -> None:
    announce(engine, OTHER_BASE)
    elsewhere = claimed(engine, accept(engine, "nudity", irrevocable=True).job.id)
    assert publish(engine, elsewhere, base_digest=OTHER_BASE)
    announce(engine, BASE)
    as_published = claimed(engine, accept(engine, "gore", irrevocable=True).job.id)
    assert publish(engine, as_published, settings={"variant": "published"})
    assert put(engine, "brand", "a red can").row is not None


@pytest.mark.usefixtures("irrevocable")
def test_a_job_pins_all_that_the_prompts_are_held_against_and_protects_nothing_yet(engine: Engine) -> None:
    job_id = asked(engine, "brand", "a red can")
    job = get_job(engine, job_id)
    assert (job.kind, job.queue, job.state, job.concept, job.actor) == (
        "protect",
        "erase",
        "queued",
        "brand",
        HOLDER,
    )
    assert job.request == {"name": "brand", "prompts": ["a red can"]}
    assert job.pinned == {"known": [NUDITY_KNOWN], "protected": [], "irrevocable": [NUDITY]}
    assert prompts(engine) == {}
    assert get_job(engine, accept(engine, "cat").job.id).pinned["protected"] == []


@pytest.mark.usefixtures("irrevocable")
def test_a_job_that_succeeded_protects_its_prompts_tells_the_audit_and_has_others_reprojected(engine: Engine) -> None:
    held = claimed(engine, asked(engine, "brand", "a red can"))
    assert end(engine, held)
    with reading(engine) as session:
        document = protected.document(protected.get(session, "brand"))
        entry = audit.page(session, None, 10).items[-1]
    job = get_job(engine, held.job_id)
    assert (job.state, job.result) == ("succeeded", document)
    assert (entry.actor, entry.action, entry.concept, entry.details) == (
        HOLDER,
        "protect",
        "brand",
        {"prompts": ["a red can"]},
    )
    reprojection = get_job(engine, get_concept(engine, "nudity")["job"])
    assert reprojection.pinned["protected"] == [{"name": "brand", "prompts": ["a red can"]}]
    with writing(engine) as session:
        assert jobs.waiting_queues(session) == ["erase"]


@pytest.mark.usefixtures("irrevocable")
def test_prompts_are_held_against_those_of_other_names_and_not_those_whose_place_they_take(engine: Engine) -> None:
    for name in ("brand", "mascot"):
        assert end(engine, claimed(engine, asked(engine, name, name)))
    job_id = asked(engine, "brand", "a blue can")
    assert get_job(engine, job_id).pinned["protected"] == [{"name": "mascot", "prompts": ["mascot"]}]
    assert prompts(engine)["brand"] == ["brand"]
    assert end(engine, claimed(engine, job_id))
    assert prompts(engine) == {"brand": ["a blue can"], "mascot": ["mascot"]}


@pytest.mark.usefixtures("irrevocable")
def test_the_same_prompts_again_are_the_same_job(engine: Engine) -> None:
    job_id = asked(engine, "brand", "a red can")
    assert asked(engine, "brand", "a red can") == job_id
    claimed(engine, job_id)
    assert asked(engine, "brand", "a red can") == job_id
    with writing(engine) as session:
        jobs.request_cancel(session, job_id)
    assert asked(engine, "brand", "a red can") != job_id, "that one was to be cancelled"
    assert get_job(engine, job_id).state == "cancelled"


@pytest.mark.usefixtures("irrevocable")
def test_other_prompts_call_the_job_off_though_it_runs(engine: Engine) -> None:
    held = claimed(engine, asked(engine, "brand", "a red can"))
    other = asked(engine, "brand", "a blue can")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert not end(engine, held)
    assert end(engine, claimed(engine, other))
    assert prompts(engine) == {"brand": ["a blue can"]}


def test_prompts_that_stay_as_they_are_call_the_job_for_others_off(engine: Engine) -> None:
    announce(engine)
    put(engine, "brand", "a red can")
    erase(engine, "nudity", irrevocable=True)
    job_id = asked(engine, "brand", "a blue can")
    accepted = put(engine, "brand", "a red can")
    assert (accepted.job, accepted.is_new) == (None, False)
    assert get_job(engine, job_id).state == "cancelled"


@pytest.mark.parametrize("before", [True, False])
def test_giving_up_a_name_calls_the_job_off(engine: Engine, before: bool) -> None:
    announce(engine)
    if before:
        put(engine, "brand", "a red can")
    erase(engine, "nudity", irrevocable=True)
    job_id = asked(engine, "brand", "a blue can")
    delete(engine, "brand")
    assert get_job(engine, job_id).state == "cancelled"
    assert prompts(engine) == {}
    with pytest.raises(UnknownProtected, match="brand"):
        delete(engine, "brand")


@pytest.mark.usefixtures("irrevocable")
@pytest.mark.parametrize("part", ["irrevocable", "known", "protected"])
def test_a_job_is_put_back_where_there_is_more_to_hold_it_against(engine: Engine, part: str) -> None:
    held = claimed(engine, asked(engine, "brand", "a red can"))
    if part == "irrevocable":
        assert publish(engine, claimed(engine, accept(engine, "gore", irrevocable=True).job.id))
    elif part == "known":
        assert publish(engine, claimed(engine, accept(engine, "gore").job.id))
    else:
        assert end(engine, claimed(engine, asked(engine, "gore", "gore")))
    assert not end(engine, held)
    job = get_job(engine, held.job_id)
    assert (job.state, job.losses, job.pinned[part][0]["name"]) == ("queued", 0, "gore")
    assert "brand" not in prompts(engine)
    with writing(engine) as session:
        assert jobs.waiting_queues(session) == ["erase"]
    assert end(engine, claimed(engine, job.id))


@pytest.mark.usefixtures("irrevocable")
def test_what_is_known_no_more_does_not_hold_a_job_up(engine: Engine) -> None:
    erase(engine, "cat")
    held = claimed(engine, asked(engine, "brand", "a red can"))
    purge(engine, "cat")
    assert end(engine, held)


@pytest.mark.usefixtures("irrevocable")
def test_what_nobody_has_decided_on_does_not_hold_a_job_up(engine: Engine) -> None:
    held = claimed(engine, asked(engine, "brand", "a red can"))
    accept(engine, "cat")
    assert pin(engine, held) == {**get_job(engine, held.job_id).pinned, "known": [NUDITY_KNOWN]}
    assert end(engine, held)


@pytest.mark.usefixtures("irrevocable")
def test_a_worker_pins_what_there_is_when_it_begins(engine: Engine) -> None:
    job_id = asked(engine, "brand", "a red can")
    erase(engine, "cat")
    held = claimed(engine, job_id)
    pinned = pin(engine, held)
    assert pinned == get_job(engine, job_id).pinned
    assert pinned is not None
    assert [known["name"] for known in pinned["known"]] == ["cat", "nudity"]
    assert end(engine, held)


@pytest.mark.usefixtures("irrevocable")
def test_nothing_is_pinned_or_protected_without_the_lease(engine: Engine) -> None:
    void = claimed(engine, asked(engine, "brand", "a red can"))
    let_lease_run_out(engine, void.job_id)
    assert claim(engine, void.job_id, "worker-2") is not None
    assert pin(engine, void) is None
    assert not end(engine, void)
    assert prompts(engine) == {}


@pytest.mark.usefixtures("irrevocable")
def test_a_job_that_is_to_be_cancelled_protects_nothing(engine: Engine) -> None:
    held = claimed(engine, asked(engine, "brand", "a red can"))
    with writing(engine) as session:
        jobs.request_cancel(session, held.job_id)
    assert not end(engine, held)
    assert get_job(engine, held.job_id).state == "cancelled"
    assert prompts(engine) == {}
