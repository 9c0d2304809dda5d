"""The eraser: from a request, or a group of them, to certified increments."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from sepme_core.documents.certificates import Certificate
from sepme_core.erasure import presence
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.effort import Passes, passes
from sepme_core.erasure.evidence import Drawn, draw_concept, fresh_latents
from sepme_core.erasure.finishing import LeftAlone, describe, make
from sepme_core.erasure.forgetting import Attempt, forget, refusal
from sepme_core.erasure.looking import TIMES
from sepme_core.erasure.plan import make_plan, shown_sentences
from sepme_core.erasure.refusals import ErasureRefused
from sepme_core.erasure.reprojection import check_irrevocable
from sepme_core.erasure.request import ErasureRequest, KnownConcept, MadeIncrement, Progress
from sepme_core.erasure.room import KeptConcept, Overlaps, all_kept, measure_overlaps
from sepme_core.erasure.sameness import check_beside, check_not_same
from sepme_core.erasure.sentences import concept_sentences, vocabulary
from sepme_core.erasure.substitute import CANDIDATES, Substitute, substitutes, wants_substitute
from sepme_core.erasure.training import train_together
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from sepme_core.terms import Reason

STEP_PASSES = 3
"""A step of the loop goes forth and back: a gradient takes about two passes more."""


@dataclass(frozen=True)
class Besides:
    """What else there is when a concept is erased.

    Attributes:
        known: Every other concept the registry holds.
        protected: Prompts that no increment may change.
        irrevocable: The trained increments of irrevocable concepts among ``known``.
        serving: The increments that serve now, of other concepts.
    """

    known: Sequence[KnownConcept] = ()
    protected: Sequence[KnownConcept] = ()
    irrevocable: Sequence[Increment] = ()
    serving: Sequence[Increment] = ()


def erase(
    base: DiffusionModel,
    request: ErasureRequest,
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    irrevocable: Sequence[Increment] = (),
    serving: Sequence[Increment] = (),
    cache: ErasureCache | None = None,
    reason: Reason = "erased",
) -> Generator[Progress, None, MadeIncrement]:
    """Make the increment that erases ``request`` and touches neither ``known`` concepts nor ``protected`` prompts.

    Yields its progress after every step, can be closed there, and returns what it made. The same base, request,
    concepts, device and thread count give the same bytes, in whatever order the concepts are given.

    Args:
        base: The model.
        request: The concept and how it is erased.
        known: Every other concept the registry holds; those ``erased`` are never drawn instead.
        protected: Prompts that no increment may change.
        irrevocable: The trained increments of irrevocable concepts among ``known``.
        serving: The increments that serve now, of other concepts: one may cover this concept already.
        cache: What was remembered of earlier erasures on this base.
        reason: What the increment is made for: ``erased``, or ``substituted`` where its substitute was erased.

    Raises:
        ErasureRefused: ``concept-not-drawn``, ``same-concept``, ``substitute-erased``, ``no-capacity`` or
            ``irrevocable-weakened`` before optimising; ``concept-too-close`` or ``not-forgotten`` by what is seen.
    """
    cache, of = cache or ErasureCache(base), request.settings.max_steps
    besides = Besides(known, protected, irrevocable, serving)
    planned = first_attempt(cache, request)
    yield Progress(0, of, 1.0, 1.0, "measuring how the model draws the concept", planned.time)
    asked = ask(cache, request, besides)
    yield Progress(0, of, 1.0, 1.0, "drawing the concept", planned.time - planned.finding)
    yield from check_not_same(cache, request, asked.drawn, serving)
    yield from check_irrevocable(cache, newcomer(request), irrevocable, known, protected)
    attempts = forget(cache, request, known, asked.kept, asked.overlaps, asked.substitutes(cache, known), asked.drawn)
    attempt = yield from with_passes_left(attempts, planned, request.settings.batch_size)
    overridden = asked.overridden
    try:
        yield from check_beside(cache, request, asked.drawn, attempt, serving)
    except ErasureRefused as refused:
        if not request.override:
            raise
        overridden = [*overridden, refused.code]
    return finish(cache, asked.drawn, attempt, overridden, LeftAlone(known, protected), reason)


def first_attempt(cache: ErasureCache, request: ErasureRequest) -> Passes:
    """What the first attempt at a concept takes."""
    return passes(cache.effort, request.settings.pictures, CANDIDATES if wants_substitute(request) else 0, len(TIMES))


def with_passes_left(
    attempts: Generator[Progress, None, Attempt], planned: Passes, batch: int
) -> Generator[Progress, None, Attempt]:
    """What the attempts tell, with what is left at most until the pictures of the one under way are looked at."""
    with closing(attempts):
        while True:
            try:
                told = next(attempts)
            except StopIteration as end:
                made: Attempt = end.value
                return made
            ahead = STEP_PASSES * batch * (told.of - told.step) if told.step else planned.certificate
            yield replace(told, passes_left=ahead + planned.judging)


@dataclass(frozen=True)
class Asked:
    """A request looked at, before anything is solved."""

    request: ErasureRequest
    drawn: Drawn
    kept: list[KeptConcept]
    overlaps: Overlaps
    overridden: list[str]

    def substitutes(self, cache: ErasureCache, known: Sequence[KnownConcept]) -> Iterator[Substitute]:
        """What can be drawn instead, the best first."""
        fresh = fresh_latents(cache, self.drawn)
        return substitutes(cache, self.request, known, self.drawn.sentences, fresh)


def ask(cache: ErasureCache, request: ErasureRequest, besides: Besides) -> Asked:
    """Draw the concept and see what it comes near; raises ErasureRefused: ``concept-not-drawn``."""
    overridden = []
    words = vocabulary(cache.base, request, besides.known)
    try:
        presence.check_drawn(cache, request, concept_sentences(request, words), words)
    except ErasureRefused as refused:
        if not request.override:
            raise
        overridden.append(refused.code)
    kept = all_kept(cache.base, request, besides.known, besides.protected)
    overlaps = measure_overlaps(cache, newcomer(request), kept)
    drawn = draw_concept(cache, request, shown_sentences(cache, request))
    return Asked(request, drawn, kept, overlaps, overridden)


def finish(
    cache: ErasureCache,
    drawn: Drawn,
    attempt: Attempt,
    overridden: Sequence[str],
    known: LeftAlone,
    reason: Reason = "erased",
) -> MadeIncrement:
    """A trained increment, certified, with its evidence; its file holds the settings of the attempt it is of."""
    if not attempt.trained.looked.sight.forgotten:
        overridden = [*overridden, "not-forgotten"]
    certificate: Certificate = {
        **describe(cache, attempt.plan, attempt.trained, overridden),
        "attempt": attempt.number,
        "effect_kept": 1.0,
    }
    return make(cache, attempt.plan.request, drawn, attempt.trained, certificate, reason, known)


def erase_together(
    base: DiffusionModel,
    requests: Sequence[ErasureRequest],
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    irrevocable: Sequence[Increment] = (),
    serving: Sequence[Increment] = (),
    cache: ErasureCache | None = None,
) -> Generator[Progress, None, dict[str, MadeIncrement]]:
    """Make the increments of a group by one optimisation (SRS-ME†), by name; each leaves the other members alone.

    The losses are balanced by eta (equation 4) and stopped as one; each is measured under the increments of the whole
    group. The loop's settings are those of the first request by name. One attempt is made.

    Args:
        base: The model.
        requests: The group; two or more, with names of their own.
        known: Every other concept the registry holds.
        protected: Prompts that no increment may change.
        irrevocable: The trained increments of irrevocable concepts among ``known``.
        serving: The increments that serve now, of other concepts.
        cache: What was remembered of earlier erasures on this base.

    Raises:
        ErasureRefused: as for `erase`, for the first member that it holds for.
    """
    cache = cache or ErasureCache(base)
    members = sorted(requests, key=lambda request: request.name)
    settings, asked, plans = members[0].settings, [], []
    for request in members:
        yield Progress(0, settings.max_steps, 1.0, 1.0, f"measuring how the model draws {request.name}")
        others = beside(request, members, known)
        asked.append(ask(cache, request, Besides(others, protected)))
        yield from check_not_same(cache, request, asked[-1].drawn, serving)
        yield from check_irrevocable(cache, newcomer(request), irrevocable, others, protected)
        substitute = next(asked[-1].substitutes(cache, others))
        plans.append(make_plan(cache, request, others, substitute, asked[-1].kept, asked[-1].overlaps))
    group = yield from train_together(cache, plans, [each.drawn for each in asked], settings)
    made = {}
    for each, plan, trained in zip(asked, plans, group, strict=True):
        attempt = Attempt(1, plan, trained)
        if not trained.looked.sight.forgotten and not each.request.override:
            raise refusal(cache, each.request, each.drawn, each.overlaps, attempt)
        all_known = LeftAlone(beside(each.request, members, known), protected)
        made[each.request.name] = finish(cache, each.drawn, attempt, each.overridden, all_known)
    return made


def beside(
    request: ErasureRequest, members: Sequence[ErasureRequest], known: Sequence[KnownConcept]
) -> list[KnownConcept]:
    """What a member of a group leaves alone: the known concepts and the other members, which are to be erased."""
    return [*known, *(newcomer(each) for each in members if each.name != request.name)]


def newcomer(request: ErasureRequest) -> KnownConcept:
    """The concept as others have to leave it alone."""
    return KnownConcept(request.name, request.kind, request.prompts, erased=True)
