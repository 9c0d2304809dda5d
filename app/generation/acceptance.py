"""Accept a request for pictures: complete it by the model's defaults and limits, pin its mask, write its job."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, cast

from sqlalchemy.orm import Session

from app.generation.schemas import GenerateBody
from app.holders import Holder
from app.model import served_model
from app.permissions import check_mask
from app.problems import Problem
from app.problems.problem import InvalidField, invalid, pointer
from sepme_core import problems
from sepme_core.documents.answers import ModelDescription, ModelLimits
from sepme_core.documents.requests import PictureRequestDocument, PinnedMask
from sepme_core.registry import concepts, further_names, jobs
from sepme_core.registry.concepts import MaskResolution


def accept(session: Session, body: GenerateBody, holder: Holder, field_names: Mapping[str, str] | None = None) -> str:
    """Write the job; names become digests here, so that a later restore does not change the pictures asked for.

    Args:
        session: Of `database.writing`.
        body: The request.
        holder: Who asks.
        field_names: Names of fields where the client's body has others.

    Returns:
        The job's id.

    Raises:
        Problem: Where the request is out of the model's range, or its mask cannot be had, or not by this holder.
    """
    model = served_model(session)
    request = complete(body, model, field_names)
    pinned = pin_mask(session, holder, body.erased, model["base_digest"])
    job = jobs.enqueue(
        session,
        kind="generate",
        request=request,
        pinned=pinned,
        concept=None,
        actor=holder.name,
        base_digest=pinned["base_digest"],
    )
    return job.id


def pin_mask(
    session: Session, holder: Holder, erased: Literal["active"] | Sequence[str], base_digest: str
) -> PinnedMask:
    """Resolve what is to be erased to increments of the base that is served.

    Raises:
        Problem: `unknown-concepts`, `concept-in-progress` or `increment-for-another-base`; `below-the-floor` or
            `scope-missing` where the holder may not have it.
    """
    mask = concepts.resolve_mask(session, erased)
    if mask.missing:
        raise _unknown(mask.missing, erased)
    if mask.in_progress:
        raise _in_progress(session, mask.in_progress)
    check_mask(session, holder, erased, mask)
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
        problems.UNKNOWN_CONCEPTS, f"No increment for {', '.join(missing)}.", concepts=list(missing), errors=listed
    )


def _in_progress(session: Session, names: Sequence[str]) -> Problem:
    stands_for = further_names.resolved(session, names)
    live = {name: jobs.live_erasure(session, concept) for name, concept in stands_for.items()}
    links = {name: f"/jobs/{job.id}" for name, job in live.items() if job is not None}
    detail = f"Still being erased: {', '.join(names)}."
    return Problem(problems.CONCEPT_IN_PROGRESS, detail, headers={"Retry-After": "5"}, concepts=list(names), jobs=links)


def _for_another_base(mask: MaskResolution, names: Sequence[str], base_digest: str) -> Problem:
    made_for = {concept.name: concept.base_digest for concept in mask.concepts if concept.name in names}
    return Problem(
        problems.INCREMENT_FOR_ANOTHER_BASE,
        f"Made for another base than {base_digest}: {', '.join(names)}.",
        concepts=list(names),
        made_for=made_for,
        base_digest=base_digest,
    )


DRAWN_SEEDS = 2**32
_RANGES: tuple[Literal["count", "steps", "guidance_scale", "width", "height"], ...] = (
    "count",
    "steps",
    "guidance_scale",
    "width",
    "height",
)


def complete(
    body: GenerateBody, model: ModelDescription, field_names: Mapping[str, str] | None = None
) -> PictureRequestDocument:
    """The whole request: what was asked, and the model's defaults for the rest.

    Args:
        body: The request.
        model: The model's description, its `defaults` and `limits`.
        field_names: Names of fields where the client's body has others, as in `{"count": "n"}`.

    Raises:
        Problem: `invalid-request`, naming every field that is out of the model's range.
    """
    request = body.model_dump(mode="json")
    for name, default in model["defaults"].items():
        if request.get(name, default) is None:
            request[name] = default
    if request["batches"] is None:
        del request["batches"]
    if request["seed"] is None:
        request["seed"] = secrets.randbelow(DRAWN_SEEDS)
    asked, names = cast("PictureRequestDocument", request), field_names or {}
    fields = [
        InvalidField(location="body", pointer=f"#/{names.get(name, name)}", detail=detail)
        for name, detail in _out_of_range(asked, model["limits"])
    ]
    if fields:
        raise invalid(*fields)
    return asked


def _out_of_range(request: PictureRequestDocument, limits: ModelLimits) -> Iterator[tuple[str, str]]:
    for name in _RANGES:
        low, high = limits[name]
        if not low <= request[name] <= high:
            rule = f"must be {low}" if low == high else f"must be from {low} to {high}"
            yield name, f"{name} {rule} for this model, not {request[name]}"
    least = limits.get("least_steps", {}).get(request["scheduler"], 1)
    if limits["steps"][0] <= request["steps"] < least:
        yield (
            "steps",
            f"steps must be at least {least} with the scheduler {request['scheduler']}, not {request['steps']}",
        )
    multiple = limits["multiple_of"]
    sides: tuple[Literal["width", "height"], ...] = ("width", "height")
    for name in sides:
        if request[name] % multiple:
            yield name, f"{name} must be a multiple of {multiple} for this model, not {request[name]}"
    if request["scheduler"] not in limits["schedulers"]:
        known = ", ".join(limits["schedulers"])
        yield "scheduler", f"scheduler must be one of {known} for this model, not {request['scheduler']!r}"
