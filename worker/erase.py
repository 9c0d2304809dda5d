"""Make the increment of one concept and publish it."""

import time
from collections.abc import Mapping
from typing import Any

from sepme_core.erasure import ErasureRequest, ErasureSettings, Made, erase, erase_together
from sepme_core.increment import Increment
from sepme_core.registry import jobs
from sepme_core.registry.database import writing
from worker import problems
from worker.groups import Members
from worker.increments import usable_increments
from worker.lease import Lease, LeaseLost
from worker.optimising import as_known, drive
from worker.resident import Resident
from worker.storing import store_increment


def run(resident: Resident, lease: Lease) -> None:
    """Do an erase job from the claim to the published version.

    Raises:
        Refused: the method refuses the concept, or an option has no meaning.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    started = time.monotonic()
    made = _together(resident, lease) if "group" in lease.claim.request else _alone(resident, lease)
    stored = store_increment(resident.blobs, made, time.monotonic() - started)
    with writing(resident.engine) as session:
        published = jobs.publish_erasure(session, lease.claim, stored)
    if not published:  # another attempt runs or is to run, or the concept was restored; the bytes are nobody's
        raise LeaseLost


def _alone(resident: Resident, lease: Lease) -> Made:
    pinned, request = lease.claim.pinned, _request(lease.claim.request)
    irrevocable = _irrevocable(resident, lease)
    known, protected = as_known(pinned["known"]), as_known(pinned["protected"])
    return drive(lease, erase(resident.base, request, known, protected, irrevocable, resident.shared))


def _together(resident: Resident, lease: Lease) -> Made:
    """The job's own member of a group that is optimised jointly, by this job or by the one before."""
    claim = lease.claim
    pinned = {key: claim.pinned[key] for key in ("known", "protected")}
    requests = [_request(body) for body in claim.request["group"]]
    irrevocable = _irrevocable(resident, lease)

    def make() -> Members:
        known, protected = as_known(pinned["known"]), as_known(pinned["protected"])
        return drive(lease, erase_together(resident.base, requests, known, protected, irrevocable, resident.shared))

    digests = [increment.digest for increment in irrevocable]
    asked = {"group": claim.request["group"], **pinned, "irrevocable": digests, "base_digest": resident.base.digest}
    return resident.last_group.get(asked, make)[str(claim.concept)]


def _irrevocable(resident: Resident, lease: Lease) -> list[Increment]:
    """What is erased for good on the base that is loaded, of this moment; publishing looks again."""
    with writing(resident.engine) as session:
        pinned = jobs.pin_irrevocable(session, lease.claim, resident.base.digest)
    if pinned is None:
        raise LeaseLost
    return usable_increments(resident.increments, pinned)


def _request(body: Mapping[str, Any]) -> ErasureRequest:
    return ErasureRequest(
        name=body["name"],
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
