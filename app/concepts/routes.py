"""Concepts: listed, looked at by version, as a LoRA file; erased, erased in numbers, foreseen; restored."""

from http import HTTPStatus
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app import permissions
from app.concepts.schemas import (
    AgainBody,
    CertifiedVersion,
    ConceptDocument,
    ConceptPage,
    ErasureBody,
    ErasurePreview,
    ErasuresBody,
)
from app.fields import GroundsQuery, PageDependency, PageQuery, SlugInPath
from app.headers import IfMatch, json_response
from app.holders import Actor, HolderDependency
from app.jobs.schemas import JOB_RESPONSES, JOBS_RESPONSES, JobDocument, JobList
from app.jobs.submission import Submission, SubmissionDependency
from app.model import served_model
from app.problems.problem import PROBLEM_RESPONSE, InvalidField, Problem, invalid
from app.problems.refusals import NOT_ITSELF
from app.services import Services, ServicesDependency
from sepme_core import problems
from sepme_core.documents import answers
from sepme_core.registry import concepts, increments, json_text, serving
from sepme_core.registry.errors import BlobDamaged, BlobMissing, ConceptNamedTwice, SameAsItself
from sepme_core.registry.grounds import Grounds

VersionInPath = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of a version.")]
MEDIA_TYPE = "application/octet-stream"  # safetensors has no registered media type
router = APIRouter(tags=["concepts"], responses=PROBLEM_RESPONSE)


class LoraQuery(BaseModel):
    """For which program the file is. Parameters that are not known are refused: a slip would give another file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["diffusers", "kohya"] = Field(
        default="diffusers",
        description="By whose names: `diffusers` (PEFT) for diffusers' `load_lora_weights`; `kohya` for ComfyUI,"
        " AUTOMATIC1111 and other programs that look for `lora_unet_…`. They ignore names they do not know.",
    )

    def tag(self, digest: str) -> str:
        """The entity tag of an increment's file in this format."""
        return f'"{digest}"' if self.format == "diffusers" else f'"{digest}-{self.format}"'

    def file_name(self, concept: str) -> str:
        """What the file is called."""
        return f"{concept}.safetensors" if self.format == "diffusers" else f"{concept}-{self.format}.safetensors"


class RestoreQuery(GroundsQuery):
    """How far a concept is taken back, and on what grounds."""

    purge: bool = Field(default=False, description="True: forget it altogether and give its capacity back.")


@router.get("/concepts", response_model=ConceptPage)
async def list_concepts(query: PageDependency, services: ServicesDependency) -> Response:
    """All concepts, by name."""
    return await services.read(lambda session: json_response(page(session, query)))


@router.get("/concepts/{name}", response_model=ConceptDocument)
async def get_concept(name: SlugInPath, services: ServicesDependency) -> Response:
    """A concept, by its name or a further one: what serves, what is under way, every version.

    Its `ETag` is for `If-Match`.
    """
    concept = await services.read(lambda session: concepts.text(session, name))
    return json_response(concept.text, {"ETag": concept.etag})


@router.get("/concepts/{name}/versions/{version}", response_model=CertifiedVersion)
async def get_version(name: SlugInPath, version: VersionInPath, services: ServicesDependency) -> Response:
    """One version of a concept, with its certificate: pictures of two versions can be compared by prompt and seed."""
    return JSONResponse(await services.read(lambda session: certified(session, name, version)))


