"""What the audit's entries of one concept tell: since when it is what it is, what made it so, and for which case."""

from collections.abc import Mapping, Sequence
from typing import Any

from sepme_core.documents.answers import AuditDocument

MAKING = ("erase", "reproject", "substitute")
"""By these entries a version came to be."""
OF_A_CONCEPT = (
    *MAKING,
    "reactivate",
    "restore",
    "purge",
    "make-irrevocable",
    "further-name",
    "withdraw-further-name",
)
"""The actions whose entries name a concept; others name protected prompts, or nothing."""
OF_AN_OPERATOR = ("erase", "reactivate", "restore", "make-irrevocable")
"""What was asked for, for whatever case; the others follow from it by themselves."""


class Untold(Exception):
    """The audit does not tell it; the message says what it lacks."""


def since(entries: Sequence[AuditDocument], state: str) -> AuditDocument:
    """Return the last entry by which a concept began to serve, or ceased to; it must come to `state`.

    Args:
        entries: those of the concept, oldest first.
        state: erased or restored.

    Raises:
        Untold: where it does not.
    """
    turns = [each for each in entries if (each["from_digest"] is None) != (each["to_digest"] is None)]
    if not turns:
        raise Untold(f"no entry says that it was ever {state}")
    last = turns[-1]
    found = "erased" if last["to_digest"] is not None else "purged" if last["action"] == "purge" else "restored"
    if found != state:
        raise Untold(f"by entry {last['sequence']} it is {found}, and not {state}")
    return last


def made(entries: Sequence[AuditDocument], version: int, digest: str) -> AuditDocument:
    """Return the entry by which a version came to be, whether it served at once or was restored.

    Raises:
        Untold: where none did, or with another increment.
    """
    making = [each for each in entries if each["action"] in MAKING and each["details"].get("version") == version]
    if not making:
        raise Untold(f"no entry says how version {version} came to be")
    last = making[-1]  # an earlier one is of a concept of this name that was purged
    found = last["to_digest"] or last["details"].get("digest")
    if found != digest:
        raise Untold(f"by entry {last['sequence']} version {version} is {found}, and not {digest}")
    return last


def case(entries: Sequence[AuditDocument], since: AuditDocument, certificate: Mapping[str, Any]) -> dict[str, str]:
    """Return the case and the reason for which it is so, what is said of them: the latest entry that names one counts.

    Args:
        entries: those of the concept, oldest first.
        since: what the function of this name found.
        certificate: of the version that stands; it knows its case even where the entry since then names none.
    """
    asked = [each for each in entries if each["sequence"] >= since["sequence"] and each["action"] in OF_AN_OPERATOR]
    for entry in reversed(asked):
        named = {name: entry["details"][name] for name in ("case", "reason") if entry["details"].get(name)}
        if named:
            return named
    return {"case": str(certificate["case"])} if certificate.get("case") else {}
