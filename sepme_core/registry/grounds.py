"""On what grounds something is asked for: a case and a reason, which are kept and change nothing of what is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sepme_core.registry.tables import Job


@dataclass(frozen=True)
class Grounds:
    """What an operator may say of a request.

    Attributes:
        case: under which a notice is filed where it came in.
        reason: in words.
    """

    case: str | None = None
    reason: str | None = None

    def said(self) -> dict[str, str]:
        """Return what of it was said, as audit entries keep it."""
        stated = {"case": self.case, "reason": self.reason}
        return {name: value for name, value in stated.items() if value is not None}


UNSTATED = Grounds()


def of_request(request: Mapping[str, Any]) -> Grounds:
    """Return those that a request states."""
    return Grounds(request.get("case"), request.get("reason"))


def of_job(job: Job) -> Grounds:
    """Return those on which a job was asked for."""
    return Grounds(job.case, job.reason)
