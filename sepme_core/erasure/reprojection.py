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
from sepme_core.cross_attention import Factors
from sepme_core.erasure.certificate import MOST_LOSS, certify, measure_effect
from sepme_core.erasure.constraints import NullSpace
from sepme_core.erasure.correlation import Candidate, refine
from sepme_core.erasure.driving import run_to_end
from sepme_core.erasure.evidence import Drawn, draw_concept, fresh_latents
from sepme_core.erasure.finishing import Known, candidate, directions_used, make
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
from sepme_core.erasure.training import make_trainee
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
        **certify(shared, updated.factors, plan.kept, fresh),
        "steps": updated.steps,
        "effect_kept": round(updated.effect_kept, 6),
        "overlap": plan.overlaps.document(),
        "directions": directions_used(plan, updated.factors),
    }
    return make(shared, request, drawn, updated.factors, certificate, updated.reason, Known(known, protected))


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
    return certify(shared, increment, kept, fresh_latents(shared, drawn))


def check_irrevocable(
    shared: Shared,
    request: ErasureRequest,
    irrevocable: Sequence[Increment],
    known: Sequence[KnownConcept],
    protected: Sequence[KnownConcept],
) -> None:
    """Raise ErasureRefused (``irrevocable-weakened``) where one of the trained increments could not make room."""
    newcomer = KnownConcept(request.name, request.kind, request.prompts)
    for trained in irrevocable:
        theirs = request_of(trained)
        kept = remaining(theirs, trained, [*known, newcomer], protected)
        try:
            plan = plan_again(shared, theirs, kept, known)
            drawn = draw_concept(shared, theirs, plan.sentences)
            run_to_end(update(shared, trained, plan, drawn, fresh_latents(shared, drawn)))
        except ErasureRefused as refusal:
            loss = float(refusal.numbers.get("relative_loss", 1.0))
            raise irrevocable_weakened(request.name, trained.concept, loss, MOST_LOSS) from refusal


@dataclass(frozen=True)
class Updated:
    """The factors as they are now, and what it took."""

    factors: Candidate
    effect_kept: float
    steps: int
    reason: Literal["reprojected", "refined"]


def update(
    shared: Shared, trained: Increment, plan: Plan, drawn: Drawn, fresh: NoisedLatents
) -> Generator[Progress, None, Updated]:
    """Project, measure, and where too much was lost solve again and refine; raises ErasureRefused: ``effect-lost``."""
    before = 1 - max(float(trained.certificate["relative_loss"]), 0.0)
    projected = project(trained, plan.free)
    kept = effect(shared.base, projected, fresh) / max(before, 1e-9)
    if kept >= LEAST_EFFECT_KEPT:
        return Updated(projected, min(kept, 1.0), 0, "reprojected")
    start = projected if plan.request.settings.start == "zero" else None
    refined = yield from refine(shared.base, [make_trainee(shared, plan, drawn, start)], plan.request.settings)
    directions = projected.directions if start else plan.solution.directions
    finished = candidate(directions, refined.weights[0])
    achieved = effect(shared.base, finished, fresh)
    if achieved < 1 - MOST_LOSS:
        raise effect_lost(trained.concept, 1 - achieved, MOST_LOSS)
    return Updated(finished, min(achieved / max(before, 1e-9), 1.0), refined.steps, "refined")


def project(trained: Increment, free: NullSpace) -> Candidate:
    """P Q = Q' R and w' = w Rᵀ, without the directions that P leaves nothing of."""
    wide = trained.directions.double()
    directions, lengths, rotation = torch.linalg.svd(free.project(wide.T).T, full_matrices=False)
    some = lengths > NOTHING_LEFT
    mixing = rotation[some].T * lengths[some]  # Rᵀ (rank, rank')
    weights = {path: w.double() @ mixing for path, w in trained.weights.items()}
    return candidate(directions[:, some], weights)


def effect(base: Base, increment: Factors, fresh: NoisedLatents) -> float:
    """The share of L_cor that is gone, 0 to 1."""
    return 1 - min(max(measure_effect(base, increment, fresh)["relative_loss"], 0.0), 1.0)


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
