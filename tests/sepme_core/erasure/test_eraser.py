from collections.abc import Sequence
from typing import Any

import pytest
import torch

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import draw, generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import (
    ErasureCache,
    ErasureRefused,
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    MadeIncrement,
    Progress,
    erase,
    erase_together,
    measure_capacity,
    run_to_end,
)
from sepme_core.erasure.effort import THOROUGH, passes
from sepme_core.erasure.evidence import draw_concept, shown_pictures
from sepme_core.erasure.looking import TIMES
from sepme_core.erasure.sentences import Sentence
from sepme_core.erasure.substitute import CANDIDATES
from sepme_core.evaluation.accuracy import Asked, look_at_all, percent
from sepme_core.evaluation.judge import load_judge
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import memory

KNOWN = (KnownConcept("fish", "object", ("fish",)), KnownConcept("ink", "style", ("ink",)))
REQUEST = PictureRequest("", steps=8, guidance_scale=4.0, width=64, height=64)
WORDINGS = ("a drawing of {an_object} in {style} style", "the {object} by {style}")


def run(
    base: DiffusionModel,
    request: ErasureRequest,
    known: Sequence[KnownConcept] = KNOWN,
    protected: Sequence[KnownConcept] = (),
) -> tuple[Increment, list[Progress]]:
    seen: list[Progress] = []
    return run_to_end(erase(base, request, known, protected, cache=memory(base)), seen.append).increment, seen


@pytest.fixture(scope="module")
def made(base: DiffusionModel) -> MadeIncrement:
    """What erasing a cat makes."""
    return run_to_end(erase(base, ErasureRequest("cat", "object", ("cat",)), KNOWN, cache=memory(base)))


@pytest.fixture(scope="module")
def cat(made: MadeIncrement) -> Increment:
    return made.increment


@pytest.fixture(scope="module")
def sepia(base: DiffusionModel) -> Increment:
    return run(base, ErasureRequest("sepia", "style", ("sepia",)))[0]


def right(
    base: DiffusionModel, increments: list[Increment], objects: Sequence[str], styles: Sequence[str]
) -> tuple[float, float]:
    """Objects and styles right, in percent, in held-out wordings."""
    asked = [Asked(o, s, wording, seed) for seed, wording in enumerate(WORDINGS) for o in objects for s in styles]
    seen = look_at_all(base, load_judge(MODEL_FOLDER / "judge"), asked, increments, REQUEST)
    return percent(each.object_right for each in seen), percent(each.style_right for each in seen)


def test_an_erased_object_is_gone_and_its_style_stays(base: DiffusionModel, cat: Increment) -> None:
    styles = ("ink", "poster", "neon", "chalk", "sepia")
    assert right(base, [], ["cat"], styles)[0] >= 90
    objects, kept = right(base, [cat], ["cat"], styles)
    assert objects <= 10
    assert kept >= 85


def test_an_erased_style_is_gone_and_its_object_stays(base: DiffusionModel, sepia: Increment) -> None:
    objects = ("cat", "fish", "rocket", "key", "heart")
    assert right(base, [], objects, ["sepia"])[1] >= 90
    kept, styles = right(base, [sepia], objects, ["sepia"])
    assert styles <= 10
    assert kept >= 85


def test_everything_else_is_drawn_as_before(base: DiffusionModel, cat: Increment, sepia: Increment) -> None:
    others = (["fish", "house", "key", "banana"], ["ink", "poster", "mosaic"])
    before, after = right(base, [], *others), right(base, [cat, sepia], *others)
    assert min(after) >= min(before) - 9


def test_the_increment_lies_in_the_null_space_of_the_empty_prompt(base: DiffusionModel, cat: Increment) -> None:
    empty = ErasureCache(base).embed([""])[0]
    assert (empty.float() @ cat.directions).abs().max() < 1e-4 * empty.abs().max()


def test_the_same_request_gives_the_same_digest(base: DiffusionModel, cat: Increment) -> None:
    again, _ = run(base, ErasureRequest("cat", "object", ("cat",)))
    assert again.digest == cat.digest
    assert again.to_bytes() == cat.to_bytes()


