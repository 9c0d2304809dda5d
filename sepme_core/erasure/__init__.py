"""Erasing concepts: constraints, null space, the closed-form start, G-CiRs, looking, re-projection, the certificate."""

from sepme_core.erasure.driving import run_to_end
from sepme_core.erasure.eraser import erase, erase_together
from sepme_core.erasure.made import Made
from sepme_core.erasure.overlap import are_close
from sepme_core.erasure.preparing import prepare
from sepme_core.erasure.protection import measure_capacity
from sepme_core.erasure.reprojection import check_irrevocable, look_under, recertify, reproject
from sepme_core.erasure.request import (
    ErasureRefused,
    ErasureRequest,
    KnownConcept,
    Progress,
    irrevocable_weakened,
    same_words,
)
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared
from sepme_core.erasure.stored import draws, request_of

__all__ = [
    "ErasureRefused",
    "ErasureRequest",
    "ErasureSettings",
    "KnownConcept",
    "Made",
    "Progress",
    "Shared",
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
