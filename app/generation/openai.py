"""POST /v1/images/generations: pictures for clients that speak OpenAI's images API, with this service's extensions.

The line is always held, for as long as `Prefer: wait` says, else as long as the service allows: those clients know no
jobs. Errors are problem documents that also have the member `error`, which is what OpenAI's clients read.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from anyio import to_thread
from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from app.fields import Body, Seed, Text
from app.generation.acceptance import accept
from app.generation.schemas import Erased, GenerateBody
from app.holders import Holder
from app.images.routes import read_png
from app.jobs.submission import Submission, SubmissionDependency, failure
from app.middleware import root_of
from app.model import served_model, wait_for_model
from app.problems import Problem, document_response
from app.problems.handlers import openai_error
from app.problems.problem import PROBLEM_RESPONSE
from app.services import Services
from sepme_core import problems
from sepme_core.documents.answers import JobDocument
from sepme_core.documents.pictures import PicturesDocument
from sepme_core.registry import images

FIELD_NAMES = {"count": "n", "width": "size", "height": "size"}
"""How this body names what GenerateBody calls otherwise."""
_NOT_HAD = frozenset({"style", "complexity", "frame_count", "frame_duration_ms", "svg"})
"""OpenAI's fields of which only null asks for nothing."""
router = APIRouter(tags=["generation"], responses=PROBLEM_RESPONSE)


class OpenAIImagesBody(Body):
    """OpenAI's fields that mean something here, and the extensions `erased`, `seed`, `steps`, `guidance_scale`.

    Of fields that have no effect (`quality`, `background`, …) the values that ask for what is done anyway are taken,
    and null of any; others are refused rather than ignored.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": "a cat in the style of Van Gogh", "erased": ["van-gogh"]}]}
    )

    prompt: Text
    model: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The `name` of the model that is served (GET /model); another one is refused."
    )
    n: Annotated[int, Field(ge=1)] | None = None
    size: Annotated[str, Field(pattern=r"^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$")] | None = Field(
        default=None, description='"auto", or width and height as in "512x512".'
    )
    response_format: Literal["url", "b64_json"] | None = Field(default=None, description='Default: "url".')
    output_format: Literal["png"] | None = None
    output_compression: Literal[100] | None = Field(default=None, description="A PNG loses nothing.")
    quality: Literal["auto", "standard"] | None = Field(default=None, description="`steps` decides.")
    background: Literal["auto", "opaque"] | None = None
    moderation: Literal["auto"] | None = Field(default=None, description="`erased` decides.")
    stream: Literal[False] | None = Field(default=None, description="Progress is at GET /jobs/{id}/events.")
    partial_images: Literal[0] | None = None
    user: Annotated[str, Field(max_length=256)] | None = Field(default=None, description="Accepted, not used.")
    safety_identifier: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Accepted, not used."
    )
    erased: Erased = "active"
    seed: Seed | None = None
    steps: Annotated[int, Field(ge=1)] | None = None
    guidance_scale: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {name: value for name, value in body.items() if value is not None or name not in _NOT_HAD}

    def generation(self) -> GenerateBody:
        """The same request in this service's own words."""
        sized = self.size not in (None, "auto")
        width, height = (int(side) for side in str(self.size).split("x")) if sized else (None, None)
        fields: dict[str, Any] = self.model_dump(include={"prompt", "erased", "seed", "steps", "guidance_scale"})
        return GenerateBody(**fields, count=self.n or 1, width=width, height=height)


class OpenAIImage(BaseModel):
    """A picture: where it is, or its bytes."""

    url: str | None = Field(default=None, description="Absolute, with `response_format` url.")
    b64_json: str | None = Field(default=None, description="The PNG in base64.")
    seed: int = Field(description="Extension: the picture's seed.")


class OpenAIImages(BaseModel):
    """OpenAI's answer, and the extensions `job`, `mask`, `base_digest`, `warnings`."""

    created: int = Field(description="Unix time.")
    data: list[OpenAIImage]
    output_format: Literal["png"] = "png"
    size: str
    job: str
    mask: dict[str, Any]
    base_digest: str
    warnings: list[str]


@router.post("/v1/images/generations", response_model=OpenAIImages, response_model_exclude_none=True)
async def generate_openai_images(submission: SubmissionDependency, body: OpenAIImagesBody) -> Response:
    """Draw pictures, in the shape of OpenAI's images API."""
    limit = submission.services.settings.wait_limit_seconds
    await wait_for_model(submission.services, submission.request, submission.deadline(limit))
    accepted = await submission.accept(body, lambda session: [_accept(session, body, submission.holder)])
    (job,) = await submission.wait(accepted, limit)
    return await _answer(submission, body, job)


def _accept(session: Session, body: OpenAIImagesBody, holder: Holder) -> str:
    served = served_model(session)["name"]
    if body.model not in (None, served):
        raise Problem(problems.MODEL_NOT_FOUND, f"This service serves {served!r}, not {body.model!r}.", served=served)
    return accept(session, body.generation(), holder, FIELD_NAMES)


async def _answer(submission: Submission, body: OpenAIImagesBody, job: JobDocument) -> Response:
    path = submission.request.url.path
    problem = failure(job)
    if problem is not None:
        return document_response(problem | {"error": openai_error(problem)}, instance=path)
    if job["state"] != "succeeded":
        link = f"/jobs/{job['id']}"
        raise Problem(problems.GENERATION_TIMEOUT, f"The job is still {job['state']}.", job=link)
    if body.response_format == "b64_json":
        data = await to_thread.run_sync(_embedded, submission.services, job)
    else:
        root = root_of(submission.request).rstrip("/")
        data = [{"url": root + picture["url"], "seed": picture["seed"]} for picture in _pictures(job)["images"]]
    return JSONResponse(_document(job, data), headers=submission.preference.applied)


def _pictures(job: JobDocument) -> PicturesDocument:
    return cast("PicturesDocument", job["result"])


def _embedded(services: Services, job: JobDocument) -> list[dict[str, str | int]]:
    """The pictures of a finished job with their bytes in base64."""
    with services.reading() as session:
        rows = [images.get(session, picture["id"]) for picture in _pictures(job)["images"]]
    return [{"b64_json": b64encode(read_png(services.blobs, row.digest)).decode(), "seed": row.seed} for row in rows]


def _document(job: JobDocument, data: Sequence[Mapping[str, str | int]]) -> Mapping[str, object]:
    pictures = _pictures(job)
    first = pictures["images"][0]
    return {
        "created": int(datetime.fromisoformat(job["created_at"]).timestamp()),
        "data": data,
        "output_format": "png",
        "size": f"{first['width']}x{first['height']}",
        "job": f"/jobs/{job['id']}",
        "mask": pictures["mask"],
        "base_digest": pictures["base_digest"],
        "warnings": pictures.get("warnings", []),
    }