def test_what_is_known_is_part_of_the_digest(base: DiffusionModel, cat: Increment) -> None:
    other, _ = run(base, ErasureRequest("cat", "object", ("cat",)), known=KNOWN[:1])
    assert other.digest != cat.digest


def test_the_certificate_holds_what_was_measured(cat: Increment, sepia: Increment) -> None:
    for increment in (cat, sepia):
        certificate = increment.certificate
        assert abs(certificate["relative_loss"]) <= 0.2
        assert (certificate["forgotten"]["seen"], certificate["forgotten"]["seen_before"]) == (0, 6)
        assert (certificate["attempt"], certificate["overridden"], certificate["effect_kept"]) == (1, [], 1.0)
        assert certificate["leak"]["concept"] in {"fish", "ink"}
        assert 0 < certificate["leak"]["max"] < 1
        assert certificate["directions"]["used"] <= 16
        assert len(increment.to_bytes()) <= 300_000
    assert cat.certificate["substitute"]["how"] == "chosen"
    assert sepia.certificate["substitute"] == {"phrase": None, "how": "absence", "correlation": 0.0, "close_to": []}


def test_progress_is_told_and_the_work_can_be_ended_between_steps(base: DiffusionModel) -> None:
    request = ErasureRequest("cat", "object", ("cat",), settings=ErasureSettings(start="zero", max_steps=40))
    steps = erase(base, request, KNOWN, cache=memory(base))
    told = [next(steps) for _ in range(6)]
    steps.close()
    assert [progress.step for progress in told if progress.step] == [1, 2, 3]
    assert told[-1].of == 40


def test_what_is_left_is_told_in_passes_and_falls_but_where_a_loop_begins(base: DiffusionModel) -> None:
    settings = ErasureSettings(start="zero", max_steps=40, batch_size=4)
    request = ErasureRequest("cat", "object", ("cat",), settings=settings)
    steps = erase(base, request, KNOWN, cache=memory(base))
    left = [next(steps).passes_left or 0 for _ in range(6)]
    steps.close()
    planned = passes(THOROUGH, settings.pictures, CANDIDATES, len(TIMES))
    assert left[0] == planned.time
    assert left[:3] == sorted(left[:3], reverse=True)
    assert left[2] == planned.certificate + planned.judging
    assert left[3:] == [3 * 4 * (40 - step) + planned.judging for step in (1, 2, 3)]


def test_a_word_that_the_model_does_not_know_is_refused(base: DiffusionModel) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        run(base, ErasureRequest("blorp", "object", ("blorp",)))
    assert refusal.value.code == "concept-not-drawn"
    assert refusal.value.numbers["strength"] < refusal.value.numbers["limit"]


def test_protection_without_room_is_refused(base: DiffusionModel) -> None:
    settings = ErasureSettings(tolerance=0.0)
    crowd = [KnownConcept(name, "object", (name,)) for name in base.suggestions.objects if name != "cat"]
    crowd += [KnownConcept(name, "style", (name,)) for name in base.suggestions.styles]
    with pytest.raises(ErasureRefused) as refusal:
        run(base, ErasureRequest("cat", "object", ("cat",), settings=settings), known=crowd)
    assert refusal.value.code == "no-capacity"
    assert refusal.value.numbers["left"] < refusal.value.numbers["needed"]


def test_capacity_falls_with_what_is_known(base: DiffusionModel) -> None:
    empty = measure_capacity(ErasureCache(base), (), (), 1e-2)
    some = measure_capacity(ErasureCache(base), KNOWN, (), 1e-2)
    assert empty["left"] == empty["directions"] < base.width
    assert some["left"] < empty["left"]


def test_a_restored_concept_is_drawn_as_before(base: DiffusionModel, cat: Increment) -> None:
    before = draw(base, ["a cat"], REQUEST)[0].tobytes()
    draw(base, ["a cat"], REQUEST, [cat])
    assert draw(base, ["a cat"], REQUEST)[0].tobytes() == before


def test_the_base_is_never_written_to(base: DiffusionModel, cat: Increment) -> None:
    before = [value.clone() for value in base.unet.parameters()]
    draw(base, ["a cat"], REQUEST, [cat])
    assert all(torch.equal(*pair) for pair in zip(before, base.unet.parameters(), strict=True))


