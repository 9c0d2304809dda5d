"""Second moments of token rows: all that the closed form and the null space need of the sentences.

Rows are never kept: a moment is (d_in, d_in) however many sentences it sums up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sepme_core.erasure.sentences import Sentence
from sepme_core.erasure.shared import Shared
from sepme_core.prompts import count_tokens, matched_rows


@dataclass(frozen=True)
class Moments:
    """Of a concept's token rows x and the rows t they shall go to, as means over the rows; float64.

    ``concept`` is x xᵀ and ``wanted`` x (t - x)ᵀ, both (d_in, d_in); ``change`` is |t - x|².
    """

    concept: Tensor
    wanted: Tensor
    change: float


def second_moment(rows: Tensor) -> Tensor:
    """The mean of x xᵀ over rows (rows, d_in): (d_in, d_in); zero for no rows."""
    return rows.T @ rows / max(len(rows), 1)


def concept_moments(
    shared: Shared, sentences: Sequence[Sentence], substitute: str | None, beyond: float = 0.0
) -> Moments:
    """The moments for rows that go to the same sentences with ``substitute`` in the concept's place, or without it.

    ``beyond``: how far beyond that, as a share of the way.
    """
    rows = shared.embed([sentence.text for sentence in sentences])[:, 1:].flatten(0, 1)
    if substitute is None:
        target = shared.embed([sentence.counterpart for sentence in sentences])[:, 1:].flatten(0, 1)
    else:
        target = substituted_rows(shared, sentences, substitute)
    change = (1 + beyond) * (target - rows)
    return Moments(second_moment(rows), rows.T @ change / len(rows), float(change.square().sum(1).mean()))


def substituted_rows(shared: Shared, sentences: Sequence[Sentence], substitute: str) -> Tensor:
    """With ``substitute`` in the concept's place, the matched rows but the start's: (rows, d_in)."""
    base = shared.base
    embedded = shared.embed([sentence.with_phrase(substitute) for sentence in sentences])
    lengths = {phrase: count_tokens(base, phrase) for phrase in {each.phrase for each in sentences}}
    other = count_tokens(base, substitute)
    index = torch.stack(
        [
            matched_rows(base.tokens, 1 + count_tokens(base, each.before), lengths[each.phrase], other)
            for each in sentences
        ]
    )  # (sentences, tokens)
    return embedded.gather(1, index.unsqueeze(-1).expand(-1, -1, base.width))[:, 1:].flatten(0, 1)
