"""Another base is served: what is stored is erased again for it."""

from sqlalchemy import Engine

from sepme_core.registry import audit, concepts, jobs, knowledge
from sepme_core.registry.concepts import Accepted
from sepme_core.registry.database import reading, writing
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    accept,
    announce,
    claimed,
    erase,
    get_concept,
    get_etag,
    get_job,
    publish,
    restore,
)


def again(engine: Engine, base_digest: str = OTHER_BASE) -> list[Accepted]:
    announce(engine, base_digest)
    with writing(engine) as session:
        accepted = concepts.accept_again(session, base_digest, HOLDER)
        knowledge.unfold(session, [one.job for one in accepted])
        return accepted


def publish_all(engine: Engine, accepted: list[Accepted], base_digest: str = OTHER_BASE) -> None:
    for one in accepted:
        name = one.concept.name
        assert publish(engine, claimed(engine, one.job.id), f"{name} for {base_digest}", base_digest)


def test_all_that_is_stored_for_another_base_is_asked_for_by_the_request_it_was_made_by(engine: Engine) -> None:
    made = {name: erase(engine, name, kind="object", options={"seed": 3}) for name in ("dog", "cat")}
    accept(engine, "monet")
    accepted = again(engine)
    assert [one.concept.name for one in accepted] == ["cat", "dog"]
    for one in accepted:
        job = get_job(engine, one.job.id)
        assert (job.kind, job.state, job.request) == ("erase", "queued", made[one.concept.name].request)
    assert [[known["name"] for known in one.job.pinned["known"]] for one in accepted] == [
        ["dog", "monet"],
        ["cat", "monet"],
    ]


def test_the_old_versions_go_on_to_stand_for_their_concepts_until_then(engine: Engine) -> None:
    erase(engine, "cat")
    accepted = again(engine)
    assert get_concept(engine, "cat")["base_digest"] == BASE
    publish_all(engine, accepted)
    concept = get_concept(engine, "cat")
    assert (concept["state"], concept["version"], concept["base_digest"]) == ("erased", 2, OTHER_BASE)
    assert again(engine) == []
    with reading(engine) as session:
        assert jobs.page_of_texts(session, None, 10, kind="reproject").items == []


def test_what_is_restored_stays_restored_and_what_is_irrevocable_stays_so(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    erase(engine, "nudity")
    assert accept(engine, "nudity", irrevocable=True).already_done
    publish_all(engine, again(engine))
    cat, nudity = get_concept(engine, "cat"), get_concept(engine, "nudity")
    assert (cat["state"], cat["base_digest"], cat["irrevocable"]) == ("restored", OTHER_BASE, False)
    assert (nudity["state"], nudity["base_digest"], nudity["irrevocable"]) == ("erased", OTHER_BASE, True)
    with reading(engine) as session:
        entry = next(entry for entry in reversed(audit.page(session, None, 10).items) if entry.concept == "cat")
    assert (entry.action, entry.from_digest, entry.to_digest) == ("erase", None, None)
    assert entry.details["digest"] == cat["digest"]


def test_restoring_again_leaves_the_job_of_what_is_restored_alone(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    (accepted,) = again(engine)
    tag = get_etag(engine, "cat")
    restore(engine, "cat")
    assert get_etag(engine, "cat") == tag
    assert get_job(engine, accepted.job.id).state == "queued"


def test_whoever_asks_to_erase_what_was_restored_meanwhile_gets_it_erased(engine: Engine) -> None:
    erase(engine, "cat")
    restore(engine, "cat")
    (accepted,) = again(engine)
    tag = get_etag(engine, "cat")
    assert accept(engine, "cat").job.id == accepted.job.id
    assert get_etag(engine, "cat") != tag
    publish_all(engine, [accepted])
    assert get_concept(engine, "cat")["state"] == "erased"


def test_what_is_being_erased_already_goes_on_with_that_job(engine: Engine) -> None:
    erase(engine, "cat")
    under_way = accept(engine, "cat", options={"seed": 1}).job
    (accepted,) = again(engine)
    assert (accepted.job.id, accepted.already_done) == (under_way.id, False)
    assert get_job(engine, under_way.id).pinned == under_way.pinned


def test_asking_again_while_it_runs_gives_the_same_jobs(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    first = again(engine)
    assert [one.job.id for one in again(engine)] == [one.job.id for one in first]


def test_with_nothing_stored_for_another_base_there_is_nothing_to_do(engine: Engine) -> None:
    erase(engine, "cat")
    assert again(engine, BASE) == []
