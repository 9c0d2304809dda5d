"""Token rows of sentences: of the concept, where they shall go, and of what must stay."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.erasure.closed_form import Rows
from sepme_core.erasure.sentences import Sentence
from sepme_core.prompts import count_tokens, embed, matched_rows


def embed_wide(base: Base, texts: Sequence[str]) -> Tensor:
    """Embeddings (texts, tokens, d_in) as float64 on the CPU, where the linear algebra is done."""
    return embed(base, texts).double().cpu()


def concept_rows(base: Base, sentences: Sequence[Sentence]) -> Tensor:
    """Token rows (sentences, tokens - 1, d_in) of the concept's sentences, without the start token."""
    return embed_wide(base, [sentence.text for sentence in sentences])[:, 1:]


def swapped_rows(base: Base, sentences: Sequence[Sentence], phrases: Sequence[str]) -> Tensor:
    """The mean, over ``phrases`` in the concept's place, of the matched rows: (sentences, tokens - 1, d_in)."""
    texts = [sentence.with_phrase(phrase) for sentence in sentences for phrase in phrases]
    embedded = embed_wide(base, texts).unflatten(0, (len(sentences), len(phrases)))
    lengths = {phrase: count_tokens(base, phrase) for phrase in {*phrases, *(each.phrase for each in sentences)}}
    starts = [1 + count_tokens(base, sentence.before) for sentence in sentences]
    index = torch.stack(
        [
            torch.stack([matched_rows(base.tokens, start, lengths[each.phrase], lengths[phrase]) for phrase in phrases])
            for each, start in zip(sentences, starts, strict=True)
        ]
    )  # (sentences, phrases, tokens)
    matched = embedded.gather(2, index.unsqueeze(-1).expand(-1, -1, -1, embedded.shape[-1]))
    return matched.mean(1)[:, 1:]


def counterpart_rows(base: Base, sentences: Sequence[Sentence]) -> Tensor:
    """The counterparts' rows at the same places, (sentences, tokens - 1, d_in)."""
    return embed_wide(base, [sentence.counterpart for sentence in sentences])[:, 1:]


def gather_rows(
    base: Base, sentences: Sequence[Sentence], phrases: Sequence[str], regular: Sequence[str], share: float
) -> Rows:
    """The rows of the closed form, flattened to (rows, d_in); the target is ``share`` counterpart, the rest swapped."""
    swapped, counterparts = swapped_rows(base, sentences, phrases), counterpart_rows(base, sentences)
    return Rows(
        concept=concept_rows(base, sentences).flatten(0, 1),
        target=swapped.lerp(counterparts, share).flatten(0, 1),
        regular=embed_wide(base, regular)[:, 1:].flatten(0, 1),
    )
