"""What is drawn instead of an erased concept: one phrase of its kind that stays allowed.

The mean of many phrases is no phrase, and draws smears or another erased concept. So there is one substitute, asked for
or chosen: of a few that are neither erased nor close to what is, in an order that differs from concept to concept, the
one whose own representation is least related to the concept's (|L_cor| nearest to zero): sent there, the concept meets
the paper's condition by itself. Where a model's card names nothing that is left, plain phrases stand in, and last the
sentence without the concept, and most of the way once more beyond it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from torch import Tensor

from sepme_core.documents.certificates import SubstituteDocument
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.correlation import relative_correlation
from sepme_core.erasure.latents import NoisedLatents, predict_phrase
from sepme_core.erasure.refusals import substitute_erased
from sepme_core.erasure.request import ErasureRequest, KnownConcept, request_of
from sepme_core.erasure.room import CLOSE, overlap
from sepme_core.erasure.sentences import Sentence, suggested
from sepme_core.increments.increment import Increment
from sepme_core.wordings import PLAIN, listed, mentions

CANDIDATES = 3

BEYOND = 0.9
"""Without an object the demo model draws any object, this one too. With everything erased, six objects were seen in 3
of 270 pictures where they were sent half the way beyond, and in 1 at nine tenths."""

How = Literal["asked", "chosen", "absence", "away"]


@dataclass(frozen=True)
class Substitute:
    """What is drawn instead.

    Attributes:
        phrase: It; None for the sentence without the concept.
        how: Asked for, chosen, the concept's absence, or away from it, where all of its kind is erased.
        correlation: L_cor of its own representation with the concept's, over L_cor of the concept's with itself.
        close_to: The known concepts that it is close to; should one of them be erased, it is not allowed any more.
    """

    phrase: str | None
    how: How
    correlation: float = 0.0
    close_to: tuple[str, ...] = ()

    @property
    def beyond(self) -> float:
        """How far beyond the sentence without the concept it is sent, as a share of the way."""
        return BEYOND if self.how == "away" else 0.0

    def document(self) -> SubstituteDocument:
        """As a certificate says it."""
        return {
            "phrase": self.phrase,
            "how": self.how,
            "correlation": round(self.correlation, 6),
            "close_to": list(self.close_to),
        }


ABSENCE, AWAY = Substitute(None, "absence"), Substitute(None, "away")


def substitutes(
    cache: ErasureCache,
    request: ErasureRequest,
    known: Sequence[KnownConcept],
    sentences: Sequence[Sentence],
    fresh: NoisedLatents,
) -> Iterator[Substitute]:
    """What can be drawn instead, the best first.

    Raises:
        ErasureRefused: ``substitute-erased``, where the one asked for may not be drawn.
    """
    if not wants_substitute(request):
        yield ABSENCE
        return
    if request.substitute is not None:
        yield asked_for(cache, request, known, sentences, fresh)
        return
    allowed = allowed_phrases(cache, request, known)
    while chosen := list(islice(allowed, CANDIDATES)):
        measured = [
            (correlation_of(cache, phrase, sentences, fresh, request.settings.seed), phrase) for phrase in chosen
        ]
        for correlation, phrase in sorted(measured, key=lambda each: abs(each[0])):
            yield Substitute(phrase, "chosen", correlation, close_to(cache, request, phrase, known))
    yield AWAY


def wants_substitute(request: ErasureRequest) -> bool:
    """Whether the concept goes to another phrase, and not to the sentence without it; the published method has none."""
    if request.settings.variant == "published":
        return False
    if request.settings.target != "by-kind":
        return request.settings.target == "substitute"
    return request.substitute is not None or request.kind not in {"style", "explicit"}


def asked_for(
    cache: ErasureCache,
    request: ErasureRequest,
    known: Sequence[KnownConcept],
    sentences: Sequence[Sentence],
    fresh: NoisedLatents,
) -> Substitute:
    """The substitute that the request names; raises ErasureRefused where it may not be drawn."""
    phrase = str(request.substitute)
    if mentions(phrase, request.prompts):
        raise substitute_erased(request.name, phrase, request.name)
    for each in known:
        if each.erased and is_close(cache, request, phrase, each):
            raise substitute_erased(request.name, phrase, each.name)
    correlation = correlation_of(cache, phrase, sentences, fresh, request.settings.seed)
    return Substitute(phrase, "asked", correlation, close_to(cache, request, phrase, known))


def allowed_phrases(cache: ErasureCache, request: ErasureRequest, known: Sequence[KnownConcept]) -> Iterator[str]:
    """Phrases of the concept's kind that are not erased, nor close to what is; plain ones at the end."""
    kind = request.kind
    named = [] if kind == "person" else list(suggested(cache.base, "style" if kind == "style" else "object"))
    random.Random(f"{request.name} {request.settings.seed}").shuffle(named)
    erased = [each for each in known if each.erased]
    for phrase in (*named, *PLAIN.get(kind, ())):
        if mentions(phrase, request.prompts) or any(mentions(prompt, [phrase]) for prompt in request.prompts):
            continue
        if not any(is_close(cache, request, phrase, each) for each in erased):
            yield phrase


