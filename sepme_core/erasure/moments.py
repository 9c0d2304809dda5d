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
    shared: Shared, sentences: Sequence[Sentence], phrases: Sequence[str], share: float, overshoot: float
) -> Moments:
    """The moments for a target that is ``share`` counterpart, and for the rest the mean of ``phrases`` swapped in.

    ``overshoot``: how far beyond that mean, as a share of the way.
    """
    rows = shared.embed([sentence.text for sentence in sentences])[:, 1:].flatten(0, 1)
    counterparts = shared.embed([sentence.counterpart for sentence in sentences])[:, 1:].flatten(0, 1)
    target = counterparts
    if share < 1.0:
        swapped = rows.lerp(swapped_rows(shared, sentences, phrases), 1 + overshoot)
        target = swapped.lerp(counterparts, share)
    change = target - rows
    return Moments(second_moment(rows), rows.T @ change / len(rows), float(change.square().sum(1).mean()))


def swapped_rows(shared: Shared, sentences: Sequence[Sentence], phrases: Sequence[str]) -> Tensor:
    """The mean, over ``phrases`` in the concept's place, of the matched rows but the start's: (rows, d_in)."""
    base = shared.base
    lengths = {phrase: count_tokens(base, phrase) for phrase in {*phrases, *(each.phrase for each in sentences)}}
    starts = [1 + count_tokens(base, sentence.before) for sentence in sentences]
    total = torch.zeros(len(sentences), base.tokens, base.width, dtype=torch.float64)
    for phrase in phrases:
        embedded = shared.embed([sentence.with_phrase(phrase) for sentence in sentences])
        index = torch.stack(
            [
                matched_rows(base.tokens, start, lengths[each.phrase], lengths[phrase])
                for each, start in zip(sentences, starts, strict=True)
            ]
        )  # (sentences, tokens)
        total += embedded.gather(1, index.unsqueeze(-1).expand(-1, -1, base.width))
    return (total / len(phrases))[:, 1:].flatten(0, 1)
