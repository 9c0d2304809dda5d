"""What the OpenAPI document says of requests that make jobs."""

from typing import Any

from app.jobs.schemas import JobDocument, JobList
from app.problems.responses import PROBLEM_RESPONSE, Responses

_APPLIED = {"Preference-Applied": {"description": "The wait that was granted.", "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": "Seconds until it is worth looking.", "schema": {"type": "integer"}}}
_LOCATION = {"Location": {"description": "Path of the job.", "schema": {"type": "string"}}}


def _responses(model: type[Any], accepted_headers: dict[str, Any]) -> Responses:
    return {
        200: {
            "description": "Finished within the wait, or nothing was left to do.",
            "model": model,
            "headers": _APPLIED,
        },
        202: {
            "description": "Accepted; the work is under way.",
            "model": model,
            "headers": {**accepted_headers, **_RETRY, **_APPLIED},
        },
        **PROBLEM_RESPONSE,
    }


JOB_RESPONSES = _responses(JobDocument, _LOCATION)
JOBS_RESPONSES = _responses(JobList, {})
