from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from sepme_core.erasure import ErasureCache, ErasureRefused, ErasureRequest, ErasureSettings, KnownConcept, draws
from sepme_core.erasure.correlation import relative_correlation
from sepme_core.erasure.effort import THOROUGH
from sepme_core.erasure.evidence import draw_concept, fresh_latents
from sepme_core.erasure.latents import predict_all
from sepme_core.erasure.plan import shown_sentences
from sepme_core.erasure.room import CLOSE, overlap
from sepme_core.erasure.substitute import (
    ABSENCE,
    AWAY,
    CANDIDATES,
    Substitute,
    allowed_phrases,
    leans_on,
    substitutes,
    wants_substitute,
)
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed
from sepme_core.wordings import PLAIN, listed
from tests.sepme_core.erased import erased

CAT = ErasureRequest("cat", "object", ("cat",))


def known(*names: str, kind: str = "object", erased_: bool = True) -> list[KnownConcept]:
    return [KnownConcept(name, kind, (name,), erased=erased_) for name in names]


def chosen_for(
    cache: ErasureCache, request: ErasureRequest, concepts: Sequence[KnownConcept] = (), count: int = 100
) -> list[Substitute]:
    drawn = draw_concept(cache, request, shown_sentences(cache, request))
    found = substitutes(cache, request, concepts, drawn.sentences, fresh_latents(cache, drawn))
    return list(islice(found, count))


