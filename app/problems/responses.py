"""What the OpenAPI document says of errors: every operation may answer with a problem."""

from typing import Any

from app.problems.problem import MEDIA_TYPE, ProblemDocument

Responses = dict[int | str, dict[str, Any]]

PROBLEM_RESPONSE: Responses = {
    "default": {
        "description": "A problem (RFC 9457); its types are listed at `/problems`.",
        "model": ProblemDocument,
    }
}


def move_to_problem_type(document: dict[str, Any]) -> dict[str, Any]:
    """Give problems their media type in an OpenAPI document, and drop FastAPI's own 422, which is never sent."""
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            responses.pop("422", None)
            default = responses.pop("default")
            default["content"] = {MEDIA_TYPE: default["content"]["application/json"]}
            responses["default"] = default  # after those with a status
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document
