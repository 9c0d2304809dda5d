"""What is settled before the first step: the sentences, the free directions, and the solution within them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.correlation import Costs
from sepme_core.erasure.refusals import no_capacity
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.room import KeptConcept, Overlaps, free_directions, kept_cost
from sepme_core.erasure.sentences import Sentence, concept_sentences, vocabulary
from sepme_core.erasure.solution import Moments, NullSpace, Solution, caption_moment, closed_form, concept_moments
from sepme_core.erasure.substitute import Substitute
from sepme_core.options import ErasureSettings

LEAST_DIRECTIONS = 2


@dataclass(frozen=True)
class Plan:
    """One erasure, solved as far as linear algebra goes."""

    request: ErasureRequest
    substitute: Substitute
    kept: list[KeptConcept]
    overlaps: Overlaps
    moments: Moments
    costs: Costs
    free: NullSpace
    solution: Solution


def make_plan(
    cache: ErasureCache,
    request: ErasureRequest,
    known: Sequence[KnownConcept],
    substitute: Substitute,
    kept: Sequence[KeptConcept],
    overlaps: Overlaps,
) -> Plan:
    """The solution beside what is kept, by the request's variant; what the overlaps give up is not.

    Raises:
        ErasureRefused: ``no-capacity``.
    """
    settings = request.settings
    published = settings.variant == "published"
    left = [each for each in kept if each.name not in overlaps.given_up]
    free = free_directions(cache, left, 0.0 if published else settings.tolerance)
    if free.left < LEAST_DIRECTIONS:
        raise no_capacity(LEAST_DIRECTIONS, free.left, free.width)
    sentences = concept_sentences(request, vocabulary(cache.base, request, known))
    moments = concept_moments(cache, sentences, substitute.phrase, substitute.beyond)
    captions = caption_moment(cache, request.prompts)
    weighted = settings.regular_weight * captions + settings.listed_weight * kept_cost(cache, left)
    if published:
        solution = Solution(free.basis, torch.zeros(free.left, free.width, dtype=torch.float64))
    else:
        solution = solve_closed_form(settings, moments, weighted, free)
    return Plan(request, substitute, left, overlaps, moments, Costs(weighted, captions), free, solution)


def shown_sentences(cache: ErasureCache, request: ErasureRequest) -> list[Sentence]:
    """The sentences in which the concept is shown, the same whatever else becomes known.

    The published variant knows the bare prompts alone.
    """
    if request.settings.variant == "published":
        return [Sentence("{}", prompt) for prompt in request.prompts]
    return concept_sentences(request, vocabulary(cache.base, request, ()))


def solve_closed_form(settings: ErasureSettings, moments: Moments, cost: Tensor, free: NullSpace) -> Solution:
    """The closed form with what acting costs, (d_in, d_in); from the zero start only its directions are used."""
    solution = closed_form(moments, cost, free, settings.directions, settings.ridge)
    if settings.start == "zero":
        return Solution(solution.directions, torch.zeros_like(solution.matrix))
    return solution