def test_the_order_in_which_concepts_are_known_does_not_matter(base: DiffusionModel, cat: Increment) -> None:
    again, _ = run(base, ErasureRequest("cat", "object", ("cat",)), known=KNOWN[::-1])
    assert again.digest == cat.digest


def test_what_was_remembered_does_not_change_the_bytes(base: DiffusionModel, cat: Increment) -> None:
    afresh = run_to_end(erase(base, ErasureRequest("cat", "object", ("cat",)), KNOWN))
    assert afresh.increment.digest == cat.digest


def test_the_pictures_show_it_without_and_with_the_increment(made: MadeIncrement) -> None:
    before, after = made.pictures[:3], made.pictures[3:]
    assert [picture.record["prompt"] for picture in before] == [picture.record["prompt"] for picture in after]
    assert all("cat" in picture.record["prompt"] for picture in before)
    assert [picture.record["increments"] for picture in before] == [[]] * 3
    assert all(picture.record["increments"][0]["digest"] == made.increment.digest for picture in after)
    judge = load_judge(MODEL_FOLDER / "judge")
    assert [verdict.object for verdict in judge.look_at([picture.image for picture in before])] == ["cat"] * 3
    assert "cat" not in [verdict.object for verdict in judge.look_at([picture.image for picture in after])]


@pytest.mark.parametrize("row", [0, 2])
def test_a_picture_is_made_again_from_its_record(base: DiffusionModel, made: MadeIncrement, row: int) -> None:
    picture = made.pictures[row]
    said: Any = picture.record
    replay = PictureRequest(
        said["prompt"],
        seed=said["seed"] - said["row"],
        count=said["batch_size"],
        **{name: said[name] for name in ("steps", "guidance_scale", "width", "height", "scheduler")},
    )
    assert generate(base, replay)[said["row"]].sha256 == picture.sha256


@pytest.mark.parametrize(("kind", "pictures"), [("object", 6), ("person", 0), ("explicit", 0)])
def test_no_picture_is_kept_of_a_person_or_of_what_is_explicit(
    base: DiffusionModel, cat: Increment, kind: str, pictures: int
) -> None:
    cache, request = memory(base), ErasureRequest("cat", kind, ("cat",))
    drawn = draw_concept(cache, request, [Sentence("a {}", "cat")])
    assert len(shown_pictures(cache, request, drawn, drawn.images, [cat])) == pictures


def test_a_group_is_erased_by_one_optimisation(base: DiffusionModel) -> None:
    requests = [ErasureRequest(name, "object", (name,)) for name in ("rocket", "cat")]
    together = run_to_end(erase_together(base, requests, KNOWN, cache=memory(base)))
    assert list(together) == ["cat", "rocket"]
    for made in together.values():
        assert isinstance(made, MadeIncrement)
        assert abs(made.increment.certificate["relative_loss"]) < 0.4
        assert made.increment.certificate["forgotten"]["seen"] == 0
        assert made.increment.certificate["substitute"]["phrase"] not in {"cat", "rocket"}
        assert set(made.increment.certificate["leak"]["by_concept"]) == {"fish", "ink", "cat", "rocket"} - {
            made.increment.concept
        }
    styles = ("ink", "poster", "neon", "chalk", "sepia")
    assert right(base, [made.increment for made in together.values()], ["cat", "rocket"], styles)[0] <= 10


def test_the_published_variant_uses_the_whole_null_space_of_all_token_rows(base: DiffusionModel) -> None:
    settings = ErasureSettings.from_options({"variant": "published", "max_steps": 3})
    increment, told = run(base, ErasureRequest("cat", "object", ("cat",), override=True, settings=settings))
    cache = ErasureCache(base)
    exact = cache.rows(["fish", "ink"])
    assert (exact.float() @ increment.directions).abs().max() < 1e-3 * exact.abs().max()
    assert increment.directions.shape[1] == increment.certificate["directions"]["left"]
    assert max(each.step for each in told) == 3
    assert increment.certificate["substitute"]["how"] == "absence"
    assert increment.certificate["relative_loss"] < 1.0
