"""Whether the model sees the whole of what a concept is said by: else something else would be erased or protected."""

from collections.abc import Iterator, Mapping
from typing import Any

from sepme_core.documents.requests import ErasureRequestDocument, ProtectRequest
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import cut_off
from worker import problems


def check_whole(base: DiffusionModel, body: ErasureRequestDocument | ProtectRequest) -> None:
    """Hold the phrases of a job's request, and of those made together with it, against the model's length.

    Raises:
        Refused: naming every phrase whose end the model would not see.
    """
    asked: Mapping[str, Any] = body
    fields = dict(_cut(base, asked, "#"))
    for place, member in enumerate(asked.get("group", ())):
        if member["name"] != asked["name"]:
            fields |= _cut(base, member, f"#/group/{place}")
    if fields:
        raise problems.Refused(problems.of_invalid_fields(fields))


def _cut(base: DiffusionModel, body: Mapping[str, Any], at: str) -> Iterator[tuple[str, str]]:
    """Pointers of phrases that are too long, each with what is wrong."""
    for field in ("prompts", "protect"):
        for place, phrase in enumerate(body.get(field) or ()):
            yield from _too_long(base, phrase, f"{at}/{field}/{place}")
    if body.get("substitute") is not None:
        yield from _too_long(base, body["substitute"], f"{at}/substitute")


def _too_long(base: DiffusionModel, phrase: str, pointer: str) -> Iterator[tuple[str, str]]:
    rest = cut_off(base, phrase)
    if rest:
        yield pointer, f"The model reads {base.tokens - 2} tokens, and would not see {rest!r}; say it in fewer words."
