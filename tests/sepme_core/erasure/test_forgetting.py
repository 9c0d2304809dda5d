from dataclasses import replace

import pytest

from sepme_core.demo import MODEL_FOLDER
from sepme_core.erasure import (
    ErasureCache,
    ErasureRefused,
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    erase,
    run_to_end,
)
from sepme_core.erasure.forgetting import LIGHTER, Way, ways_to_erase, wider
from sepme_core.erasure.room import CLOSE, SAME, Overlaps
from sepme_core.erasure.substitute import ABSENCE, Substitute
from sepme_core.evaluation.judge import load_judge
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import QUICK
from tests.sepme_core.erasure.planned import FISH, INK
from tests.sepme_core.erasure.told import Told

TREE, KEY, CROWN = (Substitute(phrase, "chosen") for phrase in ("tree", "key", "crown"))
IDLE = ErasureSettings(start="zero", target="counterpart", max_steps=1, pictures=4)
FEW = replace(QUICK, pictures=4)


def ways(request: ErasureRequest, *substitutes: Substitute, **by_name: float) -> list[Way]:
    return list(ways_to_erase(request, Overlaps(by_name), iter((*substitutes, ABSENCE))))


def request_for(**options: object) -> ErasureRequest:
    override = bool(options.pop("override", False))
    return ErasureRequest("cat", "object", ("cat",), override=override, settings=ErasureSettings.from_options(options))


def test_after_the_usual_way_come_wider_settings_and_then_another_substitute() -> None:
    request = request_for()
    usual, wide = request.settings, wider(request.settings)
    assert ways(request, TREE, KEY, CROWN, fish=0.2) == [
        (usual, TREE, ()),
        (wide, TREE, ()),
        (usual, KEY, ()),
        (wide, KEY, ()),
    ]
    assert wide == replace(usual, directions=2 * usual.directions, listed_weight=LIGHTER * usual.listed_weight)
    assert wider(replace(usual, directions=100)).directions == 100


def test_what_is_given_up_by_override_is_given_up_right_after_the_usual_way() -> None:
    usual = request_for().settings
    close = {"mascot": SAME + 0.1, "fish": 0.1}
    assert ways(request_for(override=True), TREE, KEY, **close) == [(usual, TREE, ()), (usual, TREE, ("mascot",))]
    assert ways(request_for(), TREE, KEY, **close) == [(usual, TREE, ())]
    assert len(ways(request_for(override=True), TREE, KEY, mascot=CLOSE + 0.1)) == 5


def test_the_published_variant_has_one_way() -> None:
    request = request_for(variant="published")
    assert ways(request, TREE, KEY) == [(request.settings, TREE, ())]


def test_an_increment_under_which_the_concept_is_seen_is_refused_with_its_numbers_and_pictures(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(erase(base, ErasureRequest("cat", "object", ("cat",), settings=IDLE), [FISH], cache=cache))
    assert refusal.value.code == "not-forgotten"
    assert refusal.value.numbers == {"seen": 4, "of": 4, "limit": 1}
    before, after = refusal.value.pictures[:3], refusal.value.pictures[3:]
    assert [len(each.record["increments"]) for each in (*before, *after)] == [0, 0, 0, 1, 1, 1]
    judge = load_judge(MODEL_FOLDER / "judge")
    assert [verdict.object for verdict in judge.look_at([each.image for each in after])] == ["cat"] * 3


def test_by_override_it_is_made_and_marked(base: DiffusionModel, cache: ErasureCache) -> None:
    request = ErasureRequest("cat", "object", ("cat",), override=True, settings=IDLE)
    made = run_to_end(erase(base, request, [FISH], cache=cache))
    assert made.increment.certificate["overridden"] == ["not-forgotten"]
    assert (made.increment.certificate["forgotten"]["forgotten"], len(made.pictures)) == (False, 6)


def test_where_it_is_still_seen_it_is_tried_again_until_it_is_not(
    base: DiffusionModel, cache: ErasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "classifier", Told(2, 0))
    request = ErasureRequest("cat", "object", ("cat",), settings=FEW)
    certificate = run_to_end(erase(base, request, [FISH], cache=cache)).increment.certificate
    assert certificate["attempt"] == 2
    assert FEW.directions < certificate["directions"]["used"] <= 2 * FEW.directions
    assert (certificate["forgotten"]["seen"], certificate["forgotten"]["by"]) == (0, ["model", "told"])
    assert certificate["overridden"] == []


def test_of_attempts_that_all_show_it_the_best_is_published_by_override(
    base: DiffusionModel, cache: ErasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(2, 3)
    monkeypatch.setattr(cache, "classifier", told)
    settings = replace(FEW, target="counterpart")
    request = ErasureRequest("cat", "object", ("cat",), override=True, settings=settings)
    certificate = run_to_end(erase(base, request, [FISH], cache=cache)).increment.certificate
    assert told.counts == []
    assert (certificate["attempt"], certificate["forgotten"]["seen"]) == (1, 2)
    assert certificate["overridden"] == ["not-forgotten"]


@pytest.mark.parametrize("said", ["cat", "a picture of a cat on a table"])
def test_what_is_too_close_to_a_protected_prompt_is_refused_by_what_is_seen_and_made_by_override(
    base: DiffusionModel, cache: ErasureCache, said: str
) -> None:
    mascot = [KnownConcept("our-mascot", "other", (said,))]
    request = ErasureRequest("cat", "object", ("cat",), settings=FEW)
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(erase(base, request, [FISH, INK], mascot, cache=cache))
    assert refusal.value.code == "concept-too-close"
    numbers = refusal.value.numbers
    assert (numbers["closest"], numbers["of"], numbers["seen"] > 1) == ("our-mascot", 4, True)
    assert numbers["overlap"] > CLOSE
    assert len(refusal.value.pictures) == 6
    forced = run_to_end(erase(base, replace(request, override=True), [FISH, INK], mascot, cache=cache)).increment
    assert [each["concept"] for each in forced.certificate["given_up"]] == ["our-mascot"]
    assert forced.certificate["given_up"][0]["overlap"] == pytest.approx(numbers["overlap"], abs=1e-3)
    assert forced.certificate["forgotten"]["forgotten"]
    assert forced.certificate["overridden"] == []
