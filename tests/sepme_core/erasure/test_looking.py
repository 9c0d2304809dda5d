from collections.abc import Sequence
from dataclasses import replace

import pytest
from PIL import Image
from torch import Tensor

from sepme_core.drawing.draw import draw_latents
from sepme_core.erasure import ErasureCache, ErasureSettings, looking
from sepme_core.erasure.latents import picture_request
from sepme_core.erasure.looking import Sight, look, preferences
from sepme_core.erasure.substitute import substitute_of
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import erased
from tests.sepme_core.erasure.planned import drawn_as


class Everywhere:
    """Sees every concept in every picture; or, as told, none."""

    name = "everywhere"

    def __init__(self, answer: bool | None = True) -> None:
        self.answer = answer
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def sees(self, pictures: Sequence[Image.Image], kind: str, phrases: Sequence[str]) -> list[bool] | None:
        self.asked.append((kind, tuple(phrases)))
        return None if self.answer is None else [self.answer] * len(pictures)


@pytest.mark.parametrize(("concept", "kind", "phrase"), [("cat", "object", "tree"), ("sepia", "style", None)])
def test_the_bases_pictures_of_a_concept_show_it_and_those_of_its_substitute_do_not(
    cache: ErasureCache, concept: str, kind: str, phrase: str | None
) -> None:
    _, drawn = drawn_as(cache, concept, kind)
    assert (preferences(cache, drawn.sentences, [phrase], drawn.latents, drawn.seed) > 0).all()
    instead = [each.counterpart if phrase is None else each.with_phrase(phrase) for each in drawn.sentences]
    others = draw_latents(cache.base, instead, picture_request(cache, drawn.seed))
    assert (preferences(cache, drawn.sentences, [phrase], others, drawn.seed) <= 0).all()


def test_it_is_counted_in_the_bases_pictures_and_in_those_under_the_mask(cache: ErasureCache) -> None:
    request, drawn = drawn_as(cache, "cat")
    without = look(cache, request, drawn, [], "tree").sight
    assert (without.before, without.seen, without.pictures, without.by) == (6, 6, 6, ("model",))
    assert without.margin == pytest.approx(1.0, abs=1e-3)
    cat = erased(cache.base, "cat")
    under = look(cache, request, drawn, [cat], substitute_of(cat).phrase).sight
    assert (under.before, under.seen, under.forgotten) == (6, 0, True)
    assert under.margin < 0
    other = look(cache, request, drawn, [erased(cache.base, "sepia")], "tree").sight
    assert (other.seen, other.forgotten) == (6, False)


def test_what_the_base_draws_is_explained_once_however_often_it_is_looked_at(
    cache: ErasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, drawn = drawn_as(cache, "cat")
    first = look(cache, request, drawn, [], "tree").sight
    explained, of_base = looking.explained, []

    def note(base: DiffusionModel, latents: Tensor, texts: Sequence[str], seed: int) -> Tensor:
        of_base.append(latents is drawn.latents)
        return explained(base, latents, texts, seed)

    monkeypatch.setattr(looking, "explained", note)
    assert look(cache, request, drawn, [], "tree").sight == first
    assert of_base == [False, False]


def test_what_a_classifier_sees_counts_beside_what_the_model_sees(base: DiffusionModel, cache: ErasureCache) -> None:
    request, drawn = drawn_as(cache, "cat")
    cat, everywhere = erased(base, "cat"), Everywhere()
    sight = look(ErasureCache(base, everywhere), request, drawn, [cat], substitute_of(cat).phrase).sight
    assert (sight.before, sight.seen, sight.by) == (6, 6, ("model", "everywhere"))
    assert everywhere.asked == [("object", ("cat",))] * 2
    nowhere = look(ErasureCache(base, Everywhere(answer=False)), request, drawn, [], "tree").sight
    assert (nowhere.before, nowhere.seen, nowhere.by) == (6, 6, ("model", "everywhere"))


def test_a_classifier_that_does_not_know_the_concept_has_no_say(base: DiffusionModel, cache: ErasureCache) -> None:
    request, drawn = drawn_as(cache, "cat")
    cat = erased(base, "cat")
    sight = look(ErasureCache(base, Everywhere(answer=None)), request, drawn, [cat], substitute_of(cat).phrase).sight
    assert (sight.before, sight.seen, sight.by) == (6, 0, ("model",))


@pytest.mark.parametrize(("pictures", "limit"), [(4, 1), (6, 1), (8, 1), (16, 2), (32, 4)])
def test_it_may_be_seen_in_one_of_eight_and_of_fewer_in_one(pictures: int, limit: int) -> None:
    sight = Sight(pictures, pictures, limit, 0.0, ("model",))
    assert sight.limit == limit
    assert sight.forgotten
    assert not replace(sight, seen=limit + 1).forgotten
    assert sight.document() == {
        "forgotten": True,
        "by": ["model"],
        "pictures": pictures,
        "seen_before": pictures,
        "seen": limit,
        "limit": limit,
        "margin": 0.0,
    }


def test_as_many_pictures_are_looked_at_as_the_settings_say(cache: ErasureCache) -> None:
    _, drawn = drawn_as(cache, "cat", settings=ErasureSettings(pictures=9))
    assert len(drawn.images) == len(set(drawn.texts)) == 9
