"""Erasing concepts: constraints, null space, the closed-form start, G-CiRs, re-projection, and the certificate."""

from sepme_core.erasure.driving import run_to_end
from sepme_core.erasure.eraser import erase, erase_together
from sepme_core.erasure.made import Made
from sepme_core.erasure.preparing import prepare
from sepme_core.erasure.protection import measure_capacity
from sepme_core.erasure.reprojection import check_irrevocable, recertify, reproject
from sepme_core.erasure.request import ErasureRefused, ErasureRequest, KnownConcept, Progress
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared

__all__ = [
    "ErasureRefused",
    "ErasureRequest",
    "ErasureSettings",
    "KnownConcept",
    "Made",
    "Progress",
    "Shared",
    "check_irrevocable",
    "erase",
    "erase_together",
    "measure_capacity",
    "prepare",
    "recertify",
    "reproject",
    "run_to_end",
]
