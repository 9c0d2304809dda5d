from functools import partial
from typing import cast

import pytest
from sqlalchemy import Engine

from sepme_core.canonical import digest_of, digest_of_bytes
from sepme_core.documents.requests import PictureRequestDocument, PinnedMask
from sepme_core.registry import concepts, jobs
from sepme_core.registry.concepts import MaskConcept, MaskResolution
from sepme_core.registry.database import reading, writing
from sepme_core.registry.jobs import Job
from tests.sepme_core.registry.work import (
    BASE,
    HOLDER,
    OTHER_BASE,
    accept,
    at_once,
    claimed,
    enqueue_generation,
    erase,
    get_job,
    picture,
    publish,
    purge,
    restore,
)


def resolve(engine: Engine, erased: str | list[str]) -> MaskResolution:
    with reading(engine) as session:
        return concepts.resolve_mask(session, "active" if isinstance(erased, str) else erased)


def names(resolution: MaskResolution) -> list[str]:
    return [concept.name for concept in resolution.concepts]


def accept_generation(engine: Engine, erased: list[str]) -> Job:
    with writing(engine) as session:
        pinned = concepts.resolve_mask(session, erased).pinned(BASE)
        request = cast("PictureRequestDocument", {})
        return jobs.enqueue(session, kind="generate", request=request, pinned=pinned, concept=None, actor=HOLDER)


def irrevocable_besides(engine: Engine, job: Job) -> list[str]:
    with reading(engine) as session:
        return [concept["name"] for concept in concepts.irrevocable_besides(session, job.pinned["mask"])]


def test_active_is_all_that_is_erased_now_by_name(engine: Engine) -> None:
    for name in ("van-gogh", "cat", "monet"):
        erase(engine, name)
    accept(engine, "dog")
    restore(engine, "monet")
    resolution = resolve(engine, "active")
    assert resolution.concepts == (
        MaskConcept("cat", 1, digest_of_bytes(b"cat"), BASE),
        MaskConcept("van-gogh", 1, digest_of_bytes(b"van-gogh"), BASE),
    )
    assert (resolution.missing, resolution.in_progress) == ((), ())


def test_with_nothing_erased_active_is_empty(engine: Engine) -> None:
    assert resolve(engine, "active") == MaskResolution((), (), (), ())


def test_a_list_means_exactly_itself(engine: Engine) -> None:
    for name in ("van-gogh", "cat", "monet"):
        erase(engine, name)
    restore(engine, "monet")
    assert names(resolve(engine, ["van-gogh", "monet", "van-gogh"])) == ["monet", "van-gogh"]
    assert names(resolve(engine, [])) == []


def test_names_without_an_increment_are_listed(engine: Engine) -> None:
    erase(engine, "van-gogh")
    accept(engine, "dog")
    accept(engine, "never-made")
    restore(engine, "never-made")
    resolution = resolve(engine, ["zebra", "van-gogh", "dog", "never-made"])
    assert names(resolution) == ["van-gogh"]
    assert resolution.missing == ("never-made", "zebra")
    assert resolution.in_progress == ("dog",)


def test_while_a_new_version_is_made_the_old_one_is_resolved(engine: Engine) -> None:
    erase(engine, "van-gogh")
    held = claimed(engine, accept(engine, "van-gogh", options={"seed": 1}).job.id)
    resolution = resolve(engine, ["van-gogh"])
    assert [concept.version for concept in resolution.concepts] == [1]
    assert resolution.in_progress == ()
    assert publish(engine, held, "second version")
    assert [concept.version for concept in resolve(engine, ["van-gogh"]).concepts] == [2]


def test_increments_for_another_base_are_named(engine: Engine) -> None:
    erase(engine, "cat")
    assert publish(engine, claimed(engine, accept(engine, "dog").job.id), base_digest=OTHER_BASE)
    resolution = resolve(engine, "active")
    assert resolution.for_another_base(BASE) == ("dog",)
    assert resolution.for_another_base(OTHER_BASE) == ("cat",)


