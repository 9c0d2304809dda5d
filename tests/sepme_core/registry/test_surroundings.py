"""What a claimed erasure is held against, and how it gives way to those before it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine

from sepme_core.canonical import digest_of_bytes
from sepme_core.documents.requests import AskedErasure, KnownDocument, NamedIncrement
from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Claim, Surroundings
from tests.sepme_core.registry.reprojecting import protect, reprojected, versions
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    accept,
    announce,
    claim,
    claimed,
    erase,
    get_job,
    let_lease_run_out,
    listed_jobs,
    publish,
    restore,
)


def pin(engine: Engine, held: Claim, base_digest: str = BASE) -> Surroundings:
    with writing(engine) as session:
        present = jobs.pin_present(session, held, base_digest)
    assert present is not None
    return present


def instead(phrase: str, *close_to: str) -> Any:
    """A certificate that names what is drawn instead."""
    return {"correlation": 0.01, "substitute": {"phrase": phrase, "close_to": list(close_to)}}


def names(documents: Sequence[KnownDocument | NamedIncrement]) -> list[str]:
    return [each["name"] for each in documents]


def test_a_claimed_job_pins_what_there_is_by_then_and_publishes_with_it(engine: Engine) -> None:
    announce(engine)
    job_id = accept(engine, "dog").job.id
    erase(engine, "nudity", irrevocable=True)
    protect(engine, "brand", "a red can")
    held = claimed(engine, job_id)
    present = pin(engine, held)
    nudity = {"name": "nudity", "kind": "other", "prompts": ["nudity"], "erased": True, "decided": True}
    assert present.known == [nudity]
    assert present.protected == [{"name": "brand", "prompts": ["a red can"]}]
    assert present.irrevocable == [{"name": "nudity", "digest": digest_of_bytes(b"nudity")}]
    pinned = {"known": present.known, "protected": present.protected}
    assert get_job(engine, job_id).pinned == {**pinned, "irrevocable": present.irrevocable}
    assert publish(engine, held)
    assert versions(engine, "dog")[0].pinned == pinned


def test_what_else_a_job_pins_is_kept(engine: Engine) -> None:
    erase(engine, "dog")
    restore(engine, "dog")
    announce(engine, OTHER_BASE)
    with writing(engine) as session:
        (again,) = concepts.accept_again(session, OTHER_BASE, HOLDER)
    pin(engine, claimed(engine, again.job.id), OTHER_BASE)
    assert get_job(engine, again.job.id).pinned["keep_state"] == "restored"


def test_serving_is_what_is_erased_on_the_base_by_name(engine: Engine) -> None:
    erase(engine, "dog", kind="object", prompts=["dog", "hound"])
    erase(engine, "cat")
    erase(engine, "bird")
    restore(engine, "bird")
    reprojected(engine, "dog", "dog beside the others")
    assert publish(engine, claimed(engine, accept(engine, "fish").job.id), base_digest=OTHER_BASE)
    held = claimed(engine, accept(engine, "cat", options={"seed": 1}).job.id)
    assert pin(engine, held).serving == [
        {
            "name": "dog",
            "kind": "object",
            "prompts": ["dog", "hound"],
            "digest": digest_of_bytes(b"dog beside the others"),
            "version": 2,
        }
    ]
    assert names(pin(engine, held, OTHER_BASE).serving) == ["fish"]


def test_leaning_is_what_draws_something_named_instead_by_its_trained_version(engine: Engine) -> None:
    announce(engine)
    for name, certificate in (
        ("trump", instead("a person", "person", "man")),
        ("obama", instead("a dog")),
        ("style", {"correlation": 0.01, "substitute": None}),
        ("plain", {"correlation": 0.01}),
    ):
        assert publish(engine, claimed(engine, accept(engine, name).job.id), certificate=certificate)
    restore(engine, "obama")
    held = claimed(engine, accept(engine, "dog").job.id)
    trump = {"name": "trump", "digest": digest_of_bytes(b"trump"), "substitute": "a person"}
    assert pin(engine, held).leaning == [
        {"name": "obama", "digest": digest_of_bytes(b"obama"), "substitute": "a dog", "close_to": []},
        {**trump, "close_to": ["person", "man"]},
    ]
    assert pin(engine, held, OTHER_BASE).leaning == []
    own = claimed(engine, accept(engine, "trump", options={"seed": 1}).job.id)
    assert names(pin(engine, own).leaning) == ["obama"]


def test_a_reprojected_version_leans_too_and_is_named_by_what_was_trained(engine: Engine) -> None:
    announce(engine)
    certificate = instead("a person")
    assert publish(engine, claimed(engine, accept(engine, "trump").job.id), certificate=certificate)
    erase(engine, "dog")
    with reading(engine) as session:
        (job,) = listed_jobs(session, kind="reproject")
    made = jobs.StoredIncrement(digest_of_bytes(b"again"), 1, BASE, "reprojected", certificate, {"variant": "sepme"})
    with writing(engine) as session:
        held = jobs.claim(session, job.id, worker="worker", lease_seconds=30)
        assert held is not None
        assert jobs.publish_reprojection(session, held, made)
    (leaning,) = pin(engine, claimed(engine, accept(engine, "cat").job.id)).leaning
    assert leaning["digest"] == digest_of_bytes(b"trump")


def test_earlier_is_what_is_being_erased_by_jobs_accepted_before(engine: Engine) -> None:
    with writing(engine) as session:
        bodies: list[AskedErasure] = [
            {"name": "fish", "kind": "object", "prompts": ["fish", "cod"]},
            {"name": "cat"},
            {"name": "ant"},
        ]
        fish, cat, _ = [one.job.id for one in concepts.accept_erasures(session, bodies, HOLDER)]
    claimed(engine, fish)
    assert pin(engine, claimed(engine, cat)).earlier == [
        {"name": "fish", "kind": "object", "prompts": ["fish", "cod"], "job_id": fish, "state": "running"}
    ]
    last = claimed(engine, accept(engine, "bee").job.id)
    assert names(pin(engine, last).earlier) == ["fish", "cat", "ant"]
    restore(engine, "cat")
    assert names(pin(engine, last).earlier) == ["fish", "ant"]


def test_those_made_together_are_neither_known_nor_earlier_nor_serving(engine: Engine) -> None:
    announce(engine)
    with writing(engine) as session:
        accepted = concepts.accept_erasures(session, [{"name": "cat"}, {"name": "dog"}], HOLDER, joint=True)
    first, second = [claimed(engine, one.job.id) for one in accepted]
    present = pin(engine, second)
    assert (present.known, present.earlier) == ([], [])
    assert publish(engine, first, certificate=instead("a dog"))
    present = pin(engine, second)
    assert (present.known, present.serving, present.leaning) == ([], [], [])


def test_nothing_is_pinned_without_the_lease(engine: Engine) -> None:
    void = claimed(engine, accept(engine, "cat").job.id)
    let_lease_run_out(engine, void.job_id)
    assert claim(engine, void.job_id, "worker-2") is not None
    with writing(engine) as session:
        assert jobs.pin_present(session, void, BASE) is None


def test_the_states_of_several_jobs(engine: Engine) -> None:
    first, second = accept(engine, "cat").job.id, accept(engine, "dog").job.id
    claimed(engine, first)
    with reading(engine) as session:
        assert jobs.job_states(session, [first, second, "no-such-job"]) == {first: "running", second: "queued"}
        assert jobs.job_states(session, []) == {}


def test_a_job_that_gives_way_waits_again_without_having_been_lost(engine: Engine) -> None:
    older, younger = accept(engine, "cat").job.id, accept(engine, "dog").job.id
    held = claimed(engine, younger)
    with writing(engine) as session:
        assert jobs.give_way(session, held)
        assert jobs.next_in_turn(session, jobs.Claimant("worker", "erase", BASE, 3)) == older
    job = get_job(engine, younger)
    assert (job.state, job.worker, job.lease_until, job.losses) == ("queued", None, None, 0)
    with writing(engine) as session:
        assert not jobs.give_way(session, held), "the attempt is void"


def test_a_job_to_be_cancelled_ends_where_it_gives_way(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "cat").job.id)
    with writing(engine) as session:
        jobs.request_cancel(session, held.job_id)
        assert jobs.give_way(session, held)
    assert get_job(engine, held.job_id).state == "cancelled"
