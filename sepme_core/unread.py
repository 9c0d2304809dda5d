"""What a model does not read of a text, or not as it may be meant: it is said, since nothing in a picture shows it."""

import re

from sepme_core.base import Base

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
WEIGHTING = re.compile(
    rf"\((?:[^()]|\([^()]*\))*:\s*{_NUMBER}\s*\)"  # (cat:1.3)
    r"|\({2,}+[^()]+\){2,}"  # ((cat))
    r"|\[[^\[\]]*\w[^\[\]]*\]"  # [cat]
    r"|<[a-z]+:[^<>/\s][^<>]*>"  # <lora:name:0.8>
)
"""What other programs take out of a prompt before they draw: weights, and tags of files to draw with."""


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
    weighting = WEIGHTING.findall(text)
    if weighting:
        said.append(f"{field}: weighting has no meaning here, and is read as plain text: {', '.join(weighting)}")
    return said
