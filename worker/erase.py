"""Make the increment of one concept, and those again that would draw it, and publish them."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from sepme_core.erasure import ErasureRequest, ErasureSettings, Made, erase, erase_together
from sepme_core.registry import jobs
from worker import problems
from worker.considering import Newcomer, outweighs
from worker.deciding import Settled, settle
from worker.fitting import check_whole
from worker.groups import Members
from worker.leaning import remake
from worker.lease import GaveWay, Lease, LeaseLost
from worker.optimising import drive
from worker.resident import Resident
from worker.storing import store_increment
from worker.trouble import insist


def run(resident: Resident, lease: Lease) -> None:
    """Do an erase job from the claim to the published versions.

    Raises:
        Refused: the method refuses the concept, a phrase is too long, or an option has no meaning.
        Interrupted: the lease was lost, the job cancelled, the worker is stopping, or another job has to go first.
    """
    started = time.monotonic()
    request = _request(lease.claim.request)
    check_whole(resident.base, lease.claim.request)
    settled = settle(resident, lease, request)
    made = _together(resident, lease, settled) if "group" in lease.claim.request else _alone(resident, lease, settled)
    remade = remake(resident, lease, settled)
    stored = store_increment(resident.blobs, made, time.monotonic() - started)
    considered = settled.considered
    while True:
        publish = partial(
            jobs.publish_erasure,
            claim=lease.claim,
            made=stored,
            considered=considered,
            left_out=settled.left_out,
            remade=remade,
        )
        outcome = insist(resident.engine, publish)
        if outcome is None:  # another attempt runs or is to run, or the concept was restored; the bytes are nobody's
            raise LeaseLost
        if isinstance(outcome, jobs.Published):
            return
        newcomers = [Newcomer.of(each) for each in outcome.others]
        if any(outweighs(resident, settled.concept, made.increment, each) for each in newcomers):
            raise GaveWay
        considered |= {each.concept.name for each in newcomers}


def _alone(resident: Resident, lease: Lease, settled: Settled) -> Made:
    return drive(
        lease,
        erase(
            resident.base,
            _request(lease.claim.request),
            settled.known,
            settled.protected,
            settled.irrevocable,
            settled.serving,
            resident.shared,
        ),
    )


def _together(resident: Resident, lease: Lease, settled: Settled) -> Made:
    """The job's own member of a group that is optimised jointly, by this job or by the one before."""
    group = lease.claim.request["group"]
    requests = [_request(body) for body in group]

    def make() -> Members:
        return drive(
            lease,
            erase_together(
                resident.base,
                requests,
                settled.known,
                settled.protected,
                settled.irrevocable,
                settled.serving,
                resident.shared,
            ),
        )

    asked = {
        "group": group,
        "known": [asdict(each) for each in settled.known],
        "protected": [asdict(each) for each in settled.protected],
        "irrevocable": [increment.digest for increment in settled.irrevocable],
        "base_digest": resident.base.digest,
    }
    return resident.last_group.get(asked, make)[str(lease.claim.concept)]


def _request(body: Mapping[str, Any]) -> ErasureRequest:
    return ErasureRequest(
        name=body["name"],
        kind=body["kind"],
        prompts=tuple(body["prompts"]),
        protect=tuple(body["protect"]),
        override=body["override"],
        substitute=body.get("substitute"),
        settings=_settings(body),
    )


def _settings(body: Mapping[str, Any]) -> ErasureSettings:
    try:
        return ErasureSettings.from_options(body["options"])
    except ValueError as error:
        option = str(error).partition(" ")[0]  # its message begins with the option's name
        raise problems.Refused(problems.of_invalid_field(str(error), f"#/options/{option}")) from error
