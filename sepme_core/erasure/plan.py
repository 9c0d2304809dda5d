"""What is settled before the first step: the sentences, the free directions, and the solution within them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.erasure import presence
from sepme_core.erasure.closed_form import Solution, closed_form
from sepme_core.erasure.constraints import NullSpace
from sepme_core.erasure.correlation import Costs
from sepme_core.erasure.moments import Moments, concept_moments, second_moment
from sepme_core.erasure.overlap import Overlaps, settle_overlaps
from sepme_core.erasure.protection import Kept, all_kept, free_directions, listed_cost
from sepme_core.erasure.request import ErasureRequest, KnownConcept, no_capacity
from sepme_core.erasure.sentences import (
    Sentence,
    Vocabulary,
    concept_sentences,
    regular_sentences,
    swap_phrases,
    vocabulary,
)
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared

LEAST_DIRECTIONS = 2


@dataclass(frozen=True)
class Plan:
    """One erasure, solved as far as linear algebra goes."""

    request: ErasureRequest
    sentences: list[Sentence]
    kept: list[Kept]
    overlaps: Overlaps
    moments: Moments
    costs: Costs
    free: NullSpace
    solution: Solution


def make_plan(
    shared: Shared, request: ErasureRequest, known: Sequence[KnownConcept], protected: Sequence[KnownConcept]
) -> Plan:
    """Solve what needs no optimising; raises ErasureRefused where the erasure has no sense or no room."""
    words = vocabulary(shared.base, request, known)
    presence.check_drawn(shared, request, concept_sentences(request, words), words)
    return plan_again(shared, request, all_kept(request, known, protected), known)


def plan_again(shared: Shared, request: ErasureRequest, kept: Sequence[Kept], known: Sequence[KnownConcept]) -> Plan:
    """The plan of a concept that was erased before, with what is kept now; refused as then, presence apart."""
    words = vocabulary(shared.base, request, known)
    moments, regular = gather_moments(shared, request, words)
    kept, overlaps = settle_overlaps(shared, request, moments, regular, kept)
    return solve(shared, request, words, moments, regular, kept, overlaps)


def solve(
    shared: Shared,
    request: ErasureRequest,
    words: Vocabulary,
    moments: Moments,
    regular: Tensor,
    kept: Sequence[Kept],
    overlaps: Overlaps,
) -> Plan:
    """The solution for what is kept, by the request's variant; raises ErasureRefused (``no-capacity``)."""
    settings = request.settings
    published = settings.variant == "published"
    free = free_directions(shared, kept, 0.0 if published else settings.tolerance)
    if free.left < LEAST_DIRECTIONS:
        raise no_capacity(LEAST_DIRECTIONS, free.left, free.width)
    weighted = settings.regular_weight * regular + settings.listed_weight * listed_cost(shared, kept)
    if published:
        solution = Solution(free.basis, torch.zeros(free.left, free.width, dtype=torch.float64))
    else:
        solution = solve_closed_form(settings, moments, weighted, free)
    sentences = sentences_of(request, words)
    return Plan(request, sentences, list(kept), overlaps, moments, Costs(weighted, regular), free, solution)


def sentences_of(request: ErasureRequest, words: Vocabulary) -> list[Sentence]:
    """The sentences in which the concept is shown; the published variant knows the bare prompts alone."""
    if request.settings.variant == "published":
        return [Sentence("{}", prompt) for prompt in request.prompts]
    return concept_sentences(request, words)


def shown_sentences(base: Base, request: ErasureRequest, known: Sequence[KnownConcept]) -> list[Sentence]:
    """The same for a concept that is looked at without a plan."""
    return sentences_of(request, vocabulary(base, request, known))


def solve_closed_form(settings: ErasureSettings, moments: Moments, cost: Tensor, free: NullSpace) -> Solution:
    """The closed form with what acting costs, (d_in, d_in); from the zero start only its directions are used."""
    solution = closed_form(moments, cost, free, settings.directions, settings.ridge)
    if settings.start == "zero":
        return Solution(solution.directions, torch.zeros_like(solution.matrix))
    return solution


def gather_moments(shared: Shared, request: ErasureRequest, words: Vocabulary) -> tuple[Moments, Tensor]:
    """The concept's moments, and the second moment of regular sentences, (d_in, d_in)."""
    seed = request.settings.seed
    sentences, swaps = concept_sentences(request, words), swap_phrases(words, seed)
    overshoot = request.settings.overshoot
    moments = concept_moments(shared, sentences, swaps, counterpart_share(request), overshoot)
    return moments, second_moment(shared.rows(regular_sentences(request, words, seed)))


def counterpart_share(request: ErasureRequest) -> float:
    """How much of the closed form's target is the counterpart; the rest is the mean of the swapped sentences."""
    by_kind = 1.0 if request.kind in {"style", "explicit"} else 0.0
    return {"counterpart": 1.0, "swap": 0.0, "by-kind": by_kind}[request.settings.target]
