"""The end of an erasure: factors certified, written as an increment, and drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sepme_core.base import Base
from sepme_core.canonical import digest_of
from sepme_core.erasure.certificate import certify
from sepme_core.erasure.closed_form import unreached
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.evidence import Drawn, draw_evidence
from sepme_core.erasure.made import Made, Reason
from sepme_core.erasure.plan import Plan
from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.shared import Shared
from sepme_core.erasure.training import Trained
from sepme_core.increment import Increment


@dataclass(frozen=True)
class Known:
    """What an increment was to leave alone when it was made."""

    concepts: Sequence[KnownConcept]
    protected: Sequence[KnownConcept]


def finish(shared: Shared, plan: Plan, drawn: Drawn, trained: Trained, known: Known) -> Made:
    """A trained increment, certified and drawn."""
    certificate = {
        **certify(shared, trained.factors, plan.kept, trained.effect),
        "steps": trained.steps,
        "effect_kept": 1.0,
        **describe_plan(plan, trained.factors),
        "given_up": [{"concept": name, "overlap": round(each, 6)} for name, each in plan.overlaps.given_up.items()],
    }
    return make(shared, plan.request, drawn, trained.factors, certificate, "erased", known)


def describe_plan(plan: Plan, finished: Candidate) -> dict[str, Any]:
    """What was known before the first step: what the closed form leaves undone, the overlaps, the rank and the room."""
    return {
        "unreached": round(unreached(plan.moments, plan.solution), 6),
        "overlap": plan.overlaps.document(),
        "directions": {"used": finished.directions.shape[1], "left": plan.free.left, "of": plan.free.width},
    }


def make(
    shared: Shared,
    request: ErasureRequest,
    drawn: Drawn,
    finished: Candidate,
    certificate: dict[str, Any],
    reason: Reason,
    known: Known,
) -> Made:
    """The increment, and the pictures of it."""
    increment = assemble(shared.base, request, finished, {**certificate, "reason": reason}, known)
    return Made(increment, draw_evidence(shared, request, drawn, increment), reason)


def assemble(
    base: Base, request: ErasureRequest, finished: Candidate, certificate: dict[str, Any], known: Known
) -> Increment:
    """The increment with what it was made from; nothing of when or where."""
    constraints = sorted(
        digest_of({"name": each.name, "kind": each.kind, "prompts": list(each.prompts)})
        for each in (*known.concepts, *known.protected)
    )
    metadata = {
        "concept": request.name,
        "kind": request.kind,
        "prompts": list(request.prompts),
        "protect": list(request.protect),
        "base_digest": base.digest,
        "constraints": constraints,
        "settings": request.settings.to_options(),
        "certificate": certificate,
    }
    return Increment(finished.directions, dict(finished.weights), metadata)
