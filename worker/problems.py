"""What went wrong with a job, as the problem document that is stored on it (RFC 9457).

The front end lists these types at /problems; it answers with the stored document as it is.
"""

import json
import secrets
import shlex
from collections.abc import Mapping
from typing import Any, cast

from sepme_core.documents import ErasureDocument, ProblemDocument, RequestDocument
from sepme_core.erasure import ErasureRefused

INTERNAL_ERROR = "internal-error"
INCREMENT_DAMAGED = "increment-damaged"
INCREMENT_FOR_ANOTHER_BASE = "increment-for-another-base"
INVALID_REQUEST = "invalid-request"

ERASE_ALL_AGAIN = "Erase all that is stored again for the model that is served: POST /erasures/again."


class Refused(Exception):
    """The job cannot be done, for a reason its caller can act on."""

    def __init__(self, document: ProblemDocument) -> None:
        super().__init__(document["detail"])
        self.document = document


def document(
    slug: str, title: str, status: int, detail: str, remedy: str | None = None, **members: Any
) -> ProblemDocument:
    """A problem document; `members` are further members of it, such as the numbers behind a refusal.

    Without a remedy the detail says what can be done.
    """
    advice = {} if remedy is None else {"remedy": remedy}
    standard = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail, **advice}
    return cast("ProblemDocument", {**members, **standard})


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
    return document(refusal.code, refusal.title, refusal.status, refusal.detail, remedy, **refusal.numbers)


def of_another_base(detail: str, concepts: list[str]) -> ProblemDocument:
    """The mask's increments belong to another base model than the one that is loaded."""
    return document(
        INCREMENT_FOR_ANOTHER_BASE,
        "An increment was made for another base model",
        409,
        detail,
        ERASE_ALL_AGAIN,
        concepts=concepts,
    )


def of_damaged_increment(detail: str, concept: str) -> ProblemDocument:
    """A stored increment is missing, or is not what its digest says; it is never applied."""
    return document(
        INCREMENT_DAMAGED,
        "A stored increment does not have its digest",
        500,
        detail,
        "Send the same erasure again, or run `sepme verify --repair`: its bytes are made again. Check the disk "
        "the blobs are on.",
        concept=concept,
    )


def of_invalid_field(detail: str, pointer: str) -> ProblemDocument:
    """A value that only the method could judge."""
    return of_invalid_fields({pointer: detail})


def of_invalid_fields(details: Mapping[str, str]) -> ProblemDocument:
    """Values that only the method could judge: what is wrong with each, by its pointer."""
    return document(
        INVALID_REQUEST,
        "The request does not fit the contract",
        422,
        " ".join(details.values()),
        "Correct the fields named in `errors`; `pointer` is a JSON pointer into the body (RFC 6901).",
        errors=[{"location": "body", "pointer": pointer, "detail": detail} for pointer, detail in details.items()],
    )


def of_trouble(reason: str, times: int) -> ProblemDocument:
    """The database or the blob store could not be used, however often the job was tried."""
    return document(
        "storage-unusable",
        "The database or the blob store cannot be used",
        503,
        f"The job was put back {times} times and is given up: {reason}.",
        "Mend what the workers' log names (a full disk, a database that is down), then ask again.",
    )


def of_incident() -> ProblemDocument:
    """An error nobody foresaw; the log holds it under the incident's id."""
    incident = secrets.token_hex(8)
    return document(
        INTERNAL_ERROR,
        "Something went wrong in the service",
        500,
        "The worker met an error that it cannot explain to the caller.",
        "Tell the operator the `incident`: the log explains it.",
        incident=incident,
    )
