"""What a stored increment says of itself: the request it was made by, and what it draws instead."""

from sepme_core.erasure.request import ErasureRequest, KnownConcept
from sepme_core.erasure.settings import ErasureSettings
from sepme_core.erasure.shared import Shared
from sepme_core.erasure.substitute import ABSENCE, Substitute, leans_on
from sepme_core.increment import Increment


def request_of(increment: Increment) -> ErasureRequest:
    """The request that an increment was made by."""
    said = increment.metadata
    settings = ErasureSettings.from_stored(said["settings"])
    return ErasureRequest(
        str(said["concept"]), str(said["kind"]), tuple(said["prompts"]), tuple(said["protect"]), settings=settings
    )


def substitute_of(increment: Increment) -> Substitute:
    """What an increment draws instead; files of earlier releases name nothing."""
    said = increment.certificate.get("substitute")
    if said is None:
        return ABSENCE
    return Substitute(said["phrase"], said["how"], said["correlation"], tuple(said["close_to"]))


def draws(shared: Shared, increment: Increment, concept: KnownConcept) -> bool:
    """Whether what an increment draws instead of its own concept would draw this one."""
    phrase = substitute_of(increment).phrase
    return phrase is not None and leans_on(shared, request_of(increment).kind, phrase, concept)