def close_to(
    cache: ErasureCache, request: ErasureRequest, phrase: str, known: Sequence[KnownConcept]
) -> tuple[str, ...]:
    """The known concepts that a phrase is close to, by name."""
    return tuple(sorted(each.name for each in known if is_close(cache, request, phrase, each)))


def is_close(cache: ErasureCache, request: ErasureRequest, phrase: str, concept: KnownConcept) -> bool:
    """Whether drawing the phrase might be drawing the concept: it names it, or an erasure of it would act on it."""
    if mentions(phrase, concept.prompts) or any(mentions(prompt, [phrase]) for prompt in concept.prompts):
        return True
    if (concept.kind == "style") != (request.kind == "style"):
        return False
    return overlap(cache, as_concept(request.kind, phrase), listed(concept.kind, concept.prompts)) > CLOSE


def as_concept(kind: str, phrase: str) -> KnownConcept:
    """A phrase as a concept of a kind."""
    return KnownConcept(phrase, kind, (phrase,))


def correlation_of(
    cache: ErasureCache, phrase: str, sentences: Sequence[Sentence], fresh: NoisedLatents, seed: int
) -> float:
    """L_cor of the phrase in the concept's place, over that of the concept itself, on a few x_t."""
    if cache.effort.candidate >= len(fresh):
        return float(relative_correlation(fresh, answered(cache, "fresh", phrase, sentences, fresh, seed)))
    few = fresh.first(cache.effort.candidate)
    return float(relative_correlation(few, predict_phrase(cache, few, sentences, phrase)))


def answered(
    cache: ErasureCache,
    what: str,
    phrase: str | None,
    sentences: Sequence[Sentence],
    latents: NoisedLatents,
    seed: int,
) -> Tensor:
    """epsilon of the base for the sentences with a phrase in the concept's place, on ``what`` x_t of theirs."""
    key = ("anchor", what, tuple(sentence.text for sentence in sentences), seed, phrase)
    return cache.get_or_make(key, lambda: predict_phrase(cache, latents, sentences, phrase))


def leans_on(cache: ErasureCache, kind: str, phrase: str, newcomer: KnownConcept) -> bool:
    """Whether a stored increment whose substitute is this phrase must be made again once the newcomer is erased."""
    return is_close(cache, ErasureRequest("any", kind, ("any",)), phrase, newcomer)


def substitute_of(increment: Increment) -> Substitute:
    """What an increment draws instead; files of earlier releases name nothing."""
    said = increment.certificate.get("substitute")
    if said is None:
        return ABSENCE
    return Substitute(said["phrase"], said["how"], said["correlation"], tuple(said["close_to"]))


def draws(cache: ErasureCache, increment: Increment, concept: KnownConcept) -> bool:
    """Whether what an increment draws instead of its own concept would draw this one."""
    phrase = substitute_of(increment).phrase
    return phrase is not None and leans_on(cache, request_of(increment).kind, phrase, concept)
