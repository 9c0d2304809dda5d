"""What the audit's entries of one concept tell: since when it is what it is, what made it so, and on what grounds."""

from collections.abc import Sequence

from sepme_core.documents.answers import AuditDocument
from sepme_core.provenance.statement import Grounds

MAKING = ("erase", "reproject", "substitute")
"""By these entries a version came to be."""
NOTED = "case-noted"
"""Further grounds for what is so already; `of` in its details says what was asked for once more."""
OF_A_CONCEPT = (
    *MAKING,
    "reactivate",
    "restore",
    "purge",
    "make-irrevocable",
    "further-name",
    "withdraw-further-name",
    NOTED,
)
"""The actions whose entries name a concept; others name protected prompts, or nothing."""
ASKED = {
    "erased": ("erase", ("erase", "reactivate", "make-irrevocable", "further-name")),
    "restored": ("restore", ("restore",)),
}
"""What was asked for where it is so, and the actions by which that is said; the others follow by themselves."""


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
    turns = _turns(entries)
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


def life(entries: Sequence[AuditDocument], version: int, digest: str, moment: str) -> list[AuditDocument]:
    """Return the entries of a concept from its first erasure to its purge within which an increment was made.

    A name that was purged may be erased again: that is another life of it, which counts its versions anew and may come
    to the same increment.

    Args:
        entries: those of the concept, oldest first.
        version: the increment's.
        digest: the increment's.
        moment: when it was in use, as the audit spells it: of several lives the last that made it by then.

    Raises:
        Untold: no entry says that it was made.
    """
    lives: list[list[AuditDocument]] = [[]]
    for entry in entries:
        lives[-1].append(entry)
        if entry["action"] == "purge":
            lives.append([])
    making = {entry["at"]: within for within in lives for entry in within if _makes(entry, version, digest)}
    if not making:
        raise Untold(f"no entry says how version {version} came to be with the increment {digest}")
    by_then = [at for at in making if at <= moment]
    return making[max(by_then)] if by_then else making[min(making)]


def _makes(entry: AuditDocument, version: int, digest: str) -> bool:
    made_here = entry["action"] in MAKING and entry["details"].get("version") == version
    return made_here and (entry["to_digest"] or entry["details"].get("digest")) == digest


def grounds_by(entries: Sequence[AuditDocument], moment: str, sequence: int) -> list[Grounds]:
    """Return the cases and reasons for which a concept was erased at a moment; none where it was not.

    Args:
        entries: of one of its lives.
        moment: as the audit spells it.
        sequence: of an entry that came before it, whatever the clocks say.
    """
    until = [entry for entry in entries if entry["at"] <= moment or entry["sequence"] <= sequence]
    turns = _turns(until)
    return grounds(until, "erased") if turns and turns[-1]["to_digest"] is not None else []


def grounds(entries: Sequence[AuditDocument], state: str) -> list[Grounds]:
    """Return the cases and reasons that were named for what is so now, oldest first.

    They may have been noted while the work was under way, before it was so; not before it was otherwise.

    Args:
        entries: those of the concept, oldest first.
        state: erased or restored, as `since` found it.
    """
    turns = _turns(entries)
    before = turns[-2]["sequence"] if len(turns) > 1 else 0
    of, actions = ASKED[state]
    found: list[Grounds] = []
    for entry in entries:
        details = entry["details"]
        asking = entry["action"] in actions or (entry["action"] == NOTED and details.get("of") == of)
        if asking and entry["sequence"] > before and (details.get("case") or details.get("reason")):
            found.append(_stated(entry))
    return found


def is_of_a_concept(entry: AuditDocument) -> bool:
    """Tell whether the name in an entry is that of a concept, and not of protected prompts."""
    if entry["action"] == NOTED:
        return entry["details"].get("of") in [of for of, _ in ASKED.values()]
    return entry["action"] in OF_A_CONCEPT


def _turns(entries: Sequence[AuditDocument]) -> list[AuditDocument]:
    """The entries by which it began to serve, or ceased to."""
    return [each for each in entries if (each["from_digest"] is None) != (each["to_digest"] is None)]


def _stated(entry: AuditDocument) -> Grounds:
    stated: Grounds = {"sequence": entry["sequence"]}
    if entry["details"].get("case"):
        stated["case"] = entry["details"]["case"]
    if entry["details"].get("reason"):
        stated["reason"] = entry["details"]["reason"]
    return stated
