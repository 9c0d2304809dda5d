"""What went wrong with a job, as the problem document that is stored on it; the front end answers with it as it is.

The front end lists these types at /problems; it answers with the stored document as it is.
"""

import json
import secrets
import shlex
from collections.abc import Mapping
from typing import cast

from sepme_core import logs
from sepme_core.documents.answers import ProblemDocument
from sepme_core.documents.requests import ErasureDocument, RequestDocument
from sepme_core.erasure import ErasureRefused
from sepme_core.problems import (
    INCREMENT_DAMAGED,
    INCREMENT_FOR_ANOTHER_BASE,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    OUT_OF_MEMORY,
    PICTURE_NOT_SIGNED,
    STORAGE_UNUSABLE,
)


class Refused(Exception):
    """The job cannot be done, for a reason its caller can act on."""

    def __init__(self, document: ProblemDocument) -> None:
        super().__init__(document["detail"])
        self.document = document


def of_refusal(refusal: ErasureRefused, asked: RequestDocument, address: str) -> ProblemDocument:
    """What the method says of a job's request; ``address`` is where this service listens.

    Of a group it is not said which member is the same: the line would make the wrong one a further name.
    """
    remedy = None
    if "same_as" in refusal.numbers and "group" not in asked:
        erasure = cast("ErasureDocument", asked)
        body = json.dumps({"same_as": refusal.numbers["same_as"], "prompts": erasure["prompts"]})
        url = f"{address}/concepts/{erasure['name']}/erase"
        remedy = f"curl -s {url} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    return refusal.kind.document(refusal.detail, remedy, **refusal.numbers)


def of_another_base(detail: str, concepts: list[str]) -> ProblemDocument:
    """The mask's increments belong to another base model than the one that is loaded."""
    return INCREMENT_FOR_ANOTHER_BASE.document(detail, INCREMENT_FOR_ANOTHER_BASE.remedy, concepts=concepts)


def of_damaged_increment(detail: str, concept: str) -> ProblemDocument:
    """A stored increment is missing, or is not what its digest says; it is never applied."""
    return INCREMENT_DAMAGED.document(detail, INCREMENT_DAMAGED.remedy, concept=concept)


def of_invalid_field(detail: str, pointer: str) -> ProblemDocument:
    """A value that only the method could judge."""
    return of_invalid_fields({pointer: detail})


def of_invalid_fields(details: Mapping[str, str]) -> ProblemDocument:
    """Values that only the method could judge: what is wrong with each, by its pointer."""
    errors = [{"location": "body", "pointer": pointer, "detail": detail} for pointer, detail in details.items()]
    return INVALID_REQUEST.document(" ".join(details.values()), INVALID_REQUEST.remedy, errors=errors)


def of_trouble(reason: str, times: int) -> ProblemDocument:
    """The database or the blob store could not be used, however often the job was tried."""
    detail = f"The job was put back {times} times and is given up: {reason}."
    return STORAGE_UNUSABLE.document(detail, STORAGE_UNUSABLE.remedy)


def of_want_of_memory(width: int, height: int, device: str, free: int, total: int) -> ProblemDocument:
    """A single picture does not fit the memory of the device, of which ``free`` bytes of ``total`` were left."""
    detail = (
        f"One picture of {width} x {height} pixels, drawn by itself, does not fit the memory of {device}:"
        f" {free / 2**20:.0f} MiB of {total / 2**20:.0f} are free."
    )
    numbers = {"width": width, "height": height, "free_bytes": free, "total_bytes": total}
    return OUT_OF_MEMORY.document(detail, OUT_OF_MEMORY.remedy, **numbers)


def of_unsigned(reason: str) -> ProblemDocument:
    """A picture was drawn and could not be signed."""
    return PICTURE_NOT_SIGNED.document(f"The picture cannot be signed: {reason}.", PICTURE_NOT_SIGNED.remedy)


def of_incident() -> ProblemDocument:
    """An error nobody foresaw; the log holds it under the incident's id."""
    incident = secrets.token_hex(8)
    detail = "The worker met an error that it cannot explain to the caller."
    request_id = logs.request_id()
    named = {} if request_id is None else {"request_id": request_id}
    return INTERNAL_ERROR.document(detail, INTERNAL_ERROR.remedy, incident=incident, **named)
