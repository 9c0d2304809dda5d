"""x_t: noised latents of the base model's own pictures of a concept, with the base's answers to them.

The loss needs epsilon(c) and epsilon(counterpart) of the base alone; both are computed once for a fixed set of x_t, so
that a step of the optimiser is one U-Net pass and its gradient.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.sentences import Sentence
from sepme_core.models.cross_attention import Factors, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed

PICTURE_SCHEDULER = "dpm-solver"  # few steps are enough for it
PICTURE_GUIDANCE = 4.0
BATCH = 16
EARLIEST, LATEST = 0.05, 0.95  # of the noise schedule: at its ends a prompt says nothing


@dataclass(frozen=True)
class NoisedLatents:
    """x_t, their times and sentences, and what the base predicts.

    ``noised`` (count, channels, height, width); ``times`` (count,); ``embeddings`` (count, tokens, d_in) of the
    concept's sentences; ``counterpart`` is epsilon(counterpart) and ``representation`` r_c = epsilon(c) -
    epsilon(counterpart) (equation 1), both like ``noised``; ``anchor`` is epsilon of what is to be drawn instead.
    """

    noised: Tensor
    times: Tensor
    embeddings: Tensor
    counterpart: Tensor
    representation: Tensor
    anchor: Tensor

    def __len__(self) -> int:
        return len(self.times)

    def pick(self, index: Tensor) -> "NoisedLatents":
        """The chosen ones."""
        parts = (self.noised, self.times, self.embeddings, self.counterpart, self.representation, self.anchor)
        return NoisedLatents(*(part[index] for part in parts))

    def anchored(self, anchor: Tensor) -> "NoisedLatents":
        """The same with another anchor."""
        return replace(self, anchor=anchor)

    def first(self, count: int) -> "NoisedLatents":
        """The first ones."""
        return self.pick(torch.arange(min(count, len(self)), device=self.times.device))


def predict_noise(
    base: DiffusionModel, noised: Tensor, times: Tensor, embeddings: Tensor, increments: Sequence[Factors] = ()
) -> Tensor:
    """epsilon_theta(x_t, c, t) under a mask, (count, channels, height, width); a v prediction is converted."""
    given = keys_and_values(base.unet, embeddings, increments, range(len(embeddings)))
    predicted: Tensor = base.unet(noised, times, embeddings, cross_attention_kwargs={"given": given}).sample
    return predicted if base.prediction_type == "epsilon" else noise_of_velocity(base, noised, times, predicted)


def noise_of_velocity(base: DiffusionModel, noised: Tensor, times: Tensor, velocity: Tensor) -> Tensor:
    """epsilon = sqrt(a_t) v + sqrt(1 - a_t) x_t, for models that predict v (arXiv 2202.00512, appendix D)."""
    kept = base.signal_shares[times].view(-1, 1, 1, 1)  # float32, and so is what comes of it
    return kept.sqrt() * velocity + (1 - kept).sqrt() * noised


def noise_schedule(base: DiffusionModel) -> DDPMScheduler:
    """The base's noise schedule."""
    schedule: DDPMScheduler = DDPMScheduler.from_config(dict(base.scheduler))
    return schedule


def picture_request(cache: ErasureCache, seed: int) -> PictureRequest:
    """How the pictures that x_t is made of, and the evidence, are drawn."""
    side = cache.base.picture_side
    return PictureRequest(
        "",
        seed=seed,
        steps=cache.effort.steps,
        guidance_scale=PICTURE_GUIDANCE,
        width=side,
        height=side,
        scheduler=PICTURE_SCHEDULER,
    )


@torch.no_grad()
def noise_latents(
    base: DiffusionModel,
    sentences: Sequence[Sentence],
    latents: Tensor,
    count: int,
    generator: torch.Generator,
    counterpart: Tensor | None = None,
) -> NoisedLatents:
    """``count`` noised versions of ``latents``, in turn, each with its sentence, at random times.

    ``counterpart`` is epsilon(counterpart) where it is known: from the same latents, generator state and counterparts.
    """
    latents = latents.to(base.device, base.dtype)
    places = torch.arange(count) % len(latents)
    schedule = noise_schedule(base)
    length = schedule.config.num_train_timesteps
    times = torch.randint(int(EARLIEST * length), int(LATEST * length), (count,), generator=generator)
    noise = torch.randn(count, *latents.shape[1:], generator=generator).to(latents)
    noised = schedule.add_noise(latents[places.to(latents.device)], noise, times.to(latents.device))
    times = times.to(base.device)
    embeddings = embed(base, [sentence.text for sentence in sentences])[places.to(base.device)]
    concept = predict_all(base, noised, times, embeddings)
    if counterpart is None:
        without = embed(base, [sentence.counterpart for sentence in sentences])[places.to(base.device)]
        counterpart = predict_all(base, noised, times, without)
    return NoisedLatents(noised, times, embeddings, counterpart, concept - counterpart, counterpart)


@torch.no_grad()
def predict_phrase(
    cache: ErasureCache, latents: NoisedLatents, sentences: Sequence[Sentence], phrase: str | None
) -> Tensor:
    """epsilon of the base for the sentences with another phrase in the concept's place; None: the counterparts'."""
    if phrase is None:
        return latents.counterpart
    base = cache.base
    places = torch.arange(len(latents)) % len(sentences)
    embeddings = embed(base, [sentence.with_phrase(phrase) for sentence in sentences])[places.to(base.device)]
    return predict_all(base, latents.noised, latents.times, embeddings)


def predict_all(
    base: DiffusionModel,
    noised: Tensor,
    times: Tensor,
    embeddings: Tensor,
    increments: Sequence[Factors] = (),
    batch: int = BATCH,
) -> Tensor:
    """epsilon under a mask, in float32, for any count of x_t, ``batch`` at a time."""
    parts = zip(*(part.split(batch) for part in (noised, times, embeddings)), strict=True)
    return torch.cat([predict_noise(base, x, t, e, increments) for x, t, e in parts]).float()
