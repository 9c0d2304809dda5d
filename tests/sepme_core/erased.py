"""Increments that do erase: made once for all tests that need one, by the closed form alone."""

from functools import cache

from sepme_core.erasure import ErasureCache, ErasureRequest, ErasureSettings, KnownConcept, erase, run_to_end
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel

KINDS = {"cat": "object", "sepia": "style"}
QUICK = ErasureSettings(max_steps=0)


@cache
def erased(base: DiffusionModel, concept: str) -> Increment:
    """The increment of one of `KINDS`, which leaves the others alone."""
    known = [KnownConcept(name, kind, (name,)) for name, kind in KINDS.items() if name != concept]
    request = ErasureRequest(concept, KINDS[concept], (concept,), settings=QUICK)
    return run_to_end(erase(base, request, known, cache=memory(base))).increment


@cache
def memory(base: DiffusionModel) -> ErasureCache:
    """What erasures on a base have in common."""
    return ErasureCache(base)
