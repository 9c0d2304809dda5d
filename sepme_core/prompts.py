"""Prompts as the U-Net sees them: token embeddings, and the rows of one sentence matched to those of another."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from sepme_core.base import Base


def token_ids(base: Base, prompts: Sequence[str]) -> Tensor:
    """Token ids (prompts, tokens), padded and cut as the pipeline does."""
    encoded = base.tokenizer(
        list(prompts), padding="max_length", max_length=base.tokens, truncation=True, return_tensors="pt"
    )
    ids: Tensor = encoded.input_ids
    return ids


@torch.no_grad()
def embed(base: Base, prompts: Sequence[str], batch: int = 64) -> Tensor:
    """e(c): token embeddings (prompts, tokens, d_in) in the text encoder's precision, on its device."""
    ids = token_ids(base, prompts).to(base.device)
    return torch.cat([base.text_encoder(part).last_hidden_state for part in ids.split(batch)])


def count_tokens(base: Base, phrase: str) -> int:
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