@router.get(
    "/concepts/{name}/lora",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_lora(
    name: SlugInPath, query: Annotated[LoraQuery, Query()], services: ServicesDependency, holder: HolderDependency
) -> Response:
    """The concept's increment as a LoRA file (safetensors), restored or not, by the names of the program it is for.

    It belongs to the model whose digest stands in its metadata. `ETag` is the increment's digest, and the format.
    """

    def found(session: Session) -> str:
        permissions.check_file(session, holder, name)
        return stored_digest(session, name)

    digest = await services.read(found)
    data = await to_thread.run_sync(read_lora, services, name, digest, query)
    headers = {
        "ETag": query.tag(digest),
        "Content-Disposition": f'attachment; filename="{query.file_name(name)}"',
    }
    return Response(data, media_type=MEDIA_TYPE, headers=headers)


@router.post("/concepts/{name}/erase", response_model=JobDocument, responses=JOB_RESPONSES)
async def erase_concept(
    name: SlugInPath,
    submission: SubmissionDependency,
    body: Annotated[ErasureBody, Body(default_factory=ErasureBody)],
) -> Response:
    """Erase a concept. The answer is a job; already finished where the same erasure was made before.

    With `same_as`, or under a further name, the job is that of the concept which the name stands for.
    """

    def accept(session: Session) -> list[str]:
        blobs = submission.services.blobs
        return [concepts.accept_erasure(session, body.request(name), submission.actor, blobs=blobs).job.id]

    accepted = await submission.accept(body, accept)
    return await submission.answer(accepted)


@router.post("/concepts/{name}/preview", response_model=ErasurePreview)
async def preview_erasure(
    name: SlugInPath,
    services: ServicesDependency,
    actor: Actor,
    body: Annotated[ErasureBody, Body(default_factory=ErasureBody)],
) -> Response:
    """What erasing a concept with this body would come to. Nothing is changed, and no worker is asked.

    A request that would be refused at once is refused here likewise. What only the model can tell is listed as
    `measured_later`.
    """
    asked = body.request(name)
    return JSONResponse(
        await services.attempt(lambda session: concepts.foresee(session, asked, actor, blobs=services.blobs))
    )


@router.delete(
    "/concepts/{name}",
    response_model=ConceptDocument,
    responses={204: {"description": "Purged: the concept, or the further name, is forgotten."}},
)
async def restore_concept(
    name: SlugInPath,
    query: Annotated[RestoreQuery, Query()],
    services: ServicesDependency,
    actor: Actor,
    if_match: IfMatch,
) -> Response:
    """Restore a concept: it leaves the active set, and a job that is erasing it is cancelled. Idempotent.

    A further name cannot be restored; `purge=true` withdraws it alone.
    """
    if query.purge:
        await services.write(lambda session: concepts.purge(session, name, actor, if_match, query.grounds))
        return Response(status_code=HTTPStatus.NO_CONTENT)
    concept = await services.write(lambda session: restore(session, name, actor, if_match, query.grounds))
    return json_response(concept.text, {"ETag": concept.etag})


@router.post("/erasures", response_model=JobList, responses=JOBS_RESPONSES)
async def erase_concepts(submission: SubmissionDependency, body: ErasuresBody) -> Response:
    """Erase several concepts: accepted all or none, one job each, the same bytes whatever order they finish in."""
    refuse_repeats([concept.name for concept in body.concepts])
    refuse_lone_joint(body)
    accepted = await submission.accept(body, lambda session: _accept(session, body, submission))
    return await submission.answer_all(accepted)


@router.post("/erasures/again", response_model=JobList, responses=JOBS_RESPONSES)
async def erase_again(
    submission: SubmissionDependency, body: Annotated[AgainBody, Body(default_factory=AgainBody)]
) -> Response:
    """Erase all that is stored for another model again, for the one that is served. What is restored stays so."""
    accepted = await submission.accept(body, lambda session: _accept_again(session, body, submission.actor))
    return await submission.answer_all(accepted)


def page(session: Session, query: PageQuery) -> str:
    """One page of the concepts, and the room that is left.

    Raises:
        CursorInvalid: Where the cursor is not one of this listing.
    """
    found = concepts.page_of_texts(session, query.cursor, query.limit)
    model = serving.current_model(session)
    rest = {"next_cursor": found.next_cursor, "capacity": model.get("capacity") if model else None}
    return json_text.document(rest, {"items": json_text.array(each.text for each in found.items)})


def restore(session: Session, name: str, actor: str, if_match: str | None, grounds: Grounds) -> concepts.ConceptText:
    """Restore a concept; the concept as it is then.

    Raises:
        UnknownConcept, ConceptIrrevocable, ConceptMoved: As the registry says.
    """
    concepts.restore(session, name, actor, if_match, grounds)
    return concepts.text(session, name)


def certified(session: Session, name: str, version: int) -> answers.CertifiedVersion:
    """A version with its certificate.

    Raises:
        UnknownConcept: Where there is no concept with the name.
        Problem: `concept-not-found` where it has no such version.
    """
    found = increments.certified(session, concepts.get(session, name).name, version)
    if found is None:
        remedy = f"GET /concepts/{name} lists its versions."
        raise Problem(problems.CONCEPT_NOT_FOUND, f"{name!r} has no version {version}.", remedy=remedy, concept=name)
    return found


def stored_digest(session: Session, name: str) -> str:
    """The digest of the increment that stands for a concept, whether it serves or is restored.

    Raises:
        UnknownConcept: Where there is none with the name.
        Problem: `concept-never-erased`.
    """
    concept = concepts.get(session, name)
    increment = increments.current(session, concept)
    if increment is not None:
        return increment.digest
    live = concepts.document(session, concept)["job"]
    detail = f"{name!r} has no increment yet." if live else f"{name!r} was never erased."
    raise Problem(problems.CONCEPT_NEVER_ERASED, detail, concept=name, job=f"/jobs/{live}" if live else None)


def read_lora(services: Services, name: str, digest: str, query: LoraQuery) -> bytes:
    """The LoRA file of a stored increment, in the format asked for.

    Raises:
        Problem: `increment-damaged`.
    """
    from sepme_core.increments.lora import NoIncrement, lora_of_increment  # numpy, which nothing else needs here

    try:
        return lora_of_increment(services.blobs.get(digest), query.format)
    except (BlobMissing, BlobDamaged, NoIncrement) as error:
        detail = f"The increment of {name!r} cannot be used: {error}."
        raise Problem(problems.INCREMENT_DAMAGED, detail, concept=name) from error


def refuse_repeats(names: list[str]) -> None:
    """Each concept once.

    Raises:
        Problem: `invalid-request`, with a pointer to every name that came before.
    """
    repeated = [place for place, name in enumerate(names) if name in names[:place]]
    if repeated:
        detail = "must not name a concept that this request has named before"
        raise invalid(
            *(InvalidField(location="body", pointer=f"#/concepts/{place}/name", detail=detail) for place in repeated)
        )


def refuse_lone_joint(body: ErasuresBody) -> None:
    """A joint erasure has two concepts at least.

    Raises:
        Problem: `invalid-request`.
    """
    if body.joint and len(body.concepts) == 1:
        detail = "must be false for one concept: there is nothing to optimise it with"
        raise invalid(InvalidField(location="body", pointer="#/joint", detail=detail))


def _accept(session: Session, body: ErasuresBody, submission: Submission) -> list[str]:
    requests = body.requests()
    try:
        accepted = concepts.accept_erasures(
            session, requests, submission.actor, joint=body.joint, blobs=submission.services.blobs
        )
    except ConceptNamedTwice as error:
        field = "name" if requests[error.place]["same_as"] is None else "same_as"
        raise _misnamed(error.place, field, f"comes to {error.name!r}, which this request has named before") from error
    except SameAsItself as error:
        raise _misnamed(error.place, "same_as", NOT_ITSELF) from error
    return [one.job.id for one in accepted]


def _misnamed(place: int, field: str, detail: str) -> Problem:
    return invalid(InvalidField(location="body", pointer=f"#/concepts/{place}/{field}", detail=detail))


def _accept_again(session: Session, body: AgainBody, actor: str) -> list[str]:
    base_digest = served_model(session)["base_digest"]
    return [accepted.job.id for accepted in concepts.accept_again(session, base_digest, actor, body.grounds)]
