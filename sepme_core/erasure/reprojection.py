"""Increments brought to what is known now, so that a concept erased late is given back as well as the first.

From the last trained version, whatever came between, so that the order of arrivals does not matter: with P the
projector onto the null space of everything known now, P Q = Q' R and w' = w Rᵀ, again a combination of null-space
solutions. Then the effect is measured on the same fresh x_t. Where too much of it went, the closed form is solved
anew in what room is left, and the loop goes on from there.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sepme_core.base import Base
from sepme_core.erasure.certificate import MOST_LOSS, certify, measure_effect
from sepme_core.erasure.constraints import NullSpace
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.evidence import Drawn, draw_concept, fresh_latents
from sepme_core.erasure.finishing import Known, describe_plan, make
from sepme_core.erasure.made import Made
from sepme_core.erasure.noised_latents import NoisedLatents
from sepme_core.erasure.plan import Plan, plan_again, shown_sentences
from sepme_core.erasure.protection import Kept, all_kept
from sepme_core.erasure.request import (
    ErasureRefused,
    ErasureRequest,
    KnownConcept,
    Progress,
    effect_lost,
    irrevocable_weakened,
)
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared
from sepme_core.erasure.training import Trained, as_stored, train
from sepme_core.increment import Increment

LEAST_EFFECT_KEPT = 0.9
NOTHING_LEFT = 1e-6
"""A direction of Q that keeps less than this share of its length under P is gone."""


def reproject(
    base: Base,
    trained: Increment,
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    shared: Shared | None = None,
) -> Generator[Progress, None, Made]:
    """Bring a trained increment to what is known now.

    Yields its progress and returns the new version: ``reprojected``, or ``refined`` where that alone lost too much.

    Raises:
        ErasureRefused: ``concept-too-close`` to something that came since, ``no-capacity``, or ``effect-lost`` where
            what is left of the room does not erase the concept. The earlier version is as good as it was.
    """
    shared = shared or Shared(base)
    request = request_of(trained)
    yield Progress(0, request.settings.max_steps, 1.0, 1.0, "projecting")
    plan = plan_again(shared, request, remaining(request, trained, known, protected), known)
    drawn = draw_concept(shared, request, plan.sentences)
    fresh = fresh_latents(shared, drawn)
    updated = yield from update(shared, trained, plan, drawn, fresh)
    certificate = {
        **trained.certificate,
        **certify(shared, updated.trained.factors, plan.kept, updated.trained.effect),
        "steps": updated.trained.steps,
        "effect_kept": round(updated.effect_kept, 6),
        **describe_plan(plan, updated.trained.factors),
    }
    return make(shared, request, drawn, updated.trained.factors, certificate, updated.reason, Known(known, protected))


def recertify(
    base: Base,
    increment: Increment,
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    shared: Shared | None = None,
) -> dict[str, Any]:
    """What the certificate of a stored increment says, measured afresh on the same x_t: correlation, norm and leaks."""
    shared = shared or Shared(base)
    request = request_of(increment)
    kept = remaining(request, increment, known, protected)
    drawn = draw_concept(shared, request, shown_sentences(base, request, known))
    return certify(shared, increment, kept, measure_effect(base, increment, fresh_latents(shared, drawn)))


def check_irrevocable(
    shared: Shared,
    newcomer: KnownConcept,
    irrevocable: Sequence[Increment],
    known: Sequence[KnownConcept],
    protected: Sequence[KnownConcept],
) -> Generator[Progress, None, None]:
    """See whether the trained increments of irrevocable concepts can make room for one more concept, or more prompts.

    Yields its progress; nothing is made.

    Args:
        shared: What was remembered of earlier erasures on the base.
        newcomer: What is to be left alone from now on: a concept, or protected prompts.
        irrevocable: The trained increments.
        known: Every other concept the registry holds, the irrevocable ones too.
        protected: All other protected prompts.

    Raises:
        ErasureRefused: ``irrevocable-weakened``, for the first that cannot.
    """
    for place, trained in enumerate(irrevocable):
        yield Progress(place, len(irrevocable), 1.0, 1.0, f"measuring what {trained.concept}, irrevocable, would lose")
        request = request_of(trained)
        kept = remaining(request, trained, known, [*protected, newcomer])
        try:
            plan = plan_again(shared, request, kept, known)
            drawn = draw_concept(shared, request, plan.sentences)
            yield from update(shared, trained, plan, drawn, fresh_latents(shared, drawn))
        except ErasureRefused as refusal:
            raise irrevocable_weakened(newcomer.name, trained.concept, refusal) from refusal


@dataclass(frozen=True)
class Updated:
    """The factors as they are now, and what it took."""

    trained: Trained
    effect_kept: float
    reason: Literal["reprojected", "refined"]


def update(
    shared: Shared, stored: Increment, plan: Plan, drawn: Drawn, fresh: NoisedLatents
) -> Generator[Progress, None, Updated]:
    """Project, measure, and where too much was lost solve again and refine; raises ErasureRefused: ``effect-lost``."""
    before = max(1 - float(stored.certificate["relative_loss"]), 1e-9)
    projected = project(stored, plan.free)
    effect = measure_effect(shared.base, projected, fresh)
    if effect.gone / before >= LEAST_EFFECT_KEPT:
        return Updated(Trained(projected, 0, effect), min(effect.gone / before, 1.0), "reprojected")
    start = projected if plan.request.settings.start == "zero" else None
    trained = yield from train(shared, plan, drawn, fresh, start)
    if trained.effect.gone < 1 - MOST_LOSS:
        raise effect_lost(stored.concept, 1 - trained.effect.gone, MOST_LOSS)
    return Updated(trained, min(trained.effect.gone / before, 1.0), "refined")


def project(trained: Increment, free: NullSpace) -> Candidate:
    """P Q = Q' R and w' = w Rᵀ, without the directions that P leaves nothing of."""
    wide = trained.directions.double()
    directions, lengths, rotation = torch.linalg.svd(free.project(wide.T).T, full_matrices=False)
    some = lengths > NOTHING_LEFT
    mixing = rotation[some].T * lengths[some]  # Rᵀ (rank, rank')
    weights = {path: w.double() @ mixing for path, w in trained.weights.items()}
    return as_stored(directions[:, some], weights)


def request_of(increment: Increment) -> ErasureRequest:
    """The request that an increment was made by."""
    said = increment.metadata
    settings = ErasureSettings.from_options(said["settings"])
    return ErasureRequest(
        str(said["concept"]), str(said["kind"]), tuple(said["prompts"]), tuple(said["protect"]), settings=settings
    )


def remaining(
    request: ErasureRequest, made: Increment, known: Sequence[KnownConcept], protected: Sequence[KnownConcept]
) -> list[Kept]:
    """What it must leave alone: all but what its request gave up by override."""
    given_up = {each["concept"] for each in made.certificate["given_up"]}
    return [each for each in all_kept(request, known, protected) if each.name not in given_up]
