from collections.abc import Sequence
from dataclasses import replace

import pytest

from sepme_core.erasure import ErasureCache, ErasureRefused, ErasureRequest, KnownConcept, are_close, erase, run_to_end
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.evidence import draw_concept
from sepme_core.erasure.forgetting import Attempt
from sepme_core.erasure.plan import shown_sentences
from sepme_core.erasure.sameness import check_beside, check_not_same, close_increments
from sepme_core.erasure.substitute import substitute_of
from sepme_core.erasure.training import train
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import QUICK, erased
from tests.sepme_core.erasure.planned import FISH, planned

FEW = replace(QUICK, pictures=4)
CAT = KnownConcept("cat", "object", ("cat",), erased=True)


@pytest.fixture(scope="module")
def picture(base: DiffusionModel, cache: ErasureCache) -> Increment:
    """What "cat picture" is erased by."""
    request = ErasureRequest("cat-picture", "object", ("cat picture",), settings=FEW)
    return run_to_end(erase(base, request, [FISH], cache=cache)).increment


def check(cache: ErasureCache, said: str, kind: str, serving: Sequence[Increment]) -> None:
    request = ErasureRequest("newcomer", kind, (said,), settings=FEW)
    drawn = draw_concept(cache, request, shown_sentences(cache, request))
    run_to_end(check_not_same(cache, request, drawn, serving))


def test_what_an_erased_concept_covers_is_refused_as_the_same_with_pictures(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    request = ErasureRequest("a-cat", "other", ("a cat",), settings=FEW)
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(erase(base, request, [FISH, CAT], serving=[erased(base, "cat")], cache=cache))
    assert refusal.value.code == "same-concept"
    assert refusal.value.numbers == {"same_as": "cat", "seen": 0, "of": 4}
    pictures = refusal.value.pictures
    assert all("a cat" in each.record["prompt"] for each in pictures)
    applied = [[each["concept"] for each in picture.record["increments"]] for picture in pictures]
    assert applied == [[], [], [], ["cat"], ["cat"], ["cat"]]


@pytest.mark.parametrize(("said", "kind"), [("a cat", "object"), ("the cat", "object"), ("cat picture", "object")])
def test_other_wordings_of_an_erased_concept_are_the_same(cache: ErasureCache, said: str, kind: str) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        check(cache, said, kind, [erased(cache.base, "sepia"), erased(cache.base, "cat")])
    assert (refusal.value.code, refusal.value.numbers["same_as"]) == ("same-concept", "cat")


def test_nor_does_it_matter_which_of_the_wordings_came_first(cache: ErasureCache, picture: Increment) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        check(cache, "cat", "object", [picture])
    assert (refusal.value.code, refusal.value.numbers["same_as"]) == ("same-concept", "cat-picture")


@pytest.mark.parametrize(("said", "kind"), [("fish", "object"), ("ink", "style"), ("the fish", "other")])
def test_what_is_unrelated_is_near_to_no_increment(cache: ErasureCache, said: str, kind: str) -> None:
    serving = [erased(cache.base, "cat"), erased(cache.base, "sepia")]
    assert close_increments(cache, ErasureRequest("newcomer", kind, (said,)), serving) == []
    check(cache, said, kind, serving)


def test_nearness_is_the_same_in_either_order(cache: ErasureCache) -> None:
    cat, picture, fish = (KnownConcept(each, "object", (each,)) for each in ("cat", "cat picture", "fish"))
    assert are_close(cache, cat, picture)
    assert are_close(cache, picture, cat)
    assert not are_close(cache, cat, fish)
    assert not are_close(cache, fish, cat)


def test_what_is_near_but_not_covered_goes_on_and_is_looked_at_under_both(cache: ErasureCache) -> None:
    plan, drawn = planned(cache, "cat picture", substitute_of(erased(cache.base, "cat")).phrase, FEW)
    trained = run_to_end(train(cache, plan, drawn))
    cat = erased(cache.base, "cat")
    idle = {path: 0 * w for path, w in cat.weights.items()}
    still = Increment(cat.directions, idle, cat.metadata)
    check(cache, "cat picture", "object", [still])
    run_to_end(check_beside(cache, plan.request, drawn, Attempt(1, plan, trained), [still]))
    nothing = replace(trained, factors=Candidate(cat.directions, idle))
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(check_beside(cache, plan.request, drawn, Attempt(1, plan, nothing), [still]))
    assert refusal.value.code == "concept-too-close"
    assert (refusal.value.numbers["closest"], refusal.value.numbers["seen"]) == ("cat", 4)
    assert len(refusal.value.pictures) == 6
