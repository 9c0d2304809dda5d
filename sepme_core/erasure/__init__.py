"""Erasing one concept: constraints, null space, the closed-form start, G-CiRs, and the certificate."""

from sepme_core.erasure.eraser import erase, measure_capacity, run_to_end
from sepme_core.erasure.request import ErasureRefused, ErasureRequest, KnownConcept, Progress
from sepme_core.erasure.settings import ErasureSettings

__all__ = [
    "ErasureRefused",
    "ErasureRequest",
    "ErasureSettings",
    "KnownConcept",
    "Progress",
    "erase",
    "measure_capacity",
    "run_to_end",
]
