from functools import partial
from typing import cast

import pytest
from sqlalchemy import Engine, select

from sepme_core.documents.requests import PinnedMask
from sepme_core.registry import audit, concepts, images, jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import ConceptIrrevocable, ConceptMoved, UnknownConcept
from sepme_core.registry.tables import AuditEntry, Concept, Increment
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    accept,
    at_once,
    claim,
    claimed,
    enqueue_generation,
    erase,
    get_concept,
    get_etag,
    get_job,
    picture,
    publish,
    purge,
    restore,
)


def audited(engine: Engine) -> list[AuditEntry]:
    with reading(engine) as session:
        return list(audit.page(session, None, 100).items)


def test_restoring_takes_the_concept_out_and_keeps_its_increment(engine: Engine) -> None:
    erase(engine, "van-gogh")
    before = get_concept(engine, "van-gogh")
    restore(engine, "van-gogh")
    after = get_concept(engine, "van-gogh")
    assert after["state"] == "restored"
    assert (after["version"], after["digest"], after["versions"]) == (1, before["digest"], before["versions"])
    entry = audited(engine)[-1]
    assert (entry.action, entry.actor, entry.from_digest, entry.to_digest) == (
        "restore",
        HOLDER,
        before["digest"],
        None,
    )


def test_restoring_again_changes_nothing(engine: Engine) -> None:
    erase(engine, "van-gogh")
    restore(engine, "van-gogh")
    before, tag, entries = get_concept(engine, "van-gogh"), get_etag(engine, "van-gogh"), len(audited(engine))
    restore(engine, "van-gogh")
    assert get_concept(engine, "van-gogh") == before
    assert get_etag(engine, "van-gogh") == tag
    assert len(audited(engine)) == entries


def test_restores_at_once_are_one_restore(engine: Engine) -> None:
    erase(engine, "van-gogh")
    outcomes = at_once(*(partial(restore, engine, "van-gogh") for _ in range(5)))
    assert [outcome.state for outcome in outcomes if isinstance(outcome, Concept)] == ["restored"] * 5
    assert [entry.action for entry in audited(engine)] == ["erase", "restore"]


def test_unknown_concepts_are_named(engine: Engine) -> None:
    for forget in (restore, purge):
        with pytest.raises(UnknownConcept, match="monet"):
            forget(engine, "monet")
    with pytest.raises(UnknownConcept):
        get_concept(engine, "monet")


def test_restoring_what_is_queued_cancels_the_job(engine: Engine) -> None:
    job = accept(engine, "van-gogh").job
    restore(engine, "van-gogh")
    assert get_job(engine, job.id).state == "cancelled"
    assert claim(engine, job.id) is None
    concept = get_concept(engine, "van-gogh")
    assert (concept["state"], concept["job"]) == ("never-erased", None)
    assert audited(engine)[-1].details == {"cancelled_job": job.id}


def test_restoring_while_a_worker_erases_fences_it_off(engine: Engine) -> None:
    erase(engine, "van-gogh")
    held = claimed(engine, accept(engine, "van-gogh", options={"seed": 1}).job.id)
    restore(engine, "van-gogh")
    assert get_job(engine, held.job_id).state == "cancelled"
    with writing(engine) as session:
        assert not jobs.renew(session, held, 30.0)
        assert jobs.cancel_requested(session, held.job_id)
    assert not publish(engine, held)
    concept = get_concept(engine, "van-gogh")
    assert (concept["state"], len(concept["versions"])) == ("restored", 1)


def test_restore_and_publish_at_once_end_in_one_order_or_the_other(engine: Engine) -> None:
    for number in range(8):
        name = f"concept-{number}"
        held = claimed(engine, accept(engine, name).job.id)
        published, _ = at_once(partial(publish, engine, held), partial(restore, engine, name))
        concept = get_concept(engine, name)
        assert (concept["state"], len(concept["versions"]), get_job(engine, held.job_id).state) == (
            ("restored", 1, "succeeded") if published is True else ("never-erased", 0, "cancelled")
        )
    with reading(engine) as session:
        assert audit.verify(session) is None


def test_what_is_irrevocable_is_neither_restored_nor_purged(engine: Engine) -> None:
    erase(engine, "nudity", irrevocable=True)
    held = claimed(engine, accept(engine, "nudity", options={"seed": 1}).job.id)
    for forget in (restore, purge):
        with pytest.raises(ConceptIrrevocable, match="nudity"):
            forget(engine, "nudity")
    assert get_concept(engine, "nudity")["state"] == "erased"
    assert get_job(engine, held.job_id).state == "running"


