"""`If-Match` (RFC 9110, section 13.1.1): change a concept only as the client knows it.

A concept's tag changes with what an operator changes and not with the progress of its job or with re-projection; so it
guards changes and is no cache validator: `If-None-Match` is not answered with 304.
"""

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from app.problems.problem import InvalidField, invalid

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST = re.compile(rf"\s*{_TAG}(?:\s*,\s*{_TAG})*\s*")


def parse(values: list[str]) -> str | None:
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
    """The request's `If-Match`, read."""
    del if_match  # declared for the documentation; the request holds every occurrence of the header
    return parse(request.headers.getlist("if-match"))


IfMatch = Annotated[str | None, Depends(get_if_match)]
