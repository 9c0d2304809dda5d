"""Lost and damaged increments, asked for again.

By jobs and not by this process: a worker makes them under a lease, looks at what it has made and publishes it as every
other version, with a line in the audit; and of two that ask at once, one job comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sepme_core.registry import audit_heads, concepts, increments
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine, reading, writing
from sepme_core.settings import Settings
from worker.verify.stored import StoredConcept

HOLDER = "sepme verify"


@dataclass(frozen=True)
class Repair:
    """A job that makes the increment of a concept again; `digests` are of the bytes that are gone or damaged."""

    concept: str
    digests: list[str]
    job: str


def repair(settings: Settings, stored: Sequence[StoredConcept]) -> list[Repair]:
    """Ask for a job for each concept whose current version, or the one that it was made from, is not there whole.

    Any service on this registry does them; until one has, the checks go on to fail.
    """
    engine, blobs = make_engine(settings.database_url), open_blobs(settings.blob_url)
    audit_heads.keep(engine, settings.audit_heads)
    try:
        with reading(engine) as session:
            looked_at = {each.name: increments.lacking(session, blobs, each.current) for each in stored}
        lacking = {name: digests for name, digests in looked_at.items() if digests}
        if not lacking:
            return []
        with writing(engine) as session:
            accepted = concepts.accept_repairs(session, lacking, HOLDER)
        return [Repair(one.concept.name, lacking[one.concept.name], one.job.id) for one in accepted]
    finally:
        engine.dispose()
