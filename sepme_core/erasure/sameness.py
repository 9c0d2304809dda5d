"""One thing, one concept: whether an erased concept covers a newcomer already, decided by looking.

Where a newcomer's sentences come near an increment that serves, they are drawn under it. If the newcomer is not seen
there, it is the same thing under another name, and neither must be made to leave the other alone: both would come back.
What is near but not the same is erased by itself, and then both are looked at under both increments.
"""

from collections.abc import Generator, Sequence

from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.evidence import Drawn, draw_concept, shown_pictures
from sepme_core.erasure.forgetting import Attempt
from sepme_core.erasure.looking import Looked, look
from sepme_core.erasure.plan import shown_sentences
from sepme_core.erasure.refusals import ErasureRefused, comes_back, same_concept
from sepme_core.erasure.request import ErasureRequest, KnownConcept, Progress, request_of
from sepme_core.erasure.room import CLOSE, increment_overlap, overlap
from sepme_core.erasure.substitute import substitute_of
from sepme_core.increments.increment import Increment
from sepme_core.wordings import listed


def check_not_same(
    cache: ErasureCache, request: ErasureRequest, drawn: Drawn, serving: Sequence[Increment]
) -> Generator[Progress, None, None]:
    """Raise ErasureRefused (``same-concept``) where an increment that serves covers the newcomer already."""
    for increment in close_increments(cache, request, serving):
        yield Progress(0, request.settings.max_steps, 1.0, 1.0, f"looking whether {increment.concept} covers it")
        looked = look(cache, request, drawn, [increment], substitute_of(increment).phrase)
        sight = looked.sight
        if sight.before > sight.limit and sight.forgotten:
            refused = same_concept(request.name, increment.concept, sight.seen, sight.pictures)
            raise with_pictures(refused, cache, request, drawn, looked, [increment])


def check_beside(
    cache: ErasureCache, request: ErasureRequest, drawn: Drawn, attempt: Attempt, serving: Sequence[Increment]
) -> Generator[Progress, None, None]:
    """See that of what is close and erased nothing is seen under both increments together.

    Raises:
        ErasureRefused: ``concept-too-close``.
    """
    mine = attempt.trained.factors
    for increment in close_increments(cache, request, serving):
        other = request_of(increment)
        yield Progress(0, request.settings.max_steps, 1.0, 1.0, f"looking at it and {other.name} under both")
        theirs = draw_concept(cache, other, shown_sentences(cache, other))
        substitutes = (attempt.plan.substitute.phrase, substitute_of(increment).phrase)
        for asked, shown, phrases in ((request, drawn, substitutes), (other, theirs, substitutes[::-1])):
            looked = look(cache, asked, shown, [mine, increment], *phrases)
            if not looked.sight.forgotten:
                sight, near = looked.sight, overlap(cache, as_known(request), listed(other.kind, other.prompts))
                refused = comes_back(request.name, other.name, asked.name, near, sight.seen, sight.pictures)
                raise with_pictures(refused, cache, asked, shown, looked, [increment])


def close_increments(cache: ErasureCache, request: ErasureRequest, serving: Sequence[Increment]) -> list[Increment]:
    """Those that serve and come near the newcomer, or that it comes near."""
    own = listed(request.kind, request.prompts)
    close = []
    for increment in serving:
        other = request_of(increment)
        theirs = listed(other.kind, other.prompts)
        reaching = increment_overlap(cache, increment, theirs, own)
        if reaching > CLOSE or overlap(cache, as_known(request), theirs) > CLOSE:
            close.append(increment)
    return close


def as_known(request: ErasureRequest) -> KnownConcept:
    """A request's concept."""
    return KnownConcept(request.name, request.kind, request.prompts)


def with_pictures(
    refused: ErasureRefused,
    cache: ErasureCache,
    request: ErasureRequest,
    drawn: Drawn,
    looked: Looked,
    increments: Sequence[Increment],
) -> ErasureRefused:
    """The refusal with what was looked at."""
    refused.pictures = shown_pictures(cache, request, drawn, looked.images, increments)
    return refused
