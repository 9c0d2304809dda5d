"""GET /concepts, GET /concepts/{name} and its /lora, POST /concepts/{name}/erase, DELETE /concepts/{name}."""

from http import HTTPStatus
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Body, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.concepts import listing, lora
from app.concepts.entity_tags import IfMatch
from app.concepts.schemas import ConceptDocument, ConceptPage, ErasureBody
from app.fields import SlugInPath
from app.holder import Holder
from app.jobs.responses import JOB_RESPONSES
from app.jobs.schemas import JobDocument
from app.jobs.submission import SubmissionDependency
from app.json_text import json_response
from app.pages import PageDependency
from app.problems.responses import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core.registry import concepts

router = APIRouter(tags=["concepts"], responses=PROBLEM_RESPONSE)


class RestoreQuery(BaseModel):
    """How far a concept is taken back. Parameters that are not known are refused: a slip would do the wrong thing."""

    model_config = ConfigDict(extra="forbid")

    purge: bool = Field(default=False, description="True: forget it altogether and give its capacity back.")


@router.get("/concepts", response_model=ConceptPage)
async def list_concepts(query: PageDependency, services: ServicesDependency) -> Response:
    """All concepts, by name."""
    return await services.read(lambda session: json_response(listing.page(session, query)))


@router.get("/concepts/{name}", response_model=ConceptDocument)
async def get_concept(name: SlugInPath, services: ServicesDependency) -> Response:
    """A concept, by its name or a further one: what serves, what is under way, every version.

    Its `ETag` is for `If-Match`.
    """
    concept = await services.read(lambda session: concepts.text(session, name))
    return json_response(concept.text, {"ETag": concept.etag})


@router.get(
    "/concepts/{name}/lora",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {lora.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_lora(
    name: SlugInPath, query: Annotated[lora.LoraQuery, Query()], services: ServicesDependency
) -> Response:
    """The concept's increment as a LoRA file (safetensors), restored or not, by the names of the program it is for.

    It belongs to the model whose digest stands in its metadata. `ETag` is the increment's digest, and the format.
    """
    digest = await services.read(lambda session: lora.stored_digest(session, name))
    data = await to_thread.run_sync(lora.read_lora, services, name, digest, query)
    headers = {
        "ETag": query.tag(digest),
        "Content-Disposition": f'attachment; filename="{query.file_name(name)}"',
    }
    return Response(data, media_type=lora.MEDIA_TYPE, headers=headers)


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
        return [concepts.accept_erasure(session, body.request(name), submission.holder, blobs=blobs).job.id]

    accepted = await submission.accept(body, accept)
    return await submission.answer(accepted)


@router.delete(
    "/concepts/{name}",
    response_model=ConceptDocument,
    responses={204: {"description": "Purged: the concept, or the further name, is forgotten."}},
)
async def restore_concept(
    name: SlugInPath,
    query: Annotated[RestoreQuery, Query()],
    services: ServicesDependency,
    holder: Holder,
    if_match: IfMatch,
) -> Response:
    """Restore a concept: it leaves the active set, and a job that is erasing it is cancelled. Idempotent.

    A further name cannot be restored; `purge=true` withdraws it alone.
    """
    if query.purge:
        await services.write(lambda session: concepts.purge(session, name, holder, if_match))
        return Response(status_code=HTTPStatus.NO_CONTENT)
    concept = await services.write(lambda session: listing.restore(session, name, holder, if_match))
    return json_response(concept.text, {"ETag": concept.etag})
