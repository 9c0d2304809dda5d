"""The `Prefer` header (RFC 7240): `wait` and `respond-async`; what is not known is ignored, as the RFC asks."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request

from app.problems.problem import InvalidField, invalid
from app.services import ServicesDependency

_PREFERENCE = re.compile(r'\s*([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')
_SEPARATOR = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')


@dataclass(frozen=True)
class Preference:
    """How long the client is willing to wait.

    Attributes:
        wait: Seconds to hold the line, at most the service's limit; None where the client did not ask.
        asynchronous: The client asked for `respond-async`.
    """

    wait: int | None = None
    asynchronous: bool = False

    @property
    def applied(self) -> dict[str, str]:
        """The response header that says which preferences were honoured (RFC 7240, section 3)."""
        honoured = []
        if self.wait is not None:
            honoured.append(f"wait={self.wait}")
        if self.asynchronous:
            honoured.append("respond-async")
        return {"Preference-Applied": ", ".join(honoured)} if honoured else {}


def parse(values: list[str], limit: float) -> Preference:
    """Read all `Prefer` headers of a request; the first mention of a preference counts (RFC 7240, section 2).

    Args:
        values: The header's values, one an occurrence.
        limit: The longest wait that is granted, in seconds; more is cut down to it.

    Raises:
        Problem: `invalid-request` where `wait` is not a whole number of seconds.
    """
    named: dict[str, str] = {}
    for part in _SEPARATOR.split(",".join(values)):
        if match := _PREFERENCE.match(part):
            named.setdefault(match[1].lower(), (match[2] or "").strip('"'))
    asynchronous = "respond-async" in named
    if "wait" not in named:
        return Preference(None, asynchronous)
    if not re.fullmatch(r"[0-9]{1,9}", named["wait"]):
        detail = f"`wait` must be a whole number of seconds, as in `Prefer: wait=60`, not {named['wait']!r}"
        raise invalid(InvalidField(location="header", name="Prefer", detail=detail))
    return Preference(min(int(named["wait"]), int(limit)), asynchronous)


async def get_preference(
    request: Request,
    services: ServicesDependency,
    prefer: Annotated[
        str | None,
        Header(
            alias="Prefer",
            description="`wait=N`: hold the line until the job has finished, at most N seconds (RFC 7240). Pictures"
            " whose client hangs up before they are begun are not drawn, unless they have an `Idempotency-Key`.",
            examples=["wait=120"],
        ),
    ] = None,
) -> Preference:
    """The request's `Prefer` headers, read."""
    del prefer  # declared for the documentation; the request holds every occurrence of the header
    return parse(request.headers.getlist("prefer"), services.settings.wait_limit_seconds)


PreferenceDependency = Annotated[Preference, Depends(get_preference)]
