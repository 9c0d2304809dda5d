"""From a plan to trained factors: the closed form, looked at; and the loop, where it is not where it should be."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.certificate import Effect, measure_effect
from sepme_core.erasure.correlation import (
    Candidate,
    Refined,
    Standing,
    Trainee,
    anchor_distance,
    balanced,
    refine,
    relative_correlation,
)
from sepme_core.erasure.evidence import Drawn, fresh_latents, training_latents
from sepme_core.erasure.latents import NoisedLatents, predict_all
from sepme_core.erasure.looking import Looked, look
from sepme_core.erasure.plan import Plan
from sepme_core.erasure.request import Progress
from sepme_core.erasure.substitute import Substitute, answered
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel
from sepme_core.options import ErasureSettings

NOT_NEEDED = "not needed: the closed form is within tau and near what is drawn instead"
NOT_WANTED = (
    "not run: all of its kind is erased, and the closed form goes beyond its absence, which the loop would undo"
)
WITHIN_TAU = "ran until within tau and near what is drawn instead"
NOT_ON_FRESH = "ran until its own x_t were within tau; on fresh ones, which the figures are of, that does not hold"
OUT_OF_STEPS = "ran out of steps"
OVERFLOWED = "ended by an overflow: the best iterate before it is kept"
LOOKED_WORSE = "ran, and was dropped: the closed form looks better"


@dataclass(frozen=True)
class Trained:
    """Factors as they are stored, their effect on fresh x_t, what is seen under them, and what the loop did.

    ``steps`` are those behind the factors; ``loop`` says in a word why there are as many.
    """

    factors: Candidate
    steps: int
    effect: Effect
    looked: Looked
    loop: str

    def looks_better_than(self, other: "Trained") -> bool:
        """Fewer pictures show the concept; of equally many, the loss is nearer to zero."""

        def rank(each: Trained) -> tuple[int, float]:
            return each.looked.sight.seen, abs(each.effect.relative_loss)

        return rank(self) < rank(other)


def train(
    cache: ErasureCache, plan: Plan, drawn: Drawn, start: Candidate | None = None
) -> Generator[Progress, None, Trained]:
    """Go from ``start``, or the plan's solution, to where the loop may stop; what then looks better is taken.

    A closed form that is there by what fresh x_t say of it takes no step: x_t to train on are made for others alone.
    """
    start, settings = start or first_weights(cache.base, plan), plan.request.settings
    fresh = fresh_of(cache, plan.substitute, drawn)
    if settings.start == "zero":
        refined = yield from refine(cache.base, [make_trainee(cache, plan, drawn, start)], settings)
        return look_at(cache, plan, drawn, start, refined.weights[0], refined.steps, word_for(refined))
    effect = measure_effect(cache.base, as_stored(start.directions, start.weights), fresh)
    if plan.substitute.beyond:
        return look_at(cache, plan, drawn, start, start.weights, 0, NOT_WANTED, effect)
    if effect.standing.arrived(settings) or settings.max_steps == 0:
        loop = NOT_NEEDED if settings.max_steps else OUT_OF_STEPS
        return look_at(cache, plan, drawn, start, start.weights, 0, loop, effect)
    trainees = [make_trainee(cache, plan, drawn, start)]
    refined = yield from refine(cache.base, trainees, settings, effect.standing)
    word = word_for(refined)
    trained = look_at(cache, plan, drawn, start, refined.weights[0], refined.steps, word)
    if trained.looked.sight.seen == 0:
        return trained
    untrained = look_at(cache, plan, drawn, start, start.weights, 0, LOOKED_WORSE, effect)
    return untrained if untrained.looks_better_than(trained) else trained


def train_together(
    cache: ErasureCache, plans: Sequence[Plan], drawn: Sequence[Drawn], settings: ErasureSettings
) -> Generator[Progress, None, list[Trained]]:
    """Train a group by one loop, from the plans' solutions; in the plans' order. As `train` does with one."""
    starts = [first_weights(cache.base, plan) for plan in plans]
    fresh = [fresh_of(cache, plan.substitute, shown) for plan, shown in zip(plans, drawn, strict=True)]
    weights, steps, standing, word = [start.weights for start in starts], 0, None, NOT_NEEDED
    if settings.start == "closed-form":
        standing = measure_together(cache.base, starts, fresh)
    if standing is None or not standing.arrived(settings):
        trainees = [make_trainee(cache, *parts) for parts in zip(plans, drawn, starts, strict=True)]
        refined = yield from refine(cache.base, trainees, settings, standing)
        weights, steps, word = refined.weights, refined.steps, word_for(refined)
    return [
        look_at(cache, plan, shown, start, w, steps, word)
        for plan, shown, start, w in zip(plans, drawn, starts, weights, strict=True)
    ]


@torch.no_grad()
def measure_together(base: DiffusionModel, group: Sequence[Candidate], latents: Sequence[NoisedLatents]) -> Standing:
    """Where a group stands, each on its x_t under the increments of all: the balanced mean of the losses' sizes."""
    losses, distances = [], []
    for x in latents:
        predicted = predict_all(base, x.noised, x.times, x.embeddings, group)
        losses.append(relative_correlation(x, predicted))
        distances.append(float(anchor_distance(x, predicted)))
    return Standing(float(balanced(torch.stack(losses).abs())), sum(distances) / len(distances))


