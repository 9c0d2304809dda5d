"""Which problem each refusal of the registry is."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from app.problems import Problem, catalogue
from app.problems.handlers import respond
from app.problems.problem import InvalidField, invalid
from sepme_core.registry import errors


def _unknown_concept(error: errors.UnknownConcept) -> Problem:
    return Problem(catalogue.CONCEPT_NOT_FOUND, f"No concept is named {error.name!r}.", concept=error.name)


def _busy(error: errors.ConceptBusy) -> Problem:
    detail = f"{error.name!r} is being erased with another body."
    return Problem(catalogue.CONCEPT_BUSY, detail, concept=error.name, job=f"/jobs/{error.job_id}")


def _irrevocable(error: errors.ConceptIrrevocable) -> Problem:
    return Problem(catalogue.CONCEPT_IRREVOCABLE, f"{error.name!r} was erased for good.", concept=error.name)


def _moved(error: errors.ConceptMoved) -> Problem:
    detail = f"{error.name!r} is no longer what `If-Match` names."
    return Problem(catalogue.PRECONDITION_FAILED, detail, headers={"ETag": error.etag}, etag=error.etag)


def _unknown_job(error: errors.UnknownJob) -> Problem:
    return Problem(catalogue.JOB_NOT_FOUND, f"No job has the id {error.job_id!r}.")


def _finished(error: errors.JobFinished) -> Problem:
    return Problem(catalogue.JOB_FINISHED, f"The job has already {error.state}.", state=error.state)


def _unknown_image(error: errors.UnknownImage) -> Problem:
    return Problem(catalogue.IMAGE_NOT_FOUND, f"No picture has the id {error.image_id!r}.")


def _unknown_protected(error: errors.UnknownProtected) -> Problem:
    return Problem(catalogue.PROTECTED_NOT_FOUND, f"No protected prompts are named {error.name!r}.")


def _key_reused(error: errors.IdempotencyKeyReused) -> Problem:
    return Problem(catalogue.IDEMPOTENCY_KEY_REUSED, f"The key {error.key!r} came before with another body.")


def _cursor(_error: errors.CursorInvalid) -> Problem:
    detail = "must be a `next_cursor` that this listing answered"
    return invalid(InvalidField(location="query", name="cursor", detail=detail))


PROBLEMS: dict[type[errors.RegistryError], Callable[[Any], Problem]] = {
    errors.UnknownConcept: _unknown_concept,
    errors.ConceptBusy: _busy,
    errors.ConceptIrrevocable: _irrevocable,
    errors.ConceptMoved: _moved,
    errors.UnknownJob: _unknown_job,
    errors.JobFinished: _finished,
    errors.UnknownImage: _unknown_image,
    errors.UnknownProtected: _unknown_protected,
    errors.IdempotencyKeyReused: _key_reused,
    errors.CursorInvalid: _cursor,
}


def install(application: FastAPI) -> None:
    """Let every route answer the registry's refusals with their problems."""
    for kind in PROBLEMS:
        application.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.RegistryError)
    return respond(request, PROBLEMS[type(error)](error))
