"""Whether a model surely reads prompts to their ends, told where there is no tokenizer."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any


def surely_whole(model: Mapping[str, Any] | None, prompts: Iterable[str]) -> bool:
    """Tell whether prompts are so short that the model that is served reads all of each.

    A token of CLIP's stands for one byte at least of what it makes of a prompt: composed, in small letters, without its
    blanks (of which only the space bar's is left out here: Python takes for blanks what a tokenizer does not). Where
    more bytes than tokens fit a worker has to look; so it has before any has announced its model.
    """
    tokens = model.get("limits", {}).get("prompt_tokens") if model else None
    return tokens is not None and all(_bytes(prompt) <= tokens for prompt in prompts)


def _bytes(prompt: str) -> int:
    return len(unicodedata.normalize("NFC", prompt).lower().replace(" ", "").encode())
