"""Increments that do erase: made once for all tests that need one, by the closed form alone."""

from functools import cache

from sepme_core.base import Base
from sepme_core.erasure import ErasureRequest, ErasureSettings, KnownConcept, Shared, erase, run_to_end
from sepme_core.increment import Increment

KINDS = {"cat": "object", "sepia": "style"}
QUICK = ErasureSettings(max_steps=0)


@cache
def erased(base: Base, concept: str) -> Increment:
    """The increment of one of `KINDS`, which leaves the others alone."""
    known = [KnownConcept(name, kind, (name,)) for name, kind in KINDS.items() if name != concept]
    request = ErasureRequest(concept, KINDS[concept], (concept,), settings=QUICK)
    return run_to_end(erase(base, request, known, shared=memory(base))).increment


@cache
def memory(base: Base) -> Shared:
    """What erasures on a base have in common."""
    return Shared(base)
