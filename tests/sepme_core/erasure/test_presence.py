from typing import Any

import pytest

from sepme_core.base import Base
from sepme_core.erasure import ErasureRefused, ErasureRequest, Shared, presence
from sepme_core.erasure.presence import FEW, LEAST_STRENGTH, MANY
from sepme_core.erasure.sentences import concept_sentences, vocabulary


def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The count of x_t of every look, the real measuring behind it."""
    counts: list[int] = []
    measure = presence.measure_strength

    def measured(*asked: Any) -> float:
        counts.append(asked[-1])
        return measure(*asked)

    monkeypatch.setattr(presence, "measure_strength", measured)
    return counts


def check(base: Base, name: str) -> None:
    request = ErasureRequest(name, "object", (name,))
    words = vocabulary(base, request, ())
    sentences = concept_sentences(request, words)
    presence.check_drawn(Shared(base), request, sentences, words)


def test_what_is_clearly_drawn_is_looked_at_with_few_x_t_alone(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = looked_at(monkeypatch)
    check(base, "cat")
    assert counts == [FEW]


def test_what_is_not_clearly_drawn_is_decided_on_with_many(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = looked_at(monkeypatch)
    with pytest.raises(ErasureRefused) as refusal:
        check(base, "wuggo flim")
    assert counts == [FEW, MANY]
    assert refusal.value.code == "concept-not-drawn"
    assert refusal.value.numbers["strength"] < refusal.value.numbers["limit"] == LEAST_STRENGTH
