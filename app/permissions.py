"""What a holder may draw, see and have: decided here alone, for every route that draws, shows or hands out."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy.orm import Session

from app.holders import Holder, refuse_without
from app.problems import Problem
from sepme_core import problems
from sepme_core.documents.answers import JobDocument
from sepme_core.registry import concepts, jobs
from sepme_core.registry.concepts import MaskResolution
from sepme_core.registry.errors import UnknownImage, UnknownJob
from sepme_core.registry.tables import Concept, Image, Job
from sepme_core.terms import Floor


def check_mask(
    session: Session, holder: Holder, erased: Literal["active"] | Sequence[str], mask: MaskResolution
) -> None:
    """Refuse a mask that lacks something of the holder's floor, or that the holder may not choose.

    Args:
        session: In which the mask was resolved: the floor is of the same moment.
        holder: Who asks.
        erased: The mask as it was asked for.
        mask: What that stands for.

    Raises:
        Problem: `below-the-floor` with what is missing, `scope-missing` for `mask:choose`.
    """
    within = {concept.name for concept in mask.concepts}
    floor = names_of(session, holder.floor)
    missing = sorted(floor - within)
    if missing:
        detail = f"Pictures of the key {holder.name!r} always lack {', '.join(missing)}, and this mask does not."
        raise Problem(problems.BELOW_THE_FLOOR, detail, missing=missing, floor=holder.floor)
    if erased != "active" and within != floor | set(mask.irrevocable) and within != names_of(session, "active"):
        refuse_without(holder, "mask:choose", "A mask of one's own choice")


def names_of(session: Session, floor: Floor) -> set[str]:
    """The concepts that a floor stands for at this moment; of a named one that is gone, its name, which nothing has."""
    if floor == "none":
        return set()
    resolved = concepts.resolve_mask(session, "active" if floor == "active" else list(floor))
    named = {concept.name for concept in resolved.concepts}
    return named | set(resolved.missing) | set(resolved.in_progress)


def sees_job(session: Session, holder: Holder, job: Job) -> bool:
    """Whether the holder made it, sees all, or asked for it when another had."""
    return _sees_whole(holder, job) or jobs.further_asker(session, job, holder.name) is not None


def shown_job(session: Session, holder: Holder, job_id: str) -> JobDocument:
    """A job as the holder may see it: of one that it asked for when another had, what it said itself.

    Raises:
        UnknownJob: there is none, for this holder.
    """
    job = jobs.get(session, job_id)
    if _sees_whole(holder, job):
        return jobs.document(job)
    asker = jobs.further_asker(session, job, holder.name)
    if asker is None:
        raise UnknownJob(job_id)
    return jobs.document(job, asker)


def _sees_whole(holder: Holder, job: Job) -> bool:
    return job.actor == holder.name or holder.has("jobs:read")


def check_cancelling(session: Session, holder: Holder, job_id: str) -> None:
    """Refuse to cancel what is another's: only who made a job, or `admin`, calls it off.

    Raises:
        UnknownJob: there is none, for this holder.
        Problem: `scope-missing`.
    """
    job = jobs.get(session, job_id)
    if not sees_job(session, holder, job):
        raise UnknownJob(job_id)
    if job.actor != holder.name:
        refuse_without(holder, "admin", "Cancelling the job of another key")


def check_picture(session: Session, holder: Holder, image: Image) -> None:
    """Refuse a picture that the holder does not see.

    Pictures by which an erasure was decided show what is erased, whatever the holder's floor.

    Raises:
        UnknownImage: there is none, for this holder.
        Problem: `scope-missing` for evidence.
    """
    job = jobs.get(session, image.job_id)
    if job.kind == "generate":
        if not sees_job(session, holder, job):
            raise UnknownImage(image.id)
        return
    refuse_without(holder, "evidence:read", "A picture by which an erasure was decided")
    concept = None if job.concept is None else session.get(Concept, job.concept)
    if concept is not None:
        _check_for_good(holder, concept, "Evidence")


def check_file(session: Session, holder: Holder, name: str) -> None:
    """Refuse the increment of what is erased for good to all but `admin`.

    Raises:
        UnknownConcept: there is none with the name.
        Problem: `scope-missing`.
    """
    _check_for_good(holder, concepts.get(session, name), "The increment")


def check_evidence(session: Session, holder: Holder, name: str) -> None:
    """Refuse the pictures of what is erased for good to all but `admin`.

    Raises:
        UnknownConcept: there is none with the name.
        Problem: `scope-missing`.
    """
    _check_for_good(holder, concepts.get(session, name), "Evidence")


def _check_for_good(holder: Holder, concept: Concept, what: str) -> None:
    if concept.irrevocable:
        refuse_without(holder, "admin", f"{what} of what is erased for good")
