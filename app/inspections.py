"""POST /inspections: what a picture says of itself, whether that is as it was signed, and what of it stands here."""

import json
import sys
from asyncio import create_subprocess_exec, timeout
from collections.abc import Mapping
from contextlib import ExitStack
from subprocess import PIPE
from tempfile import NamedTemporaryFile
from typing import Any, Literal, cast

from anyio import CapacityLimiter, to_thread
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.problems import Problem
from app.problems.problem import PROBLEM_RESPONSE
from app.services import ServicesDependency
from sepme_core import problems
from sepme_core.documents import pictures
from sepme_core.provenance.identity import IdentityUnusable, open_identity
from sepme_core.registry import increments, serving
from sepme_core.registry.tables import Concept
from sepme_core.settings import Settings

router = APIRouter(tags=["images"], responses=PROBLEM_RESPONSE)
PNG = "image/png"
SECONDS = 30.0
AT_ONCE = 2
NO_PICTURE = 3  # what the process says of anything else
_limiter = CapacityLimiter(AT_ONCE)


class Signer(BaseModel):
    """Who signed."""

    subject: str
    issuer: str
    keyid: str = Field(description="The sha256 of the public key (SubjectPublicKeyInfo).")
    known: bool | None = Field(
        description="Whether the authority of this service vouches for it; null where this service signs nothing."
    )


class StatedIncrement(BaseModel):
    """A concept that was erased in the picture, and what stands for it here."""

    name: str
    version: int | None
    digest: str
    stands: bool = Field(description="Whether this very increment stands for the concept here.")
    state: str | None = Field(description="Of the concept here; null where there is none of the name.")


class InspectionDocument(BaseModel):
    """What was found; nothing of it is kept."""

    state: Literal["valid", "invalid", "unsigned"]
    reason: str | None = Field(description="What does not hold; null of a valid one.")
    signer: Signer | None
    generator: str | None
    statement: dict[str, Any] | None = Field(description="What is stated and signed; null where it cannot be believed.")
    record: dict[str, Any] | None = Field(
        description="The record in the file, with the prompt: as it was drawn only where the state is valid."
    )
    base_served: bool | None = Field(description="Whether its base is the model that is served; null: it names none.")
    increments: list[StatedIncrement]


@router.post(
    "/inspections",
    response_model=InspectionDocument,
    openapi_extra={
        "requestBody": {"required": True, "content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def inspect_picture(request: Request, services: ServicesDependency) -> pictures.InspectionDocument:
    """Read a picture's manifest and record, and say whether its base and its increments are those that stand here.

    The body is the PNG. It may be anybody's.
    """
    png = await request.body()
    authority = await to_thread.run_sync(_authority, services.settings)
    async with _limiter:
        found = await _inspected(png, authority)
    said: Mapping[str, Any] = found["statement"] or found["record"] or {}

    def held_against(session: Session) -> pictures.InspectionDocument:
        served = serving.current_model(session)
        base = said.get("base_digest")
        here = {
            "base_served": None if base is None else served is not None and served["base_digest"] == base,
            "increments": [_held_against(session, each) for each in _increments(said)],
        }
        return cast("pictures.InspectionDocument", found | here)

    return await services.read(held_against)


def _authority(settings: Settings) -> bytes | None:
    """The certificate that vouches for what this service signs with."""
    try:
        return open_identity(settings).chain[-1].public_bytes(Encoding.PEM)
    except IdentityUnusable:
        return None


async def _inspected(png: bytes, authority: bytes | None) -> dict[str, Any]:
    """What the process says that reads it.

    Raises:
        Problem: `not-a-picture`.
    """
    with ExitStack() as held:
        command = [sys.executable, "-m", "sepme_core.provenance"]
        if authority is not None:
            file = held.enter_context(NamedTemporaryFile(suffix=".pem"))
            file.write(authority)
            file.flush()
            command.append(file.name)
        process = await create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        try:
            async with timeout(SECONDS):
                out, _ = await process.communicate(png)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise Problem(problems.NOT_A_PICTURE, f"It could not be read within {SECONDS:g} seconds.") from None
    if process.returncode == NO_PICTURE:
        raise Problem(problems.NOT_A_PICTURE, "The body is no PNG.")
    if process.returncode != 0:
        raise Problem(problems.NOT_A_PICTURE, "It could not be read: it is too large, or made to be.")
    return dict(json.loads(out))


def _increments(said: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """As a statement has them, or as a record has; of a stranger's either may be anything."""
    mask = said.get("mask")
    listed = mask.get("concepts") if isinstance(mask, dict) else said.get("increments")
    named = listed if isinstance(listed, list) else []
    found = [{"name": each.get("name", each.get("concept")), **each} for each in named if isinstance(each, dict)]
    return [each for each in found if isinstance(each["name"], str) and isinstance(each.get("digest"), str)]


def _held_against(session: Session, named: Mapping[str, Any]) -> pictures.StatedIncrement:
    version, concept = named.get("version"), session.get(Concept, named["name"])
    stored = None if concept is None else increments.current(session, concept)
    return {
        "name": named["name"],
        "version": version if isinstance(version, int) else None,
        "digest": named["digest"],
        "stands": stored is not None and stored.digest == named["digest"],
        "state": None if concept is None else concept.state,
    }