def test_what_is_pinned_stays_whatever_happens_to_the_concept(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    job = accept_generation(engine, ["dog", "cat"])
    mask = {
        "digest": digest_of([digest_of_bytes(b"cat"), digest_of_bytes(b"dog")]),
        "concepts": [
            {"name": "cat", "version": 1, "digest": digest_of_bytes(b"cat")},
            {"name": "dog", "version": 1, "digest": digest_of_bytes(b"dog")},
        ],
    }
    assert job.pinned == {"mask": mask, "base_digest": BASE, "irrevocable": []}
    restore(engine, "cat")
    purge(engine, "dog")
    assert get_job(engine, job.id).pinned["mask"] == mask
    assert cast("PinnedMask", claimed(engine, job.id).pinned)["mask"] == mask


def test_a_mask_depends_on_its_increments_and_not_on_the_order_of_its_names(engine: Engine) -> None:
    erase(engine, "cat")
    erase(engine, "dog")
    listed = resolve(engine, ["cat", "dog"]).pinned(BASE)["mask"]
    assert resolve(engine, ["dog", "cat"]).pinned(BASE)["mask"] == listed
    assert concepts.mask_document(listed["concepts"][::-1]) == listed
    digests = {resolve(engine, chosen).pinned(BASE)["mask"]["digest"] for chosen in ([], ["cat"], ["dog"])}
    assert len({*digests, listed["digest"]}) == 4


@pytest.mark.parametrize("erased", [[], ["listed"], ["listed", "for-good"], "active"])
def test_what_is_erased_for_good_is_in_every_mask(engine: Engine, erased: str | list[str]) -> None:
    erase(engine, "for-good", irrevocable=True)
    erase(engine, "listed")
    expected = ["for-good"] if erased == [] else ["for-good", "listed"]
    assert names(resolve(engine, erased)) == expected


def test_what_was_erased_for_good_since_is_added_and_nothing_else(engine: Engine) -> None:
    erase(engine, "before", irrevocable=True)
    erase(engine, "hardened")
    empty = accept_generation(engine, [])
    listed = accept_generation(engine, ["hardened"])
    assert irrevocable_besides(engine, empty) == []
    erase(engine, "revocable")
    erase(engine, "nudity", irrevocable=True)
    accept(engine, "hardened", irrevocable=True)
    accept(engine, "under-way", irrevocable=True)
    assert irrevocable_besides(engine, empty) == ["hardened", "nudity"]
    assert irrevocable_besides(engine, listed) == ["nudity"]
    with reading(engine) as session:
        added = concepts.irrevocable_besides(session, listed.pinned["mask"])
    assert added == [{"name": "nudity", "version": 1, "digest": digest_of_bytes(b"nudity")}]


def test_what_an_earlier_release_pinned_without_is_added_too(engine: Engine) -> None:
    """It left out what was erased for good already when the request came."""
    erase(engine, "before", irrevocable=True)
    pinned = {"mask": concepts.mask_document([]), "base_digest": BASE, "irrevocable": ["before"]}
    assert irrevocable_besides(engine, enqueue_generation(engine, **pinned)) == ["before"]


@pytest.mark.parametrize("hardened", [False, True])
def test_pictures_drawn_without_what_was_erased_for_good_meanwhile_are_not_published(
    engine: Engine, hardened: bool
) -> None:
    """Another concept by a job of its own, or one that was erased already, at once."""
    erase(engine, "cat")
    job = accept_generation(engine, [])
    held = claimed(engine, job.id)
    if hardened:
        accept(engine, "cat", irrevocable=True)
    else:
        erase(engine, "nudity", irrevocable=True)
    with writing(engine) as session:
        mask = cast("PinnedMask", held.pinned)["mask"]
        assert not jobs.publish_pictures(session, held, images=[picture(7)], mask=mask, base_digest=BASE)
    assert get_job(engine, job.id).state == "queued"
    again = claimed(engine, job.id)
    with writing(engine) as session:
        widened = concepts.mask_document(
            concepts.irrevocable_besides(session, cast("PinnedMask", again.pinned)["mask"])
        )
        assert jobs.publish_pictures(session, again, images=[picture(7)], mask=widened, base_digest=BASE)
    result = get_job(engine, job.id).result
    assert result is not None
    assert [concept["name"] for concept in result["mask"]["concepts"]] == ["cat" if hardened else "nudity"]


def test_a_mask_resolved_while_others_change_is_of_one_moment(engine: Engine) -> None:
    """A concept never shows with a version that is not its own, nor twice, nor as missing, while it is made anew."""
    erase(engine, "cat")

    def remake(number: int) -> bool:
        return publish(engine, claimed(engine, accept(engine, "cat", options={"seed": number}).job.id), str(number))

    for number in range(5):
        found, published = at_once(partial(resolve, engine, ["cat"]), partial(remake, number))
        assert published is True
        assert isinstance(found, MaskResolution)
        (concept,) = found.concepts
        contents = {number + 1: str(number - 1) if number else "cat", number + 2: str(number)}
        assert concept.digest == digest_of_bytes(contents[concept.version].encode())
