"""Forgotten is decided by looking: is the concept to be seen in pictures drawn of its own sentences?

By the model's own means: a picture is noised, and the base is asked which sentence explains it better, the one that
names the concept or the same one with its substitute (Li et al., arXiv 2303.16203). Where a classifier is configured it
looks too, and a picture in which either sees the concept counts. Correlations and digests have no say in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from sepme_core.documents.certificates import SightDocument
from sepme_core.drawing.draw import decode, draw_latents
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.evidence import Drawn
from sepme_core.erasure.latents import noise_schedule, picture_request, predict_all
from sepme_core.erasure.request import ErasureRequest
from sepme_core.erasure.sentences import Sentence
from sepme_core.models.cross_attention import Factors
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

TIMES = (0.3, 0.45, 0.65)
"""Of the noise schedule, where on the demo model a sentence tells most (`benchmarks/looking.py`)."""
LOOKING = 0x100C
MOST_SEEN = 0.125
BY_MODEL = "model"


@dataclass(frozen=True)
class Sight:
    """What was seen of a concept.

    Attributes:
        pictures: How many were looked at.
        before: In how many of those that the base draws it is seen.
        seen: In how many of those drawn under the increment.
        margin: By how much, in the mean, the base prefers the concept's own sentence for the latter, as a share of what
            it does for the former: 1 as without increment, below 0 the substitute's explains them better.
        by: Who looked: ``model``, and the classifier by its name.
    """

    pictures: int
    before: int
    seen: int
    margin: float
    by: tuple[str, ...]

    @property
    def limit(self) -> int:
        """In how many it may be seen: one of a few may be chance, or an error of whoever looks."""
        return limit_of(self.pictures)

    @property
    def forgotten(self) -> bool:
        """Whether it is seen in no more than that."""
        return self.seen <= self.limit

    def document(self) -> SightDocument:
        """As a certificate says it."""
        return {
            "forgotten": self.forgotten,
            "by": list(self.by),
            "pictures": self.pictures,
            "seen_before": self.before,
            "seen": self.seen,
            "limit": self.limit,
            "margin": round(self.margin, 4),
        }


def limit_of(pictures: int) -> int:
    """In how many of so many pictures a concept may be seen that is forgotten."""
    return max(1, int(MOST_SEEN * pictures))


@dataclass(frozen=True)
class Looked:
    """A sight, and the latents that were looked at, (pictures, channels, height, width), with their pictures."""

    sight: Sight
    latents: Tensor
    images: list[Image.Image]


def look(
    cache: ErasureCache, request: ErasureRequest, drawn: Drawn, mask: Sequence[Factors], *phrases: str | None
) -> Looked:
    """Draw the concept's sentences under a mask, from the noise the base drew them from, and see what they show.

    ``phrases`` are what may be drawn instead, the substitute above all; None is the counterpart.
    """
    base, seed = cache.base, drawn.seed
    latents = draw_latents(base, drawn.texts, picture_request(cache, seed), mask)
    images = decode(base, latents)

    def explain_before(texts: Sequence[str]) -> Tensor:
        key = ("explained", tuple(texts), tuple(drawn.texts), seed)
        return cache.get_or_make(key, lambda: explained(base, drawn.latents, texts, seed))

    before = preferred(drawn.sentences, phrases, explain_before)
    after = preferences(cache, drawn.sentences, phrases, latents, seed)
    seen, seen_before, by = after > 0, before > 0, [BY_MODEL]
    if cache.classifier is not None:
        told = cache.classifier.sees(images, request.kind, request.prompts)
        told_before = cache.classifier.sees(drawn.images, request.kind, request.prompts)
        if told is not None and told_before is not None:
            seen, seen_before = seen | torch.tensor(told), seen_before | torch.tensor(told_before)
            by.append(cache.classifier.name)
    margin = float(after.mean() / before.mean().abs().clamp_min(1e-12))
    return Looked(Sight(len(images), int(seen_before.sum()), int(seen.sum()), margin, tuple(by)), latents, images)


def preferences(
    cache: ErasureCache, sentences: Sequence[Sentence], phrases: Sequence[str | None], latents: Tensor, seed: int
) -> Tensor:
    """By picture: how much better the concept's sentence explains it than the best of the others; (pictures,)."""
    return preferred(sentences, phrases, lambda texts: explained(cache.base, latents, texts, seed))


def preferred(
    sentences: Sequence[Sentence], phrases: Sequence[str | None], explain: Callable[[Sequence[str]], Tensor]
) -> Tensor:
    """The same, by a function that tells the errors that texts leave, (pictures,)."""
    own = explain([sentence.text for sentence in sentences])
    others = [
        [sentence.counterpart if phrase is None else sentence.with_phrase(phrase) for sentence in sentences]
        for phrase in dict.fromkeys(phrases)
    ]
    return torch.stack([explain(texts) for texts in others]).amin(0) - own


@torch.no_grad()
def explained(base: DiffusionModel, latents: Tensor, texts: Sequence[str], seed: int) -> Tensor:
    """The mean squared error of epsilon(text) on noised pictures, over TIMES: (pictures,), on the CPU."""
    schedule, count = noise_schedule(base), len(latents)
    generator = torch.Generator().manual_seed(seed ^ LOOKING)
    embeddings = embed(base, texts)
    total = torch.zeros(count)
    for share in TIMES:
        times = torch.full((count,), int(share * schedule.config.num_train_timesteps), device=latents.device)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        noised = schedule.add_noise(latents, noise, times)
        predicted = predict_all(base, noised, times, embeddings)
        total += (predicted - noise.float()).square().mean((1, 2, 3)).cpu()
    return total / len(TIMES)
