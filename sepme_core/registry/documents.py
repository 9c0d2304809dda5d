"""Concepts, masks and jobs as the JSON documents that clients see."""

from collections.abc import Collection, Sequence
from typing import cast

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from sepme_core.canonical import digest_of
from sepme_core.documents.answers import ConceptDocument, JobDocument, ProblemDocument, VersionDocument
from sepme_core.documents.certificates import Certificate
from sepme_core.documents.requests import (
    AnsweredErasure,
    AnsweredRequest,
    MaskDocument,
    MaskedConcept,
    StoredErasure,
    StoredRequest,
)
from sepme_core.registry import further_names, increments
from sepme_core.registry.tables import Concept, FurtherAsker, FurtherName, Job
from sepme_core.registry.types import timestamp
from sepme_core.terms import CONCEPT_WORK, LIVE_STATES


def concept_documents(session: Session, concepts: Sequence[Concept]) -> list[ConceptDocument]:
    """Return a document for each concept; `state` is what serves, `job` the work under way."""
    names = [concept.name for concept in concepts]
    versions = increments.listed(session, names)
    certificates = increments.certificates(session, names)
    further = further_names.by_concept(session, names)
    jobs = work_under_way(session, names)
    return [
        _concept_document(
            concept,
            versions[concept.name],
            certificates.get(concept.name),
            jobs.get(concept.name),
            further[concept.name],
        )
        for concept in concepts
    ]


_WORK_UNDER_WAY = (
    select(Job.concept, Job.id)
    .where(Job.kind.in_(CONCEPT_WORK), Job.state.in_(LIVE_STATES))
    .where(Job.concept.in_(bindparam("names", expanding=True)))
    # Descending, so that of two jobs the erasure stays in the dictionary: it is what an operator asked for.
    .order_by(Job.kind.desc())
)


def work_under_way(session: Session, names: Collection[str]) -> dict[str, str]:
    """Return the id of the job that is queued or running for each of these concepts that has one, by name."""
    found = session.execute(_WORK_UNDER_WAY, {"names": names})
    return {row.concept: row.id for row in found if row.concept is not None}


def _concept_document(
    concept: Concept,
    versions: list[VersionDocument],
    certificate: Certificate | None,
    job_id: str | None,
    further: list[FurtherName],
) -> ConceptDocument:
    current = next((version for version in versions if version["version"] == concept.version), None)
    return {
        "name": concept.name,
        "kind": concept.kind,
        "state": concept.state,
        "job": job_id,
        "irrevocable": concept.irrevocable,
        "prompts": concept.prompts,
        "protect": concept.protect,
        "substitute": increments.substitute(certificate),
        "further_names": [further_names.document(each) for each in further],
        "version": concept.version,
        "digest": current["digest"] if current else None,
        "base_digest": current["base_digest"] if current else None,
        "bytes": current["bytes"] if current else None,
        "certificate": certificate,
        "versions": versions,
        "created_at": timestamp(concept.created_at),
        "updated_at": timestamp(concept.updated_at),
    }


def mask_document(concepts: Sequence[MaskedConcept]) -> MaskDocument:
    """Return a mask of `{"name", "version", "digest"}` as `{"digest", "concepts"}`.

    The mask's digest is of the increments' digests, in the order of names.
    """
    ordered = sorted(concepts, key=lambda concept: str(concept["name"]))
    return {"digest": digest_of([concept["digest"] for concept in ordered]), "concepts": ordered}


def job_document(job: Job, asker: FurtherAsker | None = None) -> JobDocument:
    """Return the document of a job: as who made it sees it, or a further asker, who is told what it said itself."""
    said = job if asker is None else asker
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "concept": job.concept,
        "request": answered_request(job.request),
        "case": said.case,
        "reason": said.reason,
        "progress": {"step": job.step, "of": job.of, "message": job.message},
        "attempt": job.attempt,
        "cancel_requested": job.cancel_requested,
        "cancelled_by": job.cancelled_by,
        "request_id": said.request_id,
        "created_at": timestamp(job.created_at),
        "started_at": timestamp(job.started_at),
        "finished_at": timestamp(job.finished_at),
        "result": job.result,
        "problem": answered_problem(job.problem, said.request_id),
    }


def answered_problem(problem: ProblemDocument | None, request_id: str | None) -> ProblemDocument | None:
    """Return a stored problem as it is answered: where it names a request, that of who is answered."""
    if problem is None or "request_id" not in problem:
        return problem
    others = cast("ProblemDocument", {name: value for name, value in problem.items() if name != "request_id"})
    return others if request_id is None else {**others, "request_id": request_id}


def answered_request(request: StoredRequest) -> AnsweredRequest:
    """Return a stored request as it is answered: of those made together with it the names, each has its own job."""
    if "group" not in request:
        return request
    erasure = cast("StoredErasure", request)
    return cast("AnsweredErasure", {**erasure, "group": [{"name": name} for name in erasure["group"]["names"]]})
