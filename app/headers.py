"""Headers that clients ask by: `Prefer` (RFC 7240), `If-Match` and `Accept` (RFC 9110); and answers spelt already."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.responses import Response

from app.problems.problem import InvalidField, invalid
from app.services import ServicesDependency

_PREFERENCE = re.compile(r'\s*([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')
_SEPARATOR = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"\s*{_TAG}(?:\s*,\s*{_TAG})*\s*")


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


def parse_preference(values: list[str], limit: float) -> Preference:
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
    return parse_preference(request.headers.getlist("prefer"), services.settings.wait_limit_seconds)


PreferenceDependency = Annotated[Preference, Depends(get_preference)]


def parse_entity_tags(values: list[str]) -> str | None:
    """Check the `If-Match` headers of a request.

    Returns:
        Them as one value; None where there are none.

    Raises:
        Problem: `invalid-request` where they are no entity tags.
    """
    if not values:
        return None
    joined = ",".join(values)
    if joined.strip() != "*" and not _LIST.fullmatch(joined):
        detail = 'must be `*` or entity tags as in `"a1b2"`'
        raise invalid(InvalidField(location="header", name="If-Match", detail=detail))
    return joined


async def get_if_match(
    request: Request,
    if_match: Annotated[
        str | None, Header(alias="If-Match", description="The `ETag` of the concept as you know it, or `*`.")
    ] = None,
) -> str | None:
    """The request's `If-Match`, read.

    A concept's tag changes with what an operator changes and not with the progress of its job or with re-projection; so
    it guards changes and is no cache validator: `If-None-Match` is not answered with 304.
    """
    del if_match  # declared for the documentation; the request holds every occurrence of the header
    return parse_entity_tags(request.headers.getlist("if-match"))


IfMatch = Annotated[str | None, Depends(get_if_match)]


def negotiate(accept: str | None, available: Sequence[str]) -> str | None:
    """Choose a media type.

    Args:
        accept: The `Accept` header; None where there is none, which accepts everything.
        available: The media types there are, the preferred one first.

    Returns:
        The available type of the highest quality, the first of equals; None where the client accepts none of them.
    """
    if not accept or not accept.strip():
        return available[0]
    ranges = [_media_range(part) for part in accept.split(",") if part.strip()]
    rated = [(_quality(media_type, ranges), media_type) for media_type in available]
    best = max(quality for quality, _ in rated)
    return next(media_type for quality, media_type in rated if quality == best) if best > 0 else None


def _media_range(text: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(max(float(value), 0.0), 1.0)
            except ValueError:
                quality = 0.0
    return media_range, quality


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that holds the type."""
    family = media_type.partition("/")[0]
    for wanted in (media_type, f"{family}/*", "*/*"):
        qualities = [quality for media_range, quality in ranges if media_range == wanted]
        if qualities:
            return max(qualities)
    return 0.0


def json_response(text: str, headers: Mapping[str, str] | None = None) -> Response:
    """200 and this text."""
    return Response(text, headers=headers, media_type="application/json")
