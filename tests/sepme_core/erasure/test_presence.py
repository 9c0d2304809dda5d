from typing import Any

import pytest

from sepme_core.erasure import (
    ErasureCache,
    ErasureRefused,
    ErasureRequest,
    ErasureSettings,
    erase,
    presence,
    run_to_end,
)
from sepme_core.erasure.effort import THOROUGH
from sepme_core.erasure.presence import LEAST_STRENGTH
from sepme_core.erasure.sentences import Sentence, concept_sentences, spread_evenly, vocabulary
from sepme_core.models.model import DiffusionModel


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The count of x_t of every look, the real measuring behind it."""
    counts: list[int] = []
    measure = presence.measure_strength

    def measured(*asked: Any) -> float:
        counts.append(asked[-1])
        return measure(*asked)

    monkeypatch.setattr(presence, "measure_strength", measured)
    return counts


def check(base: DiffusionModel, name: str) -> None:
    request = ErasureRequest(name, "object", (name,))
    words = vocabulary(base, request, ())
    sentences = concept_sentences(request, words)
    presence.check_drawn(ErasureCache(base), request, sentences, words)


def test_what_is_clearly_drawn_is_looked_at_with_few_x_t_alone(
    base: DiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = looked_at(monkeypatch)
    check(base, "cat")
    assert counts == [THOROUGH.few]


def test_what_is_not_clearly_drawn_is_decided_on_with_many(
    base: DiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = looked_at(monkeypatch)
    with pytest.raises(ErasureRefused) as refusal:
        check(base, "wuggo flim")
    assert counts == [THOROUGH.few, THOROUGH.many]
    assert refusal.value.code == "concept-not-drawn"
    assert refusal.value.numbers["strength"] < refusal.value.numbers["limit"] == LEAST_STRENGTH


@pytest.mark.slow
def test_by_override_a_word_without_meaning_is_erased_all_the_same_and_marked(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    settings = ErasureSettings(max_steps=0, pictures=4)
    request = ErasureRequest("blorp", "object", ("blorp",), override=True, settings=settings)
    certificate = run_to_end(erase(base, request, cache=cache)).increment.certificate
    assert certificate["overridden"][0] == "concept-not-drawn"
    assert ("not-forgotten" in certificate["overridden"]) != certificate["forgotten"]["forgotten"]


def test_pictures_are_spread_over_the_sentences_and_any_few_of_them_are_unlike() -> None:
    sentences = [Sentence("{}", str(number)) for number in range(101)]
    places = [int(each.phrase) for each in spread_evenly(sentences, 6)]
    assert places == [0, 40, 80, 20, 60, 100]
    assert [each.phrase for each in spread_evenly(sentences[:1], 4)] == ["0"] * 4
    assert [each.phrase for each in spread_evenly(sentences, 1)] == ["0"]
