"""What a model does not read of a text, or not as it may be meant: it is said, since nothing in a picture shows it."""

import re

from sepme_core.base import Base

WEIGHT = re.compile(r"\([^()]*:\s*[0-9]*\.?[0-9]+\s*\)")
"""Such as ``(cat:1.3)``, which other programs take out of the prompt before they draw."""


def cut_off(base: Base, text: str) -> str:
    """What of a text lies beyond the text encoder's positions; empty where all of it is seen."""
    read = base.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    beyond = read.offset_mapping[base.tokens - 2 :]  # start and end take one each
    return text[beyond[0][0] :] if beyond else ""


def warnings_of(base: Base, prompt: str, negative_prompt: str = "") -> list[str]:
    """What a picture of these prompts was drawn without, in sentences."""
    return [*_warnings(base, "prompt", prompt), *_warnings(base, "negative_prompt", negative_prompt)]


def _warnings(base: Base, field: str, text: str) -> list[str]:
    said = []
    rest = cut_off(base, text)
    if rest:
        said.append(f"{field}: the model reads {base.tokens - 2} tokens, and was not shown the end: {rest!r}")
    weights = WEIGHT.findall(text)
    if weights:
        said.append(f"{field}: weights have no meaning here, and are read as letters: {', '.join(weights)}")
    return said
