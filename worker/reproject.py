"""Bring a stored increment to what has become known since, and publish it in the old version's place."""

import time
from typing import cast

from sepme_core.documents.requests import NamedIncrement, Pinned
from sepme_core.erasure import reproject
from sepme_core.increments.increment import Increment
from sepme_core.registry import concepts, increments, jobs
from sepme_core.registry.database import reading
from sepme_core.registry.errors import UnknownConcept
from worker.driving import as_known, drive
from worker.lease import Lease, LeaseLost
from worker.process import WorkerProcess, readable_increments, store_increment, usable_increment
from worker.signing import store_evidence
from worker.trouble import insist


def run(worker: WorkerProcess, lease: Lease) -> None:
    """Do a reproject job from the claim to the published version; the old version serves until then.

    Raises:
        Refused: the trained version cannot be read, or its effect cannot be kept beside all that is known.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    started = time.monotonic()
    claim, pinned = lease.claim, cast("Pinned", lease.claim.pinned)
    trained = usable_increment(worker.increments, str(claim.concept), pinned["trained"]["digest"])
    known, protected = as_known(pinned["known"]), as_known(pinned["protected"])
    (serving,) = _serving(worker, str(claim.concept)) or (trained,)
    made = drive(lease, reproject(worker.base, trained, known, protected, worker.cache, serving))
    evidence = store_evidence(worker, made.pictures, claim.job_id)
    stored = store_increment(worker.blobs, made, time.monotonic() - started, evidence)
    published = insist(worker.engine, lambda session: jobs.publish_reprojection(session, claim, stored))
    if not published:
        raise LeaseLost


def _serving(worker: WorkerProcess, name: str) -> list[Increment]:
    """The version that stands for the concept, if it can be read."""
    with reading(worker.engine) as session:
        try:
            version = increments.current(session, concepts.get(session, name))
        except UnknownConcept:  # purged meanwhile: publishing will see
            return []
    named: list[NamedIncrement] = [] if version is None else [{"name": name, "digest": version.digest}]
    return readable_increments(worker.increments, named)
