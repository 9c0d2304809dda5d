"""Whether an increment that was made must be made again for what came while it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sepme_core.erasure import KnownConcept, are_close, draws
from sepme_core.increment import Increment
from worker.increments import readable_increments
from worker.optimising import as_known
from worker.resident import Resident


@dataclass(frozen=True)
class Newcomer:
    """A concept that serves or is being erased by now: ``digest`` names its increment, if it has one."""

    concept: KnownConcept
    digest: str | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Newcomer":
        """As the registry names it."""
        (concept,) = as_known([document])
        return cls(concept, document["digest"])


def outweighs(resident: Resident, concept: KnownConcept, made: Increment, newcomer: Newcomer) -> bool:
    """Whether what was made of a concept will not do beside a newcomer.

    It may be the same thing as what serves by now; it may be drawn instead by it, or it may draw it instead. A close
    one that is not decided yet is looked at when it is its turn.
    """
    if newcomer.concept.erased and draws(resident.shared, made, newcomer.concept):
        return True
    if newcomer.digest is None:
        return False
    if are_close(resident.shared, concept, newcomer.concept):
        return True
    named = [{"name": newcomer.concept.name, "digest": newcomer.digest}]
    return any(draws(resident.shared, theirs, concept) for theirs in readable_increments(resident.increments, named))
