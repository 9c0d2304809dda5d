"""From a plan to trained factors: the closed form as it is where it will do, and the loop where it will not."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.cross_attention import conditioned_matrices
from sepme_core.erasure.certificate import Effect, measure_effect
from sepme_core.erasure.correlation import Candidate, Trainee, balanced, refine, relative_correlation
from sepme_core.erasure.evidence import Drawn, fresh_latents, training_latents
from sepme_core.erasure.noised_latents import NoisedLatents, predict_all
from sepme_core.erasure.plan import Plan
from sepme_core.erasure.request import Progress
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared


@dataclass(frozen=True)
class Trained:
    """Factors as they are stored, the steps they took, and their effect on fresh x_t."""

    factors: Candidate
    steps: int
    effect: Effect


def train(
    shared: Shared, plan: Plan, drawn: Drawn, fresh: NoisedLatents, start: Candidate | None = None
) -> Generator[Progress, None, Trained]:
    """Go from ``start``, or the plan's solution, until the loss comes down to tau.

    A start of the closed form that does so on fresh x_t is taken as it is: x_t to train on are made for others alone.
    """
    start, settings, momentum = start or first_weights(shared.base, plan), plan.request.settings, None
    if settings.start == "closed-form":
        untrained = look_at(shared.base, start, start.weights, 0, fresh)
        momentum = untrained.effect.relative_loss
        if momentum <= settings.threshold:
            return untrained
    refined = yield from refine(shared.base, [make_trainee(shared, plan, drawn, start)], settings, momentum)
    return look_at(shared.base, start, refined.weights[0], refined.steps, fresh)


def train_together(
    shared: Shared, plans: Sequence[Plan], drawn: Sequence[Drawn], settings: ErasureSettings
) -> Generator[Progress, None, list[Trained]]:
    """Train a group by one loop, from the plans' solutions; in the plans' order. As `train` does with one."""
    starts = [first_weights(shared.base, plan) for plan in plans]
    fresh = [fresh_latents(shared, shown) for shown in drawn]
    weights, steps, momentum = [start.weights for start in starts], 0, None
    if settings.start == "closed-form":
        momentum = measure_together(shared.base, starts, fresh)
    if momentum is None or momentum > settings.threshold:
        trainees = [make_trainee(shared, *parts) for parts in zip(plans, drawn, starts, strict=True)]
        refined = yield from refine(shared.base, trainees, settings, momentum)
        weights, steps = refined.weights, refined.steps
    return [look_at(shared.base, start, w, steps, x) for start, w, x in zip(starts, weights, fresh, strict=True)]


@torch.no_grad()
def measure_together(base: Base, group: Sequence[Candidate], latents: Sequence[NoisedLatents]) -> float:
    """The balanced loss of a group, a mean over its members, each on its x_t under the increments of all."""
    losses = [relative_correlation(x, predict_all(base, x.noised, x.times, x.embeddings, group)) for x in latents]
    return float(balanced(torch.stack(losses)))


def look_at(base: Base, start: Candidate, weights: Mapping[str, Tensor], steps: int, fresh: NoisedLatents) -> Trained:
    """What came of a start after so many steps, measured as it is stored."""
    factors = as_stored(start.directions, weights)
    return Trained(factors, steps, measure_effect(base, factors, fresh))


def make_trainee(shared: Shared, plan: Plan, drawn: Drawn, start: Candidate) -> Trainee:
    """The concept as the loop takes it."""
    directions = start.directions.double().cpu()
    scale = (directions * (plan.moments.concept @ directions)).sum(0).clamp_min(0).sqrt().float().clamp_min(1e-6)
    return Trainee(start, scale.to(shared.base.device), training_latents(shared, drawn), plan.costs)


def first_weights(base: Base, plan: Plan) -> Candidate:
    """The plan's solution: w = W M^T for each matrix of weight W."""
    factor = plan.solution.matrix.T.to(base.device)
    weights = {
        path: (linear.weight.double() @ factor).float()  # (d_out, rank)
        for path, linear in conditioned_matrices(base.unet).items()
    }
    return Candidate(plan.solution.directions.float().contiguous().to(base.device), weights)


def as_stored(directions: Tensor, weights: Mapping[str, Tensor]) -> Candidate:
    """The factors as they are stored: Q in float32, w in float16, on the CPU."""
    return Candidate(directions.float().contiguous().cpu(), {path: w.half().cpu() for path, w in weights.items()})
