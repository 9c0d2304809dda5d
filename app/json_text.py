"""Answers whose JSON is spelt already."""

from collections.abc import Mapping

from fastapi.responses import Response


def json_response(text: str, headers: Mapping[str, str] | None = None) -> Response:
    """200 and this text."""
    return Response(text, headers=headers, media_type="application/json")
