"""Prompts as the U-Net sees them: token embeddings, rows matched to those of another sentence, and what is not read."""

import re
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from sepme_core.models.model import DiffusionModel


def token_ids(base: DiffusionModel, prompts: Sequence[str]) -> Tensor:
    """Token ids (prompts, tokens), padded and cut as the pipeline does."""
    encoded = base.tokenizer(
        list(prompts), padding="max_length", max_length=base.tokens, truncation=True, return_tensors="pt"
    )
    ids: Tensor = encoded.input_ids
    return ids


@torch.no_grad()
def embed(base: DiffusionModel, prompts: Sequence[str], batch: int = 64) -> Tensor:
    """e(c): token embeddings (prompts, tokens, d_in) in the text encoder's precision, on its device."""
    ids = token_ids(base, prompts).to(base.device)
    return torch.cat([base.text_encoder(part).last_hidden_state for part in ids.split(batch)])


def count_tokens(base: DiffusionModel, phrase: str) -> int:
    """How many tokens a phrase takes, without start and end."""
    return len(base.tokenizer(phrase, add_special_tokens=False).input_ids)


@lru_cache(4096)
def matched_rows(tokens: int, start: int, length: int, other_length: int) -> Tensor:
    """For each token row of a sentence, the row of the sentence where one phrase stands in place of another.

    The phrase covers ``length`` tokens from row ``start``; in the other sentence ``other_length``. Rows before match
    themselves, rows inside are spread over the other phrase so that the last meets the last (a causal encoder has
    gathered the whole phrase there), rows after are shifted and cut at the end. Returns row numbers (tokens,), to be
    read only: they are remembered.
    """
    rows = torch.arange(tokens)
    inside = (rows >= start) & (rows < start + length)
    from_end = (start + length - 1 - rows) * other_length // max(length, 1)
    matched = torch.where(inside, start + other_length - 1 - from_end, rows)
    return torch.where(rows >= start + length, rows + other_length - length, matched).clamp(0, tokens - 1)


_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
WEIGHTING = re.compile(
    rf"\((?:[^()]|\([^()]*\))*:\s*{_NUMBER}\s*\)"  # (cat:1.3)
    r"|\({2,}+[^()]+\){2,}"  # ((cat))
    r"|\[[^\[\]]*\w[^\[\]]*\]"  # [cat]
    r"|<[a-z]+:[^<>/\s][^<>]*>"  # <lora:name:0.8>
)
"""What other programs take out of a prompt before they draw: weights, and tags of files to draw with."""


def cut_off(base: DiffusionModel, text: str) -> str:
    """What of a text lies beyond the text encoder's positions; empty where all of it is seen."""
    read = base.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    beyond = read.offset_mapping[base.tokens - 2 :]  # start and end take one each
    return text[beyond[0][0] :] if beyond else ""


def warnings_of(base: DiffusionModel, prompt: str, negative_prompt: str = "") -> list[str]:
    """What a picture of these prompts was drawn without, in sentences."""
    return [*_warnings(base, "prompt", prompt), *_warnings(base, "negative_prompt", negative_prompt)]


def _warnings(base: DiffusionModel, field: str, text: str) -> list[str]:
    said = []
    rest = cut_off(base, text)
    if rest:
        said.append(f"{field}: the model reads {base.tokens - 2} tokens, and was not shown the end: {rest!r}")
    weighting = WEIGHTING.findall(text)
    if weighting:
        said.append(f"{field}: weighting has no meaning here, and is read as plain text: {', '.join(weighting)}")
    return said
