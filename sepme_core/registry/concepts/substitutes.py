"""What is drawn instead of an erased concept may itself be erased: then stored increments do not hold as they are."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from sepme_core.registry import increments
from sepme_core.registry.known import known_concepts
from sepme_core.registry.tables import Increment


def is_leaned_on(session: Session, base_digest: str, request: Mapping[str, Any]) -> bool:
    """Tell whether another stored increment for this base draws what a request erases, instead of its own concept."""
    said = {prompt.strip().casefold() for prompt in request["prompts"]}
    others = increments.standing(session, base_digest, {request["name"]})
    return any(_draws(increment, request["name"], said) for _, increment in others)


def draws_what_is_erased(session: Session, stored: Increment) -> bool:
    """Tell whether a stored increment draws, instead of its concept, what is erased by now or is being erased."""
    drawn = set(increments.leans_on(stored)) - {stored.concept}
    return bool(drawn) and any(known["erased"] and known["name"] in drawn for known in known_concepts(session))


def _draws(increment: Increment, name: str, said: set[str]) -> bool:
    phrase = increments.substitute(increment.certificate)
    return name in increments.leans_on(increment) or (phrase is not None and phrase.strip().casefold() in said)
