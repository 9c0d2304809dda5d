"""The problems that the method and the worker write on jobs are kinds that the front end documents."""

from typing import Any

import pytest

from sepme_core.erasure.refusals import (
    ErasureRefused,
    concept_not_drawn,
    concept_too_close,
    effect_lost,
    irrevocable_weakened,
    no_capacity,
    not_forgotten,
    same_concept,
    substitute_erased,
)
from sepme_core.problems import BY_SLUG
from worker import problems

REFUSALS = [
    concept_too_close("cat", "kitten", 0.98, 3, 6),
    no_capacity(16, 3, 256),
    concept_not_drawn("qwx", 0.01, 0.2),
    same_concept("a-cat", "cat", 0, 6),
    not_forgotten("cat", 3, 6, 1),
    substitute_erased("cat", "a dog", "dog"),
    effect_lost("cat", 3, 6, 1),
    irrevocable_weakened("dog", "cat", effect_lost("cat", 3, 6, 1)),
]
WRITTEN = [
    problems.of_another_base("made for another base", ["cat"]),
    problems.of_damaged_increment("it has another digest", "cat"),
    problems.of_invalid_field("seed must be small", "#/options/seed"),
    problems.of_incident(),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_what_the_method_refuses_is_documented(refusal: ErasureRefused) -> None:
    kind = BY_SLUG[refusal.code]
    assert (refusal.kind.title, refusal.kind.status) == (kind.title, kind.status)


@pytest.mark.parametrize("document", WRITTEN, ids=lambda document: document["type"])
def test_what_the_worker_writes_is_documented(document: dict[str, Any]) -> None:
    kind = BY_SLUG[document["type"].removeprefix("/problems/")]
    assert (document["title"], document["status"]) == (kind.title, kind.status)
