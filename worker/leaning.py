"""Increments whose substitute is erased now are made again, before that erasure is said to be done."""

import time
from dataclasses import replace
from typing import Any

from sepme_core.erasure import ErasureRequest, draws, erase, request_of
from sepme_core.increment import Increment
from sepme_core.registry import jobs
from worker.deciding import Settled
from worker.increments import readable_increments
from worker.lease import Lease
from worker.optimising import drive
from worker.resident import Resident
from worker.storing import store_increment


def remake(resident: Resident, lease: Lease, settled: Settled) -> list[jobs.Remade]:
    """Make those again that draw the concept, or what is close to it, instead of their own."""
    return [
        remade
        for leaning in settled.leaning
        for increment in readable_increments(resident.increments, [leaning])
        if settled.concept.name in leaning["close_to"] or draws(resident.shared, increment, settled.concept)
        for remade in [_remade(resident, lease, settled, leaning, increment)]
    ]


def _remade(
    resident: Resident, lease: Lease, settled: Settled, leaning: dict[str, Any], increment: Increment
) -> jobs.Remade:
    started = time.monotonic()
    known = [each for each in (*settled.known, settled.concept) if each.name != increment.concept]
    again = erase(
        resident.base,
        _request_of(increment),
        known,
        settled.protected,
        shared=resident.shared,
        reason="substituted",
    )
    made = drive(lease, again)
    return jobs.Remade(
        leaning["name"], leaning["digest"], store_increment(resident.blobs, made, time.monotonic() - started)
    )


def _request_of(increment: Increment) -> ErasureRequest:
    """What was overridden when it was made is overridden again: whoever erases its substitute cannot ask for that."""
    overridden = increment.certificate.get("overridden") or increment.certificate["given_up"]
    return replace(request_of(increment), override=bool(overridden))