def test_everything_of_the_kind_but_the_concept_is_allowed_and_plain_phrases_come_last(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    allowed = list(allowed_phrases(cache, CAT, ()))
    assert set(allowed) == {*base.suggestions.objects, *PLAIN["object"]} - {"cat"}
    assert tuple(allowed[-3:]) == PLAIN["object"]


def test_an_erased_concept_is_never_drawn_instead_nor_what_mentions_it(base: DiffusionModel) -> None:
    said = replace(base.suggestions, objects=("cat", "key", "fish", "tree", "big fish", "christmas tree"))
    wider = ErasureCache(replace(base, suggestions=said))
    named = set(allowed_phrases(wider, CAT, known("fish", "tree"))) - set(PLAIN["object"])
    assert named == {"key"}
    everything = set(allowed_phrases(wider, CAT, known("fish", "tree", erased_=False)))
    assert everything == {*said.objects, *PLAIN["object"]} - {"cat"}


def test_what_is_close_to_an_erased_concept_is_not_drawn_instead(cache: ErasureCache) -> None:
    near = KnownConcept("pier", "object", ("the sailboat",), erased=True)
    by_words = KnownConcept("pier", "object", ("one boat",), erased=True)
    reach = overlap(cache, KnownConcept("sailboat", "object", ("sailboat",)), listed("object", near.prompts))
    assert reach > CLOSE
    assert "sailboat" not in set(allowed_phrases(cache, CAT, [near]))
    assert "sailboat" in set(allowed_phrases(cache, CAT, [by_words]))
    assert "sailboat" in set(allowed_phrases(cache, CAT, [replace(near, erased=False)]))


def test_what_mentions_the_concept_or_is_mentioned_by_it_is_no_substitute(base: DiffusionModel) -> None:
    said = replace(base.suggestions, objects=("black Cat", "table", "fish"))
    request = ErasureRequest("cat", "object", ("cat", "cat on a table"))
    allowed = set(allowed_phrases(ErasureCache(replace(base, suggestions=said)), request, ()))
    assert allowed == {"fish", *PLAIN["object"]}


def test_the_order_differs_from_concept_to_concept_and_not_from_time_to_time(cache: ErasureCache) -> None:
    orders = [list(allowed_phrases(cache, ErasureRequest(n, "object", ("cat",)), ())) for n in ("cat", "cat", "tom")]
    assert orders[0] == orders[1] != orders[2]
    assert set(orders[0]) == set(orders[2])


def test_the_least_related_of_the_candidates_comes_first(base: DiffusionModel, cache: ErasureCache) -> None:
    candidates = list(islice(allowed_phrases(cache, CAT, ()), CANDIDATES))
    drawn = draw_concept(cache, CAT, shown_sentences(cache, CAT))
    x = fresh_latents(cache, drawn).first(THOROUGH.candidate)
    related = {}
    for phrase in candidates:
        places = [place % len(drawn.sentences) for place in range(THOROUGH.candidate)]
        texts = [drawn.sentences[place].with_phrase(phrase) for place in places]
        predicted = predict_all(base, x.noised, x.times, embed(base, texts))
        related[phrase] = float(relative_correlation(x, predicted))
    found = chosen_for(cache, CAT, count=CANDIDATES)
    assert [each.phrase for each in found] == sorted(candidates, key=lambda phrase: abs(related[phrase]))
    assert {str(each.phrase): each.correlation for each in found} == pytest.approx(related, abs=1e-5)
    assert {each.how for each in found} == {"chosen"}


def test_the_one_asked_for_is_taken_whatever_is_known(cache: ErasureCache) -> None:
    (found,) = chosen_for(cache, replace(CAT, substitute="fish"), known("fish", "tree", erased_=False))
    assert (found.phrase, found.how, found.close_to) == ("fish", "asked", ("fish",))


@pytest.mark.parametrize(
    ("asked", "erased_"), [("fish", "fish"), ("a big Fish", "fish"), ("the cat", "cat"), ("Cat", "cat")]
)
def test_one_that_would_draw_what_is_erased_or_the_concept_itself_is_refused(
    cache: ErasureCache, asked: str, erased_: str
) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        chosen_for(cache, replace(CAT, substitute=asked), known("fish"))
    assert refusal.value.code == "substitute-erased"
    assert refusal.value.numbers == {"substitute": asked, "erased": erased_}


def test_where_everything_of_the_kind_is_erased_a_plain_phrase_stands_in_and_last_none(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    few = ErasureCache(replace(base, suggestions=replace(base.suggestions, objects=("cat", "fish"))))
    drawn = draw_concept(cache, CAT, shown_sentences(cache, CAT))
    found = list(substitutes(few, CAT, known("fish"), drawn.sentences, fresh_latents(cache, drawn)))
    assert {each.phrase for each in found[:-1]} <= set(PLAIN["object"])
    assert len(found) > 1
    assert found[-1] == AWAY
    assert ABSENCE.beyond == 0 < AWAY.beyond


def test_a_person_is_drawn_as_a_plain_one(cache: ErasureCache) -> None:
    request = ErasureRequest("someone", "person", ("Vincent",))
    assert tuple(allowed_phrases(cache, request, ())) == PLAIN["person"]
    assert "a man" not in set(allowed_phrases(cache, request, known("man", kind="person")))


@pytest.mark.parametrize(
    ("kind", "options", "asked", "wanted"),
    [
        ("object", {}, None, True),
        ("other", {}, None, True),
        ("person", {}, None, True),
        ("style", {}, None, False),
        ("explicit", {}, None, False),
        ("style", {}, "ink", True),
        ("style", {"target": "substitute"}, None, True),
        ("object", {"target": "counterpart"}, None, False),
        ("object", {"variant": "published"}, None, False),
    ],
)
def test_a_style_and_what_is_explicit_go_to_the_sentence_without_them_unless_asked(
    kind: str, options: dict[str, Any], asked: str | None, wanted: bool
) -> None:
    settings = ErasureSettings.from_options(options)
    request = ErasureRequest("cat", kind, ("cat",), substitute=asked, settings=settings)
    assert wants_substitute(request) is wanted


def test_a_style_has_none(cache: ErasureCache) -> None:
    assert chosen_for(cache, ErasureRequest("sepia", "style", ("sepia",))) == [ABSENCE]


def test_a_substitute_names_the_known_concepts_that_it_is_close_to(cache: ErasureCache) -> None:
    concepts = [*known("fish", erased_=False), KnownConcept("boats", "other", ("a sailboat",))]
    (found,) = chosen_for(cache, replace(CAT, substitute="sailboat"), concepts)
    assert found.close_to == ("boats",)


def test_a_stored_increment_leans_on_what_its_substitute_would_draw(base: DiffusionModel, cache: ErasureCache) -> None:
    cat = erased(base, "cat")
    phrase = str(cat.certificate["substitute"]["phrase"])
    assert draws(cache, cat, KnownConcept("x", "object", (phrase,)))
    assert draws(cache, cat, KnownConcept("x", "other", (f"the {phrase}",)))
    assert not draws(cache, cat, KnownConcept("x", "object", ("key",)))
    assert not draws(cache, cat, KnownConcept("x", "style", ("ink",)))
    assert not draws(cache, erased(base, "sepia"), KnownConcept("x", "object", (phrase,)))
    unsaid: Any = {name: value for name, value in cat.certificate.items() if name != "substitute"}
    earlier = Increment(cat.directions, cat.weights, {**cat.metadata, "certificate": unsaid})
    assert not draws(cache, earlier, KnownConcept("x", "object", (phrase,)))
    assert leans_on(cache, "object", phrase, KnownConcept("x", "object", (phrase,)))
