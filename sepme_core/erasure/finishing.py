"""The end of an erasure: factors certified, and written as an increment with its evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

from sepme_core.canonical import digest_of
from sepme_core.documents.certificates import Certificate, IncrementMetadata
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.certificate import certify
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.evidence import Drawn, shown_pictures
from sepme_core.erasure.plan import Plan
from sepme_core.erasure.request import ErasureRequest, KnownConcept, MadeIncrement
from sepme_core.erasure.sentences import captions_digest
from sepme_core.erasure.solution import unreached
from sepme_core.erasure.training import Trained
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from sepme_core.terms import Reason


@dataclass(frozen=True)
class LeftAlone:
    """What an increment was to leave alone when it was made."""

    concepts: Sequence[KnownConcept]
    protected: Sequence[KnownConcept]


def describe(cache: ErasureCache, plan: Plan, trained: Trained, overridden: Sequence[str] = ()) -> Certificate:
    """The certificate: all that was measured and seen of a trained increment; JSON.

    ``overridden``: the refusals that the request overrode.
    """
    overlaps = plan.overlaps
    measured = certify(cache, trained.factors, plan.kept, trained.effect)
    return {
        "correlation": measured["correlation"],
        "relative_loss": measured["relative_loss"],
        "distance": measured["distance"],
        "relative_norm": measured["relative_norm"],
        "leak": measured["leak"],
        "substitute": plan.substitute.document(),
        "forgotten": trained.looked.sight.document(),
        "overridden": list(overridden),
        "steps": trained.steps,
        "loop": trained.loop,
        "unreached": round(unreached(plan.moments, plan.solution), 6),
        "overlap": overlaps.document(),
        "directions": {"used": trained.factors.directions.shape[1], "left": plan.free.left, "of": plan.free.width},
        "given_up": [
            {"concept": name, "overlap": round(overlaps.by_name[name], 6)} for name in sorted(overlaps.given_up)
        ],
    }


def make(
    cache: ErasureCache,
    request: ErasureRequest,
    drawn: Drawn,
    trained: Trained,
    certificate: Certificate,
    reason: Reason,
    known: LeftAlone,
) -> MadeIncrement:
    """The increment, and the pictures of it."""
    increment = assemble(cache.base, request, trained.factors, {**certificate, "reason": reason}, known)
    return MadeIncrement(increment, shown_pictures(cache, request, drawn, trained.looked.images, [increment]), reason)


def assemble(
    base: DiffusionModel, request: ErasureRequest, finished: Candidate, certificate: Certificate, known: LeftAlone
) -> Increment:
    """The increment with what it was made from; nothing of when or where."""
    constraints = sorted(
        digest_of({"name": each.name, "kind": each.kind, "prompts": list(each.prompts)})
        for each in (*known.concepts, *known.protected)
    )
    metadata: IncrementMetadata = {
        "concept": request.name,
        "kind": request.kind,
        "prompts": list(request.prompts),
        "protect": list(request.protect),
        "base_digest": base.digest,
        "constraints": constraints,
        "captions": captions_digest(base),
        "settings": request.settings.to_options(),
        "certificate": certificate,
    }
    return Increment(finished.directions, dict(finished.weights), metadata)