def test_the_present_entity_tag_lets_a_change_through(engine: Engine) -> None:
    erase(engine, "van-gogh")
    assert restore(engine, "van-gogh", get_etag(engine, "van-gogh")).state == "restored"
    assert restore(engine, "van-gogh", f'"other", {get_etag(engine, "van-gogh")}').state == "restored"
    assert restore(engine, "van-gogh", "*").state == "restored"
    purge(engine, "van-gogh", get_etag(engine, "van-gogh"))


def test_an_entity_tag_that_has_moved_stops_a_change(engine: Engine) -> None:
    erase(engine, "van-gogh")
    old = get_etag(engine, "van-gogh")
    restore(engine, "van-gogh")
    for forget in (restore, purge):
        for stale in (old, f"W/{get_etag(engine, 'van-gogh')}", "", get_etag(engine, "van-gogh").strip('"')):
            with pytest.raises(ConceptMoved) as refusal:
                forget(engine, "van-gogh", stale)
            assert refusal.value.etag == get_etag(engine, "van-gogh")


def test_of_two_who_change_the_same_state_one_wins(engine: Engine) -> None:
    erase(engine, "van-gogh")
    tag = get_etag(engine, "van-gogh")
    outcomes = at_once(partial(restore, engine, "van-gogh", tag), partial(restore, engine, "van-gogh", tag))
    assert sum(isinstance(outcome, Concept) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ConceptMoved) for outcome in outcomes) == 1


def test_the_entity_tag_moves_with_each_change_of_an_operator_and_with_nothing_else(engine: Engine) -> None:
    tags = []

    def changed() -> None:
        tags.append(get_etag(engine, "van-gogh"))
        assert len(set(tags)) == len(tags)

    job = accept(engine, "van-gogh").job
    changed()
    held = claimed(engine, job.id)
    with writing(engine) as session:
        jobs.report(session, held, 1, 10, "")
        jobs.renew(session, held, 30.0)
    assert get_etag(engine, "van-gogh") == tags[-1]
    assert publish(engine, held)
    changed()
    restore(engine, "van-gogh")
    changed()
    purge(engine, "van-gogh")
    accept(engine, "van-gogh")
    changed()


def test_purging_forgets_all_but_the_audit(engine: Engine) -> None:
    erase(engine, "van-gogh", kind="style")
    held = claimed(engine, accept(engine, "van-gogh", kind="style", options={"seed": 1}).job.id)
    assert publish(engine, held, "second version")
    before = get_concept(engine, "van-gogh")
    assert purge(engine, "van-gogh").prompts == ["van gogh"]
    with reading(engine) as session:
        assert session.scalars(select(Concept)).all() == []
        assert session.scalars(select(Increment)).all() == []
        assert audit.verify(session) is None
    entry = audited(engine)[-1]
    assert (entry.action, entry.from_digest, entry.to_digest) == ("purge", before["digest"], None)
    assert entry.details["versions"] == before["versions"]
    assert entry.details["prompts"] == ["van gogh"]
    with pytest.raises(UnknownConcept):
        purge(engine, "van-gogh")


def test_purging_while_a_worker_erases_fences_it_off(engine: Engine) -> None:
    held = claimed(engine, accept(engine, "van-gogh").job.id)
    purge(engine, "van-gogh")
    assert get_job(engine, held.job_id).state == "cancelled"
    assert not publish(engine, held)
    with reading(engine) as session:
        assert session.scalars(select(Increment)).all() == []


def test_a_purged_name_starts_afresh(engine: Engine) -> None:
    erase(engine, "van-gogh")
    purge(engine, "van-gogh")
    accepted = accept(engine, "van-gogh")
    assert not accepted.already_done
    assert publish(engine, claimed(engine, accepted.job.id))
    assert get_concept(engine, "van-gogh")["version"] == 1


def test_pictures_and_jobs_outlive_the_concepts_they_refer_to(engine: Engine) -> None:
    erased = erase(engine, "van-gogh")
    with reading(engine) as session:
        pinned = concepts.resolve_mask(session, ["van-gogh"]).pinned(BASE)
    held = claimed(engine, enqueue_generation(engine, **pinned).id)
    purge(engine, "van-gogh")
    mask = cast("PinnedMask", held.pinned)["mask"]
    assert mask["concepts"][0]["name"] == "van-gogh"
    with writing(engine) as session:
        assert jobs.publish_pictures(session, held, images=[picture(1)], mask=mask, base_digest=BASE)
    result = get_job(engine, held.job_id).result
    assert result is not None
    with reading(engine) as session:
        assert images.get(session, result["images"][0]["id"]).mask == mask
        assert jobs.get(session, erased.id).result is not None
