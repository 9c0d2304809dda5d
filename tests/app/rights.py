"""What a key may have, from the words of docs/security.md alone: nothing here asks the code that decides it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

ERASED, RESTORED, FOR_GOOD = ("cat", "sepia"), ("dog", "rocket"), ("weapon",)
STORED = (*ERASED, *RESTORED, *FOR_GOOD)
FURTHER = {"kitten": "cat", "gun": "weapon"}
PURGED, REFUSED = "gone", "fog"
"""Erased once, and asked to be; neither has an increment."""
ACTIVE = frozenset({*ERASED, *FOR_GOOD})
Names = str | Sequence[str]
"""A floor or a mask, as somebody writes it."""


@dataclass(frozen=True)
class Key:
    """A key as it was made, and its text."""

    name: str
    scopes: frozenset[str]
    floor: Names
    text: str = field(repr=False)

    def has(self, scope: str) -> bool:
        return bool({scope, "admin"} & self.scopes)


def stand_for(names: Sequence[str]) -> frozenset[str]:
    """The concepts that names mean; of what is no concept, the name."""
    return frozenset(FURTHER.get(name, name) for name in names)


def mask_of(erased: Names) -> frozenset[str]:
    """What a picture lacks that is asked for with this: what is erased for good is in every mask."""
    return ACTIVE if isinstance(erased, str) else stand_for(erased) | set(FOR_GOOD)


def floor_of(key: Key) -> frozenset[str]:
    """What the key's pictures can never lack."""
    if isinstance(key.floor, str):
        return ACTIVE if key.floor == "active" else frozenset()
    return stand_for(key.floor)


def may_draw(key: Key, erased: Names) -> bool:
    """Under a mask of concepts that are there, not below its floor; of its own choice with `mask:choose` alone."""
    mask, floor = mask_of(erased), floor_of(key)
    may_choose = key.has("mask:choose") or mask in (ACTIVE, floor | set(FOR_GOOD))
    return key.has("generate") and mask <= set(STORED) and floor <= mask and may_choose


def may_see_job(key: Key, owner: str) -> bool:
    """Its own, and with `jobs:read` everybody's; the same of the pictures that somebody asked for."""
    return key.name == owner or key.has("jobs:read")


def may_cancel(key: Key, owner: str) -> bool:
    return key.name == owner or "admin" in key.scopes


def may_see_evidence(key: Key, concept: str) -> bool:
    """What decided an erasure shows what is erased, whatever the floor; of what is for good `admin` alone sees it."""
    return key.has("evidence:read") and ("admin" in key.scopes or concept not in FOR_GOOD)


def may_have_file(key: Key, concept: str) -> bool:
    return key.has("files:read") and ("admin" in key.scopes or concept not in FOR_GOOD)


def may_have_bundle_of_picture(key: Key, owner: str) -> bool:
    """It holds certificates and part of the audit, beside a picture that the key may see."""
    return key.has("evidence:read") and may_see_job(key, owner)
