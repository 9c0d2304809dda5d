"""What a newcomer sees: where the service is, what it serves, and the lines to try."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sepme import __version__

FALLBACK_STYLE, FALLBACK_OBJECT = "Van Gogh", "cat"
FALLBACK_PROMPT = "a {object} in the style of {style}"


@dataclass(frozen=True)
class Example:
    """What the lines to try speak of."""

    style: str
    prompt: str
    keyed: bool = False
    """Whether only who has a key is answered."""

    @property
    def name(self) -> str:
        """The style as a name in the API: letters, digits and hyphens."""
        return "-".join("".join(letter if letter.isalnum() else " " for letter in self.style.lower()).split())


def heading(address: str, model: str, home: str) -> list[str]:
    """The first lines, before anything is started."""
    return [
        f"sepme {__version__}",
        "",
        f"  address  {address}",
        f"  model    {model}",
        f"  state    {home}  (database, increments, pictures, logs)",
        "",
    ]


def example(description: Mapping[str, Any]) -> Example:
    """The example for a served model: the first style and object that its card suggests, else a well-known one.

    Args:
        description: what `GET /model` answers.
    """
    suggestions = description.get("suggestions") or {}
    style = next(iter(suggestions.get("styles") or []), FALLBACK_STYLE)
    thing = next(iter(suggestions.get("objects") or []), FALLBACK_OBJECT)
    prompt = (suggestions.get("prompt") or FALLBACK_PROMPT).format(style=style, object=thing)
    return Example(str(style), prompt)


def lines_to_try(address: str, chosen: Example) -> list[str]:
    """The lines shown once the service is ready: erase, draw without and with, restore."""
    erase = {"kind": "style", "prompts": [chosen.style]}
    draw = {"prompt": chosen.prompt, "seed": 7}
    key = ' -H "Authorization: Bearer $SEPME_KEY"' if chosen.keyed else ""
    return [
        *(["  # only who has a key is answered (sepme keys): SEPME_KEY=sepme_…", ""] if chosen.keyed else []),
        "  # erase a style",
        *_post(f"{address}/concepts/{chosen.name}/erase", 120, erase, key),
        "",
        "  # draw without it, and as if it had never been erased",
        *_post(f"{address}/generate", 60, draw, key),
        *_post(f"{address}/generate", 60, {**draw, "erased": []}, key),
        "",
        "  # give it back",
        f"  curl -sX DELETE {address}/concepts/{chosen.name}{key}",
        "",
        f"The answers name each picture's address: open {address}/images/… in a browser.",
        f"Everything else: {address}/docs",
    ]


def _post(url: str, wait: int, body: Mapping[str, Any], key: str) -> list[str]:
    return [
        f"  curl -s {url} -H 'Prefer: wait={wait}' -H 'Content-Type: application/json'{key} \\",
        f"       -d {_quoted(json.dumps(body))}",
    ]


def _quoted(text: str) -> str:
    """The text as one word of a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"
