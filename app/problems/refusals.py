"""Which problem each refusal of the registry is."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from app import rate_limits
from app.problems import Problem
from app.problems.handlers import respond
from app.problems.problem import InvalidField, invalid, pointer
from sepme_core import problems
from sepme_core.registry import errors
from sepme_core.registry.jobs import Waiting

NOT_ITSELF = "must name another concept than the one to be erased"


def _unknown_concept(error: errors.UnknownConcept) -> Problem:
    return Problem(problems.CONCEPT_NOT_FOUND, f"No concept is named {error.name!r}.", concept=error.name)


def _busy(error: errors.ConceptBusy) -> Problem:
    detail = f"{error.name!r} is being erased with another body."
    return Problem(problems.CONCEPT_BUSY, detail, concept=error.name, job=f"/jobs/{error.job_id}")


def _irrevocable(error: errors.ConceptIrrevocable) -> Problem:
    return Problem(problems.CONCEPT_IRREVOCABLE, f"{error.name!r} was erased for good.", concept=error.name)


def _moved(error: errors.ConceptMoved) -> Problem:
    detail = f"{error.name!r} is no longer what `If-Match` names."
    return Problem(problems.PRECONDITION_FAILED, detail, headers={"ETag": error.etag}, etag=error.etag)


def _never_erased(error: errors.ConceptNeverErased) -> Problem:
    detail = f"{error.name!r} was never erased, so nothing can be a further name of it."
    return Problem(problems.CONCEPT_NEVER_ERASED, detail, concept=error.name, job=None)


def _of_its_own(error: errors.ConceptOfItsOwn) -> Problem:
    detail = f"{error.name!r} has versions of its own."
    remedy = f"Purge it first (DELETE /concepts/{error.name}?purge=true), then send the request again."
    return Problem(problems.CONCEPT_OF_ITS_OWN, detail, remedy=remedy, concept=error.name, same_as=error.same_as)


def _further_name(error: errors.FurtherNameOnly) -> Problem:
    detail = f"{error.name!r} is a further name of {error.concept!r}."
    remedy = (
        f"Restore the concept it belongs to (DELETE /concepts/{error.concept}), or withdraw this notice alone "
        f"(DELETE /concepts/{error.name}?purge=true)."
    )
    return Problem(problems.FURTHER_NAME, detail, remedy=remedy, name=error.name, concept=error.concept)


def _same_as_itself(_error: errors.SameAsItself) -> Problem:
    return invalid(InvalidField(location="body", pointer="#/same_as", detail=NOT_ITSELF))


def _unknown_job(error: errors.UnknownJob) -> Problem:
    return Problem(problems.JOB_NOT_FOUND, f"No job has the id {error.job_id!r}.")


def _finished(error: errors.JobFinished) -> Problem:
    return Problem(problems.JOB_FINISHED, f"The job has already {error.state}.", state=error.state)


def _queue_full(error: errors.QueueFull) -> Problem:
    waiting = Waiting(error.queue, error.waiting, error.limit)
    headers = {
        "Retry-After": str(error.retry_seconds),
        rate_limits.POLICY: rate_limits.policy(error.queue, error.limit),
        rate_limits.LEFT: rate_limits.left(waiting, error.retry_seconds),
    }
    detail = f"{error.waiting} jobs wait in the queue `{error.queue}`, and at most {error.limit} may."
    return Problem(
        problems.QUEUE_FULL, detail, headers=headers, queue=error.queue, waiting=error.waiting, limit=error.limit
    )


def _unknown_image(error: errors.UnknownImage) -> Problem:
    return Problem(problems.IMAGE_NOT_FOUND, f"No picture has the id {error.image_id!r}.")


def _unknown_protected(error: errors.UnknownProtected) -> Problem:
    return Problem(problems.PROTECTED_NOT_FOUND, f"No protected prompts are named {error.name!r}.")


def _unknown_key(error: errors.UnknownKey) -> Problem:
    return Problem(problems.KEY_NOT_FOUND, f"No key is named {error.name!r}.", key=error.name)


def _key_name_taken(error: errors.KeyNameTaken) -> Problem:
    return Problem(problems.KEY_NAME_TAKEN, f"A key is, or was, named {error.name!r}.", key=error.name)


def _key_revoked(error: errors.KeyRevoked) -> Problem:
    return Problem(problems.KEY_REVOKED, f"The key {error.name!r} was revoked.", key=error.name)


def _floor_unknown(error: errors.FloorUnknown) -> Problem:
    return invalid(
        *(
            InvalidField(
                location="body",
                pointer=pointer(["floor", place]),
                detail=f"{name!r} has no increment: erase it first, a floor of it would refuse every picture",
            )
            for place, name in enumerate(error.floor)
            if name in error.names
        )
    )


def _unknown_webhook(error: errors.UnknownWebhook) -> Problem:
    return Problem(problems.WEBHOOK_NOT_FOUND, f"No webhook is named {error.name!r}.", webhook=error.name)


def _webhook_name_taken(error: errors.WebhookNameTaken) -> Problem:
    return Problem(problems.WEBHOOK_NAME_TAKEN, f"A webhook is named {error.name!r}.", webhook=error.name)


def _webhook_from_settings(error: errors.WebhookFromSettings) -> Problem:
    detail = f"The settings name the webhook {error.name!r}: no request changes or deletes it."
    return Problem(problems.WEBHOOK_FROM_SETTINGS, detail, webhook=error.name)


def _webhook_disabled(error: errors.WebhookDisabled) -> Problem:
    return Problem(problems.WEBHOOK_DISABLED, f"Nothing is sent to {error.name!r} any more.", webhook=error.name)


def _key_reused(error: errors.IdempotencyKeyReused) -> Problem:
    return Problem(problems.IDEMPOTENCY_KEY_REUSED, f"The key {error.key!r} came before with another body.")


def _audit_untold(error: errors.AuditUntold) -> Problem:
    detail = f"It cannot be attested of {error.name!r}: {error.reason}."
    return Problem(problems.AUDIT_DAMAGED, detail, concept=error.name)


def _cursor(_error: errors.CursorInvalid) -> Problem:
    detail = "must be a `next_cursor` that this listing answered"
    return invalid(InvalidField(location="query", name="cursor", detail=detail))


PROBLEMS: dict[type[errors.RegistryError], Callable[[Any], Problem]] = {
    errors.UnknownConcept: _unknown_concept,
    errors.ConceptBusy: _busy,
    errors.ConceptIrrevocable: _irrevocable,
    errors.ConceptMoved: _moved,
    errors.ConceptNeverErased: _never_erased,
    errors.ConceptOfItsOwn: _of_its_own,
    errors.FurtherNameOnly: _further_name,
    errors.SameAsItself: _same_as_itself,
    errors.UnknownJob: _unknown_job,
    errors.JobFinished: _finished,
    errors.QueueFull: _queue_full,
    errors.UnknownImage: _unknown_image,
    errors.UnknownProtected: _unknown_protected,
    errors.UnknownKey: _unknown_key,
    errors.KeyNameTaken: _key_name_taken,
    errors.KeyRevoked: _key_revoked,
    errors.FloorUnknown: _floor_unknown,
    errors.UnknownWebhook: _unknown_webhook,
    errors.WebhookNameTaken: _webhook_name_taken,
    errors.WebhookFromSettings: _webhook_from_settings,
    errors.WebhookDisabled: _webhook_disabled,
    errors.IdempotencyKeyReused: _key_reused,
    errors.CursorInvalid: _cursor,
    errors.AuditUntold: _audit_untold,
}


def install(application: FastAPI) -> None:
    """Let every route answer the registry's refusals with their problems."""
    for kind in PROBLEMS:
        application.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.RegistryError)
    return respond(request, PROBLEMS[type(error)](error))
