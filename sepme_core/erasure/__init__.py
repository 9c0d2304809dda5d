"""Erasing concepts: constraints, null space, the closed-form start, G-CiRs, looking, re-projection, the certificate."""

from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.eraser import erase, erase_together
from sepme_core.erasure.preparing import prepare
from sepme_core.erasure.refusals import ErasureRefused, irrevocable_weakened, same_words
from sepme_core.erasure.reprojection import check_irrevocable, look_under, recertify, reproject
from sepme_core.erasure.request import ErasureRequest, KnownConcept, MadeIncrement, Progress, request_of, run_to_end
from sepme_core.erasure.room import are_close, measure_capacity
from sepme_core.erasure.substitute import draws
from sepme_core.options import ErasureSettings

__all__ = [
    "ErasureCache",
    "ErasureRefused",
    "ErasureRequest",
    "ErasureSettings",
    "KnownConcept",
    "MadeIncrement",
    "Progress",
    "are_close",
    "check_irrevocable",
    "draws",
    "erase",
    "erase_together",
    "irrevocable_weakened",
    "look_under",
    "measure_capacity",
    "prepare",
    "recertify",
    "reproject",
    "request_of",
    "run_to_end",
    "same_words",
]
