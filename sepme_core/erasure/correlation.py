"""G-CiRs: the correlation loss, its momentum stop, and the optimiser's loop over w (equations 2, 3, 5).

Differences from the paper, each for a reason. The loss is taken relative to its value without an increment, so that tau
means the same on every model. From the closed-form start the first ten losses are measured without an update: the start
may be good already. The iterate whose momentum came nearest to tau is kept: beyond zero the concept's name pushes away.
An anchor holds the prediction near the counterpart's, and what the increment does to regular prompts costs.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.cross_attention import conditioned_matrices
from sepme_core.erasure.noised_latents import NoisedLatents, predict_noise
from sepme_core.erasure.request import Progress
from sepme_core.erasure.settings import ErasureSettings

WITHOUT_STOP = 10


@dataclass(frozen=True)
class Candidate:
    """An increment in the making: Q (d_in, rank), float32, and w (d_out, rank) by matrix."""

    directions: Tensor
    weights: Mapping[str, Tensor]

    def weight(self, matrix: str) -> Tensor:
        """w of one matrix."""
        return self.weights[matrix]


@dataclass(frozen=True)
class Refined:
    """Where the loop ended."""

    weights: Mapping[str, Tensor]
    steps: int
    momentum: float


def relative_correlation(latents: NoisedLatents, predicted: Tensor) -> Tensor:
    """L_cor (equation 2) over its value without an increment; a scalar, 1 where nothing is erased."""
    moved = predicted.float() - latents.counterpart
    return (moved * latents.representation).mean() / latents.representation.square().mean()


def cosine_correlation(latents: NoisedLatents, predicted: Tensor) -> float:
    """The cosine between r_c with and without the increment, over all x_t together."""
    moved = predicted.float() - latents.counterpart
    scale = moved.norm() * latents.representation.norm()
    return float((moved * latents.representation).sum() / scale.clamp_min(1e-12))


class RegularAction:
    """What a candidate does to regular prompts: mean |Delta e|^2 / |W e|^2 over the matrices."""

    def __init__(self, base: Base, regular: Tensor, directions: Tensor) -> None:
        """``regular``: token rows (rows, d_in); ``directions``: Q (d_in, rank)."""
        rows = regular.to(base.device, torch.float32)
        reached = rows @ directions.to(base.device)
        self.gram = reached.T @ reached / len(rows)  # (rank, rank)
        self.scales = {
            path: (rows @ linear.weight.float().T).square().sum(1).mean()
            for path, linear in conditioned_matrices(base.unet).items()
        }

    def of(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The mean over the matrices, a scalar."""
        actions = [((w @ self.gram) * w).sum() / self.scales[path] for path, w in weights.items()]
        return torch.stack(actions).mean()


def refine(
    base: Base,
    start: Candidate,
    scale: Tensor,
    latents: NoisedLatents,
    regular: Tensor,
    settings: ErasureSettings,
) -> Generator[Progress, None, Refined]:
    """Measure the start, and go on from it by Adam until the momentum of the loss comes down to tau.

    ``scale`` (rank,) is the concept's root mean square along each direction: Adam works on w * scale, so that one
    learning rate fits every direction. Yields after each step and can be closed there.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    steps_of = {path: (w * scale).requires_grad_() for path, w in start.weights.items()}
    optimizer = torch.optim.Adam(list(steps_of.values()), lr=settings.learning_rate)
    action = RegularAction(base, regular, start.directions / scale)
    measuring = WITHOUT_STOP if settings.start == "closed-form" else 0
    momentum, nearest, kept, step = 0.0, float("inf"), dict(start.weights), 0
    for step in range(1, settings.max_steps + measuring + 1):
        batch = latents.pick(torch.randint(len(latents), (settings.batch_size,), generator=generator).to(base.device))
        weights = {path: value / scale for path, value in steps_of.items()}
        updating = step > measuring
        with torch.set_grad_enabled(updating):
            candidate = Candidate(start.directions, weights)
            predicted = predict_noise(base, batch.noised, batch.times, batch.embeddings, [candidate])
            loss = relative_correlation(batch, predicted)
        momentum = loss.item() if step == 1 else settings.momentum * momentum + (1 - settings.momentum) * loss.item()
        if step >= measuring and abs(momentum - settings.threshold) < nearest:
            nearest = abs(momentum - settings.threshold)
            kept = {path: value.detach().clone() for path, value in weights.items()}
        yield Progress(step, settings.max_steps, loss.item(), momentum, f"correlation {momentum:.4f}")
        if step >= WITHOUT_STOP and momentum <= settings.threshold:
            break
        if updating:
            pull = (predicted.float() - batch.counterpart).square().mean() / batch.representation.square().mean()
            norms = torch.stack([value.norm() for value in weights.values()])
            total = loss + settings.anchor_weight * pull + settings.regular_weight * action.of(steps_of)
            (total + settings.regulariser * norms.mean()).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return Refined(kept, max(step - measuring, 0), momentum)
