"""A check: what was looked at, whether it holds, and what to do where it does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sepme.commands.endings import DONE, FINDING, SERVICE, USAGE

SAID = {DONE: "ok", FINDING: "FAILED", USAGE: "UNTOLD", SERVICE: "UNTOLD"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        concept: Which concept it is of; None for the whole.
        name: What was looked at.
        status: 0: it holds. 1: it does not. 2, 3: it cannot be told, since it cannot be asked so, or since the service
            fails; that is never as good as 0.
        detail: What was found, or why nothing was.
        remedy: What helps.
        numbers: The figures behind `detail`.
        pictures: Files that show it.
    """

    concept: str | None
    name: str
    status: int
    detail: str
    remedy: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    pictures: Sequence[str] = ()

    @property
    def about(self) -> str:
        """What it is of, in a word."""
        return self.concept or "registry"

    @property
    def holds(self) -> bool | None:
        """Whether it holds; None where that cannot be told."""
        return None if self.status in (USAGE, SERVICE) else self.status == DONE


def ended(checks: Sequence[Check]) -> int:
    """The exit status: one finding is 1, whatever else cannot be told; without one, nothing untold is a pass."""
    statuses = {check.status for check in checks}
    if FINDING in statuses:
        return FINDING
    return max(statuses, default=USAGE)


def lines(check: Check) -> list[str]:
    """As it is printed."""
    said = f"{SAID[check.status]:<7} {check.about}: {check.name}: {check.detail}"
    return [said, f"{'':<7} {check.remedy}"] if check.status and check.remedy else [said]


def verdict(checks: Sequence[Check]) -> str:
    """What all of them come to, in a sentence."""
    failed, untold = (sum(check.holds is holds for check in checks) for holds in (False, None))
    if failed:
        return f"{failed} of {len(checks)} checks do not hold" + (f", {untold} cannot be told." if untold else ".")
    return f"{untold} of {len(checks)} checks cannot be told." if untold else f"{len(checks)} checks, all hold."


def document(checks: Sequence[Check], **members: Any) -> dict[str, Any]:
    """The one document of `--json`, the members of the registry's own and `status` with them."""
    holds = {DONE: True, FINDING: False}.get(ended(checks))
    return {**members, "holds": holds, "checks": [_listed(check) for check in checks]}


def of_document(read: Mapping[str, Any]) -> list[Check]:
    """The checks of the document that `python -m worker.verify --document` writes."""
    return [
        Check(
            each["concept"],
            each["name"],
            DONE if each["holds"] else FINDING,
            each["detail"],
            each["remedy"],
            each["numbers"],
        )
        for each in read["checks"]
    ]


def _listed(check: Check) -> dict[str, Any]:
    return {
        "concept": check.concept,
        "name": check.name,
        "holds": check.holds,
        "status": check.status,
        "detail": check.detail,
        "remedy": check.remedy if check.status else None,
        "numbers": dict(check.numbers),
        "pictures": list(check.pictures),
    }