def word_for(refined: Refined) -> str:
    """Why the loop ended."""
    if refined.overflowed:
        return OVERFLOWED
    return WITHIN_TAU if refined.arrived else OUT_OF_STEPS


def look_at(
    cache: ErasureCache,
    plan: Plan,
    drawn: Drawn,
    start: Candidate,
    weights: Mapping[str, Tensor],
    steps: int,
    loop: str,
    effect: Effect | None = None,
) -> Trained:
    """What came of a start after so many steps, measured (unless its effect is known) and looked at as it is stored."""
    factors = as_stored(start.directions, weights)
    effect = effect or measure_effect(cache.base, factors, fresh_of(cache, plan.substitute, drawn))
    if loop == WITHIN_TAU and not effect.standing.arrived(plan.request.settings):
        loop = NOT_ON_FRESH
    return Trained(factors, steps, effect, look(cache, plan.request, drawn, [factors], plan.substitute.phrase), loop)


def fresh_of(cache: ErasureCache, substitute: Substitute, drawn: Drawn) -> NoisedLatents:
    """Fresh x_t, anchored at what is to be drawn instead."""
    return anchored(cache, substitute, drawn, fresh_latents(cache, drawn), "fresh")


def anchored(
    cache: ErasureCache, substitute: Substitute, drawn: Drawn, latents: NoisedLatents, what: str
) -> NoisedLatents:
    """x_t with epsilon of the substitute as their anchor."""
    return latents.anchored(answered(cache, what, substitute.phrase, drawn.sentences, latents, drawn.seed))


def make_trainee(cache: ErasureCache, plan: Plan, drawn: Drawn, start: Candidate) -> Trainee:
    """The concept as the loop takes it."""
    directions = start.directions.cpu().double()
    scale = (directions * (plan.moments.concept @ directions)).sum(0).clamp_min(0).sqrt().float().clamp_min(1e-6)
    latents = anchored(cache, plan.substitute, drawn, training_latents(cache, drawn), "training")
    return Trainee(in_the_loop(cache.base, start), scale.to(cache.base.device), latents, plan.costs)


def in_the_loop(base: DiffusionModel, stored: Candidate) -> Candidate:
    """Factors where the model is, and in float32, whatever they are stored in and the model runs in."""
    weights = {path: w.float().to(base.device) for path, w in stored.weights.items()}
    return Candidate(stored.directions.float().to(base.device), weights)


def first_weights(base: DiffusionModel, plan: Plan) -> Candidate:
    """The plan's solution: w = W M^T for each matrix of weight W; in float64 on the CPU, since not every device can."""
    factor = plan.solution.matrix.T
    weights = {
        path: (linear.weight.cpu().double() @ factor).float().to(base.device)  # (d_out, rank)
        for path, linear in conditioned_matrices(base.unet).items()
    }
    return Candidate(plan.solution.directions.float().contiguous().to(base.device), weights)


def as_stored(directions: Tensor, weights: Mapping[str, Tensor]) -> Candidate:
    """The factors as they are stored: Q in float32, w in float16, on the CPU."""
    return Candidate(directions.float().contiguous().cpu(), {path: w.half().cpu() for path, w in weights.items()})
