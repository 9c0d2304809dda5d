"""Make the increment of one concept, and those again that would draw it or that came too close, and publish them."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import cast

from sepme_core.documents.requests import (
    ErasureDocument,
    ErasureRequestDocument,
    LeaningDocument,
    NamedIncrement,
    NewcomerDocument,
)
from sepme_core.erasure import (
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    MadeIncrement,
    are_close,
    draws,
    erase,
    erase_together,
    request_of,
)
from sepme_core.increments.increment import Increment
from sepme_core.registry import jobs
from worker import problems
from worker.deciding import Settled, settle
from worker.driving import as_known, drive
from worker.fitting import check_whole
from worker.lease import GaveWay, Lease, LeaseLost
from worker.process import Members, WorkerProcess, readable_increments, store_increment
from worker.signing import store_evidence
from worker.trouble import insist


@dataclass(frozen=True)
class Newcomer:
    """A concept that serves or is being erased by now: ``digest`` names its increment, if it has one."""

    concept: KnownConcept
    digest: str | None

    @classmethod
    def of(cls, document: NewcomerDocument) -> "Newcomer":
        """As the registry names it."""
        (concept,) = as_known([document])
        return cls(concept, document["digest"])


def outweighs(worker: WorkerProcess, concept: KnownConcept, made: Increment, newcomer: Newcomer) -> bool:
    """Whether what was made of a concept will not do beside a newcomer.

    It may be the same thing as what serves by now; it may be drawn instead by it, or it may draw it instead. A close
    one that is not decided yet is looked at when it is its turn.
    """
    if newcomer.concept.erased and draws(worker.cache, made, newcomer.concept):
        return True
    if newcomer.digest is None:
        return False
    if are_close(worker.cache, concept, newcomer.concept):
        return True
    named: list[NamedIncrement] = [{"name": newcomer.concept.name, "digest": newcomer.digest}]
    return any(draws(worker.cache, theirs, concept) for theirs in readable_increments(worker.increments, named))


def remake(worker: WorkerProcess, lease: Lease, settled: Settled) -> list[jobs.Remade]:
    """Make those again that draw the concept, or what is close to it, instead of their own."""
    return [
        remade
        for leaning in settled.leaning
        for increment in readable_increments(worker.increments, [leaning])
        if settled.concept.name in leaning["close_to"] or draws(worker.cache, increment, settled.concept)
        for remade in [_remade(worker, lease, settled, leaning, increment)]
    ]


def _remade(
    worker: WorkerProcess, lease: Lease, settled: Settled, leaning: LeaningDocument, increment: Increment
) -> jobs.Remade:
    started = time.monotonic()
    known = [each for each in (*settled.known, settled.concept) if each.name != increment.concept]
    again = erase(
        worker.base,
        _request_of(increment),
        known,
        settled.protected,
        cache=worker.cache,
        reason="substituted",
    )
    made = drive(lease, again)
    evidence = store_evidence(worker, made.pictures, lease.claim.job_id)
    stored = store_increment(worker.blobs, made, time.monotonic() - started, evidence)
    return jobs.Remade(leaning["name"], leaning["digest"], stored)


def _request_of(increment: Increment) -> ErasureRequest:
    """What was overridden when it was made is overridden again: whoever erases its substitute cannot ask for that."""
    overridden = increment.certificate.get("overridden") or increment.certificate["given_up"]
    return replace(request_of(increment), override=bool(overridden))


def run(worker: WorkerProcess, lease: Lease) -> None:
    """Do an erase job from the claim to the published versions.

    Raises:
        Refused: the method refuses the concept, a phrase is too long, an option has no meaning, or a picture cannot be
            signed.
        Interrupted: the lease was lost, the job cancelled, the worker is stopping, or another job has to go first.
    """
    started = time.monotonic()
    asked = cast("ErasureRequestDocument", lease.claim.request)
    request = _request(asked)
    check_whole(worker.base, asked)
    settled = settle(worker, lease, request)
    together = "group" in asked
    made = _together(worker, lease, asked["group"], settled) if together else _alone(worker, lease, request, settled)
    remade = remake(worker, lease, settled)
    evidence = store_evidence(worker, made.pictures, lease.claim.job_id)
    stored = store_increment(worker.blobs, made, time.monotonic() - started, evidence)
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
        outcome = insist(worker.engine, publish)
        if outcome is None:  # another attempt runs or is to run, or the concept was restored; the bytes are nobody's
            raise LeaseLost
        if isinstance(outcome, jobs.Published):
            return
        newcomers = [Newcomer.of(each) for each in outcome.others]
        if any(outweighs(worker, settled.concept, made.increment, each) for each in newcomers):
            raise GaveWay
        considered |= {each.concept.name for each in newcomers}


def _alone(worker: WorkerProcess, lease: Lease, request: ErasureRequest, settled: Settled) -> MadeIncrement:
    return drive(
        lease,
        erase(
            worker.base,
            request,
            settled.known,
            settled.protected,
            settled.irrevocable,
            settled.serving,
            worker.cache,
        ),
    )


def _together(worker: WorkerProcess, lease: Lease, group: Sequence[ErasureDocument], settled: Settled) -> MadeIncrement:
    """The job's own member of a group that is optimised jointly, by this job or by the one before."""
    requests = [_request(body) for body in group]

    def make() -> Members:
        return drive(
            lease,
            erase_together(
                worker.base,
                requests,
                settled.known,
                settled.protected,
                settled.irrevocable,
                settled.serving,
                worker.cache,
            ),
        )

    asked = {
        "group": group,
        "known": [asdict(each) for each in settled.known],
        "protected": [asdict(each) for each in settled.protected],
        "irrevocable": [increment.digest for increment in settled.irrevocable],
        "base_digest": worker.base.digest,
    }
    return worker.last_group.get(asked, make)[str(lease.claim.concept)]


def _request(body: ErasureDocument) -> ErasureRequest:
    return ErasureRequest(
        name=body["name"],
        kind=body["kind"],
        prompts=tuple(body["prompts"]),
        protect=tuple(body["protect"]),
        override=body["override"],
        substitute=body.get("substitute"),
        settings=_settings(body),
    )


def _settings(body: ErasureDocument) -> ErasureSettings:
    try:
        return ErasureSettings.from_options(body["options"])
    except ValueError as error:
        option = str(error).partition(" ")[0]  # its message begins with the option's name
        raise problems.Refused(problems.of_invalid_field(str(error), f"#/options/{option}")) from error
