"""Accept a request for pictures: complete it, pin its mask, write its job, all in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.generation.limits import complete
from app.generation.schemas import GenerateBody
from app.model.readiness import served_model
from app.problems import Problem, catalogue
from app.problems.problem import InvalidField
from app.problems.validation import pointer
from sepme_core.registry import concepts, further_names, jobs
from sepme_core.registry.concepts import MaskResolution


def accept(session: Session, body: GenerateBody, holder: str, spoken: Mapping[str, str] | None = None) -> str:
    """Write the job; names become digests here, so that a later restore does not change the pictures asked for.

    Args:
        session: Of `database.writing`.
        body: The request.
        holder: Who asks.
        spoken: Names of fields where the client's body has others.

    Returns:
        The job's id.

    Raises:
        Problem: Where the request is out of the model's range, or its mask cannot be had.
    """
    model = served_model(session)
    request = complete(body, model, spoken)
    pinned = pin_mask(session, body.erased, model["base_digest"])
    job = jobs.enqueue(
        session,
        kind="generate",
        queue="generate",
        request=request,
        pinned=pinned,
        concept=None,
        holder=holder,
        base_digest=pinned["base_digest"],
    )
    return job.id


def pin_mask(session: Session, erased: Literal["active"] | Sequence[str], base_digest: str) -> dict[str, Any]:
    """Resolve what is to be erased to increments of the base that is served.

    Raises:
        Problem: `unknown-concepts`, `concept-in-progress` or `increment-for-another-base`.
    """
    mask = concepts.resolve_mask(session, erased)
    if mask.missing:
        raise _unknown(mask.missing, erased)
    if mask.in_progress:
        raise _in_progress(session, mask.in_progress)
    others = mask.for_another_base(base_digest)
    if others:
        raise _for_another_base(mask, others, base_digest)
    return mask.pinned(base_digest)


def _unknown(missing: Sequence[str], erased: Sequence[str]) -> Problem:
    errors = [
        InvalidField(location="body", pointer=pointer(["erased", place]), detail=f"{name!r} has no increment")
        for place, name in enumerate(erased)
        if name in missing
    ]
    listed = [error.model_dump(exclude_none=True) for error in errors]
    return Problem(
        catalogue.UNKNOWN_CONCEPTS, f"No increment for {', '.join(missing)}.", concepts=list(missing), errors=listed
    )


def _in_progress(session: Session, names: Sequence[str]) -> Problem:
    stands_for = further_names.resolved(session, names)
    live = {name: jobs.live_erasure(session, concept) for name, concept in stands_for.items()}
    links = {name: f"/jobs/{job.id}" for name, job in live.items() if job is not None}
    detail = f"Still being erased: {', '.join(names)}."
    return Problem(
        catalogue.CONCEPT_IN_PROGRESS, detail, headers={"Retry-After": "5"}, concepts=list(names), jobs=links
    )


def _for_another_base(mask: MaskResolution, names: Sequence[str], base_digest: str) -> Problem:
    made_for = {concept.name: concept.base_digest for concept in mask.concepts if concept.name in names}
    return Problem(
        catalogue.INCREMENT_FOR_ANOTHER_BASE,
        f"Made for another base than {base_digest}: {', '.join(names)}.",
        concepts=list(names),
        made_for=made_for,
        base_digest=base_digest,
    )
