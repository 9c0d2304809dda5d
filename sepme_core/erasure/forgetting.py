"""From a request to an increment under which its concept is not seen: attempts, the best of which is taken.

The first attempt is the usual one. Where the concept is still seen after it, the next has more directions and lighter
costs, then come those with another substitute. What comes as near a protected concept as to itself and is not forgotten
beside it, is refused without further attempts, since they would not change that.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.evidence import Drawn, shown_pictures
from sepme_core.erasure.finishing import LeftAlone, assemble, describe
from sepme_core.erasure.plan import Plan, make_plan
from sepme_core.erasure.refusals import ErasureRefused, concept_too_close, not_forgotten
from sepme_core.erasure.request import ErasureRequest, KnownConcept, Progress
from sepme_core.erasure.room import SAME, KeptConcept, Overlaps
from sepme_core.erasure.substitute import Substitute
from sepme_core.erasure.training import Trained, train
from sepme_core.options import ErasureSettings

MOST_DIRECTIONS = 64
LIGHTER = 0.1
SUBSTITUTES = 2


@dataclass(frozen=True)
class Attempt:
    """One way to erase a concept, and what came of it; ``number`` counts from 1."""

    number: int
    plan: Plan
    trained: Trained

    @property
    def seen(self) -> int:
        """In how many pictures the concept is seen."""
        return self.trained.looked.sight.seen


def forget(
    cache: ErasureCache,
    request: ErasureRequest,
    known: Sequence[KnownConcept],
    kept: Sequence[KeptConcept],
    overlaps: Overlaps,
    substitutes: Iterator[Substitute],
    drawn: Drawn,
) -> Generator[Progress, None, Attempt]:
    """The first attempt under which the concept is not seen, or the best of all.

    Raises:
        ErasureRefused: ``no-capacity``; ``concept-too-close`` or ``not-forgotten``, unless the request overrides.
    """
    best: Attempt | None = None
    ways = ways_to_erase(request, overlaps, substitutes)
    for number, (settings, substitute, given_up) in enumerate(ways, 1):
        trying = replace(request, settings=settings)
        yield Progress(0, settings.max_steps, 1.0, 1.0, f"solving for it, attempt {number}")
        plan = make_plan(cache, trying, known, substitute, kept, replace(overlaps, given_up=given_up))
        attempt = Attempt(number, plan, (yield from train(cache, plan, drawn)))
        if best is None or attempt.trained.looks_better_than(best.trained):
            best = attempt
        if best.seen == 0:
            break
    assert best is not None
    if not best.trained.looked.sight.forgotten and not request.override:
        raise refusal(cache, request, drawn, overlaps, best)
    return best


Way = tuple[ErasureSettings, Substitute, tuple[str, ...]]


def ways_to_erase(request: ErasureRequest, overlaps: Overlaps, substitutes: Iterator[Substitute]) -> Iterator[Way]:
    """Settings, a substitute, and what is given up of what is kept."""
    settings, nothing = request.settings, ()
    first = next(substitutes)
    yield settings, first, nothing
    if request.override and overlaps.close:
        yield settings, first, tuple(overlaps.close)
    if settings.variant == "published" or any(overlap > SAME for overlap in overlaps.by_name.values()):
        return
    yield wider(settings), first, nothing
    for substitute in islice(substitutes, SUBSTITUTES - 1):
        yield settings, substitute, nothing
        yield wider(settings), substitute, nothing


def wider(settings: ErasureSettings) -> ErasureSettings:
    """More directions, and acting on others costs less."""
    return replace(
        settings,
        directions=min(2 * settings.directions, max(MOST_DIRECTIONS, settings.directions)),
        listed_weight=LIGHTER * settings.listed_weight,
    )


def refusal(
    cache: ErasureCache, request: ErasureRequest, drawn: Drawn, overlaps: Overlaps, best: Attempt
) -> ErasureRefused:
    """Why the best attempt is not good enough, with what was seen of it."""
    sight, nearest = best.trained.looked.sight, overlaps.nearest
    if nearest is not None and overlaps.close:
        refused = concept_too_close(request.name, nearest, overlaps.by_name[nearest], sight.seen, sight.pictures)
    else:
        refused = not_forgotten(request.name, sight.seen, sight.pictures, sight.limit)
    certificate = describe(cache, best.plan, best.trained)
    tried = assemble(cache.base, request, best.trained.factors, certificate, LeftAlone((), ()))
    refused.pictures = shown_pictures(cache, request, drawn, best.trained.looked.images, [tried])
    return refused
