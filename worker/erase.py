"""Make the increment of one concept and publish it."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sepme_core.erasure import (
    ErasureRefused,
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    Progress,
    erase,
    run_to_end,
)
from sepme_core.increment import Increment
from sepme_core.registry import jobs
from sepme_core.registry.database import writing
from worker import problems
from worker.lease import Lease, LeaseLost
from worker.resident import Resident


def run(resident: Resident, lease: Lease) -> None:
    """Do an erase job from the claim to the published version.

    Raises:
        Refused: the method refuses the concept, or an option has no meaning.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    started = time.monotonic()
    increment = _optimise(resident, lease)
    seconds = time.monotonic() - started
    digest = resident.blobs.put(increment.to_bytes())
    with writing(resident.engine) as session:
        published = jobs.publish_erasure(
            session,
            lease.claim,
            digest=digest,
            bytes=len(increment.to_bytes()),
            base_digest=resident.base.digest,
            certificate={**increment.certificate, "seconds": round(seconds, 2)},
            settings=_settings(lease.claim.request).to_options(),
        )
    if (
        not published
    ):  # another attempt runs, or the concept was restored meanwhile; the bytes are nobody's and go later
        raise LeaseLost


def _optimise(resident: Resident, lease: Lease) -> Increment:
    pinned = lease.claim.pinned
    eraser = erase(resident.base, _request(lease.claim), as_known(pinned["known"]), as_known(pinned["protected"]))

    def told(progress: Progress) -> None:
        measures = {"loss": progress.loss, "momentum": progress.momentum}
        lease.step(progress.step, progress.of, progress.message, measures)

    try:
        return run_to_end(eraser, told)  # an interruption closes the eraser between two steps
    except ErasureRefused as refusal:
        raise problems.Refused(
            problems.of_refusal(refusal.code, refusal.title, refusal.status, refusal.detail, refusal.numbers)
        ) from refusal


def _request(claim: jobs.Claim) -> ErasureRequest:
    body = claim.request
    return ErasureRequest(
        name=str(claim.concept),
        kind=body["kind"],
        prompts=tuple(body["prompts"]),
        protect=tuple(body["protect"]),
        override=body["override"],
        settings=_settings(body),
    )


def _settings(body: Mapping[str, Any]) -> ErasureSettings:
    try:
        return ErasureSettings.from_options(body["options"])
    except ValueError as error:
        option = str(error).partition(" ")[0]  # its message begins with the option's name
        raise problems.Refused(problems.of_invalid_field(str(error), f"#/options/{option}")) from error


def as_known(pinned: Iterable[Mapping[str, Any]]) -> list[KnownConcept]:
    """The method's concepts of the registry's documents; protected prompts are of no kind."""
    return [KnownConcept(each["name"], each.get("kind", "other"), tuple(each["prompts"])) for each in pinned]
