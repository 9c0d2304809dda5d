"""What erasures have in common, made between jobs, in pieces so short that no job has to wait for long.

What a piece will cost is measured first, by the smallest thing of its kind: one prompt, one picture's pass of the
U-Net. What is too slow on this machine is left to the jobs that need it.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from sepme_core.erasure import presence
from sepme_core.erasure.cache import BATCH, ErasureCache
from sepme_core.erasure.certificate import plain_norms_of
from sepme_core.erasure.latents import predict_noise
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.room import KeptConcept, all_kept, moment_of
from sepme_core.erasure.sentences import bare_sentences, concept_sentences, suggested, vocabulary
from sepme_core.erasure.solution import caption_moment_in_pieces
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

logger = logging.getLogger(__name__)
MOST_SECONDS = 3.0
"""What a piece may cost: so long a job that comes may have to wait."""
GIVEN_UP = 1.0
"""Seconds after which a measurement is given up: it costs too much, whatever it would have come to."""
NOBODY = ErasureRequest("nobody", "other", ("nobody",))


@dataclass(frozen=True)
class Pace:
    """Seconds that the largest piece of either kind takes here; infinite where it was not measured to the end.

    ``embedding``: a batch of prompts; ``drawing``: what needs the U-Net.
    """

    embedding: float
    drawing: float


def prepare(cache: ErasureCache) -> Iterator[None]:
    """Fill ``cache`` with what erasing an object or a style by the default settings needs, in small pieces.

    Nothing that is made of it changes by that: an erasure finds what it would have made. Left after any piece, the
    erasures make the rest. No piece is begun that takes more than MOST_SECONDS by what was measured.
    """
    pace = yield from measure_pace(cache)
    if pace.embedding > MOST_SECONDS:
        return
    yield from caption_moment_in_pieces(cache)
    for kind in ("object", "style"):
        requests = [ErasureRequest(phrase, kind, (phrase,)) for phrase in suggested(cache.base, kind)]
        for request in requests:
            yield from cache.embed_in_pieces(all_texts(cache, request))
            yield from protect_ahead(cache, request)
        if pace.drawing <= MOST_SECONDS:
            yield from presence.look_at_others(cache, requests[0], vocabulary(cache.base, requests[0], ()))


def measure_pace(cache: ErasureCache) -> Generator[None, None, Pace]:
    """See what the pieces cost, one small thing after the other, and say it in the log."""
    base, effort = cache.base, cache.effort
    most = 2 * effort.steps * presence.SHOWN + 2 * effort.few  # guided pictures drawn, and answered twice
    embedding = BATCH * seconds_of(lambda: embed(base, [""]).sum().item())
    yield
    # Whoever cannot embed a batch in time cannot draw in time either: the U-Net is not even tried.
    drawing = most * seconds_of(lambda: one_pass(base)) if embedding <= MOST_SECONDS else float("inf")
    pace = Pace(embedding, drawing)
    logger.info(
        "Between jobs is prepared what takes less than %g s: a batch of %d prompts takes about %.2g s here (%s), what"
        " needs the U-Net %.2g s (%s).",
        MOST_SECONDS,
        BATCH,
        embedding,
        "done" if embedding <= MOST_SECONDS else "left to the jobs",
        drawing,
        "done" if drawing <= MOST_SECONDS else "left to the jobs",
    )
    yield
    return pace


@torch.no_grad()
def one_pass(base: DiffusionModel) -> float:
    """The U-Net on one picture, to its end also where the device works on its own."""
    side, channels = int(base.unet.config.sample_size), int(base.unet.config.in_channels)
    picture = torch.zeros(1, channels, side, side, dtype=base.dtype, device=base.device)
    time = torch.ones(1, dtype=torch.int64, device=base.device)
    return float(predict_noise(base, picture, time, embed(base, [""])).sum())


class _TooSlow(Exception):
    pass


class _GivenUp(TorchFunctionMode):
    """Ends what is computed in this thread between two operations, once it took too long."""

    def __init__(self, end: float) -> None:
        super().__init__()
        self.end = end

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        if perf_counter() > self.end:
            raise _TooSlow
        return func(*args, **(kwargs or {}))


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes, the better of two times, for the first may have to warm up; infinite where it is given up."""
    best = float("inf")
    for _ in range(2):
        began = perf_counter()
        try:
            with _GivenUp(began + GIVEN_UP):
                work()
        except _TooSlow:
            break
        best = min(best, perf_counter() - began)
    return best


def all_texts(cache: ErasureCache, request: ErasureRequest) -> list[str]:
    """Every sentence of a concept and its counterpart; those of others that stand in its place are their own."""
    sentences = concept_sentences(request, vocabulary(cache.base, request, ()))
    return [text for each in sentences for text in (each.text, each.counterpart)] + bare_sentences(request)


def protect_ahead(cache: ErasureCache, request: ErasureRequest) -> Iterator[None]:
    """What it takes to leave a suggested concept alone, and to measure that."""
    known = KnownConcept(request.name, request.kind, request.prompts)
    kept: list[KeptConcept] = all_kept(cache.base, NOBODY, [known], ())
    for each in kept:
        for texts in (each.closed, each.around):
            yield from cache.embed_in_pieces(texts)
            moment_of(cache, texts)
            yield
        for texts in (each.texts, each.held_out):
            yield from cache.embed_in_pieces(texts)
            plain_norms_of(cache, texts)
            yield
