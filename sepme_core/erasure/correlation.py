"""G-CiRs: the correlation loss, its momentum stop, and the optimiser's loop over w (equations 2 to 5).

Differences from the paper, each for a reason. The loss is taken relative to its value without an increment, so that tau
means the same on every model. It is two-sided: representations are to be unrelated, and beyond zero the concept's name
pushes away, so the loop lowers |L_cor| and stops where its momentum lies within tau. An anchor draws the prediction to
what is to be drawn instead, the substitute's or the counterpart's, and a loop that has not come near it goes on: tau
alone is met long before a concept is forgotten. A start may be measured before, and the momenta go on from there. The
iterate nearest to zero is kept. What the increment does to captions and to protected prompts costs, as in the closed
form. The published variant has none of this: one-sided, without an anchor.

Several concepts are optimised jointly (SRS-ME†) by giving several trainees: one optimiser, each concept's loss under
the increments of all, the sum balanced by eta and stopped as one.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from sepme_core.erasure.latents import NoisedLatents, predict_all, predict_noise
from sepme_core.erasure.loss_scale import LossScale
from sepme_core.erasure.request import Progress
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel
from sepme_core.options import ErasureSettings

WITHOUT_STOP = 10  # of the zero start, whose first losses say nothing
MOST_BALANCE = 10.0
NEAR_ANCHOR = 0.25
"""The share of the way to the anchor, by energy, that may be left where the loop stops."""


@dataclass(frozen=True)
class Candidate:
    """An increment in the making: Q (d_in, rank), float32, and w (d_out, rank) by matrix."""

    directions: Tensor
    weights: Mapping[str, Tensor]

    def weight(self, matrix: str) -> Tensor:
        """w of one matrix."""
        return self.weights[matrix]


@dataclass(frozen=True)
class Costs:
    """What acting costs: ``weighted``, the sum of rho times the second moments of regular and of listed prompts.

    It is relative to the energy of ``regular`` prompts alone. Both (d_in, d_in).
    """

    weighted: Tensor
    regular: Tensor


@dataclass(frozen=True)
class Trainee:
    """One concept in the loop.

    ``scale`` (rank,) is the concept's root mean square along each direction: Adam works on w * scale, so that one
    learning rate fits every direction. ``costs`` is what acting costs, and what that is relative to.
    """

    start: Candidate
    scale: Tensor
    latents: NoisedLatents
    costs: Costs


@dataclass(frozen=True)
class Standing:
    """How far an increment has come: L_cor over its first value, and what is left of the way to the anchor."""

    loss: float
    distance: float

    def moved(self, to: "Standing", momentum: float) -> "Standing":
        """The running means of both (equation 3)."""
        return Standing(
            momentum * self.loss + (1 - momentum) * to.loss, momentum * self.distance + (1 - momentum) * to.distance
        )

    @property
    def is_finite(self) -> bool:
        """Whether both are numbers: in an overflow they are not."""
        return isfinite(self.loss) and isfinite(self.distance)

    def arrived(self, settings: ErasureSettings) -> bool:
        """Whether the loop may stop here."""
        if settings.variant == "published":
            return self.loss <= settings.threshold
        return abs(self.loss) <= settings.threshold and self.distance <= NEAR_ANCHOR


@dataclass(frozen=True)
class Refined:
    """Where the loop ended: w by matrix, one mapping a trainee.

    ``arrived``: by its stop, not by its last step; ``overflowed``: a step led to a loss that is no number.
    """

    weights: list[Mapping[str, Tensor]]
    steps: int
    momentum: float
    arrived: bool
    overflowed: bool = False


def relative_correlation(latents: NoisedLatents, predicted: Tensor) -> Tensor:
    """L_cor (equation 2) over its value without an increment; a scalar, 1 where nothing is erased."""
    moved = predicted.float() - latents.counterpart
    return (moved * latents.representation).mean() / latents.representation.square().mean()


def anchor_distance(latents: NoisedLatents, predicted: Tensor) -> Tensor:
    """|epsilon - anchor|² over its value without an increment; a scalar, 1 where nothing is erased."""
    whole = (latents.counterpart + latents.representation - latents.anchor).square().mean()
    return (predicted.float() - latents.anchor).square().mean() / whole.clamp_min(1e-12)


def cosine_correlation(latents: NoisedLatents, predicted: Tensor) -> float:
    """The cosine between r_c with and without the increment, over all x_t together."""
    moved = predicted.float() - latents.counterpart
    scale = moved.norm() * latents.representation.norm()
    return float((moved * latents.representation).sum() / scale.clamp_min(1e-12))


class Action:
    """What a candidate does to what is to stay: the weighted mean |Delta e|^2 / |W e|^2, a mean over the matrices."""

    def __init__(self, base: DiffusionModel, costs: Costs, directions: Tensor) -> None:
        """``directions``: Q (d_in, rank)."""
        weighted, regular = (moment.float().to(base.device) for moment in (costs.weighted, costs.regular))
        reaching = directions.to(base.device)
        self.gram = reaching.T @ weighted @ reaching  # (rank, rank)
        self.scales = {
            path: ((linear.weight.float() @ regular) * linear.weight.float()).sum().clamp_min(1e-12)
            for path, linear in conditioned_matrices(base.unet).items()
        }

    def cost_of(self, weights: Mapping[str, Tensor]) -> Tensor:
        """What it costs, a scalar."""
        actions = [((w @ self.gram) * w).sum() / self.scales[path] for path, w in weights.items()]
        return torch.stack(actions).mean()


def balance(losses: Tensor) -> Tensor:
    """eta (equation 4) for the losses (concepts,): the largest over each, detached, at most MOST_BALANCE."""
    sizes = losses.detach().abs()
    return (sizes.max() / sizes.clamp_min(1e-12)).clamp(1.0, MOST_BALANCE)


def balanced(losses: Tensor) -> Tensor:
    """The mean of the losses (concepts,), each times its eta; a scalar."""
    return (balance(losses) * losses).mean()


def refine(
    base: DiffusionModel, trainees: Sequence[Trainee], settings: ErasureSettings, standing: Standing | None = None
) -> Generator[Progress, None, Refined]:
    """Go on from the starts by Adam until the momenta of loss and distance, means over trainees, have arrived.

    ``standing``: what was measured of the starts; without it the momenta are those of the first step, and the first
    WITHOUT_STOP steps do not stop. Yields after each step and can be closed there. A step that leads to no number ends
    it, and what was kept before is the result.
    """
    loop, step, arrived, overflowed = _Loop(base, trainees, settings, standing), 0, False, False
    least_steps = WITHOUT_STOP if standing is None else 1
    for step in range(1, settings.max_steps + 1):
        losses, here = loop.forward()
        overflowed = not here.is_finite
        if overflowed:
            break
        standing = here if standing is None else standing.moved(here, settings.momentum)
        loop.keep(standing)
        yield Progress(step, settings.max_steps, here.loss, standing.loss, f"correlation {standing.loss:.4f}")
        if standing.arrived(settings) and step >= least_steps:
            # A batch may be lucky: the end is decided on all x_t, and from what they say the momenta go on. The paper
            # looks at the momentum alone.
            standing = loop.on_all() if loop.two_sided else standing
            arrived, overflowed = standing.arrived(settings), not standing.is_finite
            if arrived:
                loop.settle()
            if arrived or overflowed:
                break
        loop.update(losses)
    return Refined(loop.kept, step, 1.0 if standing is None else standing.loss, arrived, overflowed)


def draw_batches(trainees: Sequence[Trainee], settings: ErasureSettings) -> Tensor:
    """Which x_t each step takes of each trainee, (steps, trainees, batch): all at once, for one copy to the device."""
    generator = torch.Generator().manual_seed(settings.seed)
    drawn = torch.zeros(settings.max_steps, len(trainees), settings.batch_size, dtype=torch.long)
    for step in drawn:
        for each, batch in zip(trainees, step, strict=True):
            torch.randint(len(each.latents), batch.shape, generator=generator, out=batch)
    return drawn


class _Loop:
    """The optimiser's state: w * scale of each trainee, and the iterate that came nearest to tau."""

    def __init__(
        self, base: DiffusionModel, trainees: Sequence[Trainee], settings: ErasureSettings, start: Standing | None
    ) -> None:
        self.base, self.trainees, self.settings = base, trainees, settings
        self.two_sided = settings.variant != "published"
        self.batches = iter(draw_batches(trainees, settings).to(base.device))
        self.scaled = [
            {path: (w * each.scale).requires_grad_() for path, w in each.start.weights.items()} for each in trainees
        ]
        self.parameters = [value for scaled in self.scaled for value in scaled.values()]
        self.optimizer = torch.optim.Adam(self.parameters, lr=settings.learning_rate)
        self.loss_scale = LossScale(base.dtype, base.device)
        self.actions = [Action(base, each.costs, each.start.directions / each.scale) for each in trainees]
        self.nearest = float("inf") if start is None else self.remoteness(start)
        self.kept = [each.start.weights for each in trainees]
        self.pull = torch.zeros(())

    def candidates(self) -> list[Candidate]:
        """The increments as they stand; all of them are in force while each is trained."""
        return [
            Candidate(each.start.directions, {path: value / each.scale for path, value in scaled.items()})
            for each, scaled in zip(self.trainees, self.scaled, strict=True)
        ]

    def forward(self) -> tuple[Tensor, Standing]:
        """Each trainee's loss on a batch of its x_t, (trainees,), and where all stand together."""
        candidates, losses, distances = self.candidates(), [], []
        for each, chosen in zip(self.trainees, next(self.batches), strict=True):
            batch = each.latents.pick(chosen)
            predicted = predict_noise(self.base, batch.noised, batch.times, batch.embeddings, candidates)
            losses.append(relative_correlation(batch, predicted))
            distances.append(anchor_distance(batch, predicted))
        self.pull, stacked = torch.stack(distances).mean(), torch.stack(losses)
        seen = torch.stack([self.sided_mean(stacked.detach()), self.pull.detach(), self.loss_scale.finite])
        loss, distance, finite = seen.cpu().tolist()  # the one time in a step that the device is waited for
        if not finite:
            self.loss_scale.lower()
        return stacked, Standing(loss, distance)

    @torch.no_grad()
    def on_all(self) -> Standing:
        """Where all stand together on all of their x_t, without a gradient."""
        candidates, losses, distances = self.candidates(), [], []
        for each in self.trainees:
            x = each.latents
            predicted = predict_all(self.base, x.noised, x.times, x.embeddings, candidates)
            losses.append(relative_correlation(x, predicted))
            distances.append(anchor_distance(x, predicted))
        return Standing(float(self.sided_mean(torch.stack(losses))), float(torch.stack(distances).mean()))

    def sided(self, losses: Tensor) -> Tensor:
        """What is lowered: the sizes of the losses, or the losses themselves in the published variant."""
        return losses.abs() if self.two_sided else losses

    def sided_mean(self, losses: Tensor) -> Tensor:
        """What the stop looks at: the loss of one concept with its sign, the balanced mean of what a group lowers."""
        return losses[0] if len(losses) == 1 else balanced(self.sided(losses))

    def update(self, losses: Tensor) -> None:
        """One step of Adam down the whole objective."""
        acting = zip(self.actions, self.scaled, strict=True)
        cost = torch.stack([action.cost_of(scaled) for action, scaled in acting]).mean()
        norms = [
            torch.stack([(value / each.scale).norm() for value in scaled.values()]).mean()
            for each, scaled in zip(self.trainees, self.scaled, strict=True)
        ]
        total = balanced(self.sided(losses)) + self.settings.anchor_weight * self.pull
        total = total + cost + self.settings.regulariser * torch.stack(norms).mean()
        self.loss_scale.backward(total, self.parameters)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def remoteness(self, standing: Standing) -> float:
        """How far from where the loop is to end."""
        if not self.two_sided:
            return abs(standing.loss - self.settings.threshold)
        return abs(standing.loss) + self.settings.anchor_weight * standing.distance

    def keep(self, standing: Standing) -> None:
        """Remember the iterate if no other came as near to the end."""
        if self.remoteness(standing) >= self.nearest:
            return
        self.nearest = self.remoteness(standing)
        self.settle()

    def settle(self) -> None:
        """Keep the iterate as it stands."""
        self.kept = [
            {path: w.detach().clone() for path, w in candidate.weights.items()} for candidate in self.candidates()
        ]
