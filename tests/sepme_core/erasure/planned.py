"""Concepts of the demo model solved as far as a test wants them, without looking for a substitute."""

from collections.abc import Sequence

from sepme_core.erasure import ErasureCache, ErasureRequest, ErasureSettings, KnownConcept
from sepme_core.erasure.evidence import Drawn, draw_concept
from sepme_core.erasure.plan import Plan, make_plan, shown_sentences
from sepme_core.erasure.room import Overlaps, all_kept
from sepme_core.erasure.substitute import ABSENCE, Substitute

FISH = KnownConcept("fish", "object", ("fish",))
INK = KnownConcept("ink", "style", ("ink",))


def drawn_as(
    cache: ErasureCache, concept: str, kind: str = "object", settings: ErasureSettings | None = None
) -> tuple[ErasureRequest, Drawn]:
    """A concept's request, and its pictures by the base."""
    request = ErasureRequest(concept, kind, (concept,), settings=settings or ErasureSettings())
    return request, draw_concept(cache, request, shown_sentences(cache, request))


def planned(
    cache: ErasureCache,
    concept: str,
    phrase: str | None,
    settings: ErasureSettings | None = None,
    known: Sequence[KnownConcept] = (FISH,),
) -> tuple[Plan, Drawn]:
    """An object's plan with a substitute, or with none, and its pictures by the base."""
    request, drawn = drawn_as(cache, concept, settings=settings)
    kept = all_kept(cache.base, request, known, ())
    substitute = ABSENCE if phrase is None else Substitute(phrase, "asked")
    return make_plan(cache, request, known, substitute, kept, Overlaps({})), drawn
