"""Content negotiation (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence


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
