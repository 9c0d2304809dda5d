"""The first w, without a U-Net pass: second moments of token rows, the null space, and the closed form.

Rows are never kept: a moment is (d_in, d_in) however many sentences it sums up, part by part.

What an increment must not act on is an orthonormal basis S; its complement is the null space (A S = 0). The published
method row-reduces A exactly, which is slow and badly conditioned. Here the rows of the empty prompt, and the start
token, count to numerical rank, and the rows of all other known concepts by the leading directions of their listed
prompts. Everything is float64.

With X the token rows of sentences that name the concept, T the matched rows of the same sentences with its substitute
in its place, S a basis of the null space and C what acting costs (on captions, on the sentences of what is protected):

    D = S · argmin_M |(X S) M - (T - X)|² / |X| + tr((S M)ᵀ C (S M)) + ridge |M|²

and Delta = W Dᵀ for each ``to_k`` and ``to_v``: one small system serves all layers. D of full rank is the best there
is; of rank r the best is its projection on the leading right singular vectors of L D, with L Lᵀ the system's matrix
(reduced-rank regression, Izenman 1975), so that no direction is spent on what a penalty forbids anyway.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sepme_core.erasure.blocks import sum_of
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.sentences import Sentence, captions
from sepme_core.models.prompts import count_tokens, matched_rows
from sepme_core.wordings import mentions


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


def second_moment_of(cache: ErasureCache, texts: Sequence[str]) -> Tensor:
    """The second moment of the token rows of sentences, (d_in, d_in)."""
    last = deque(running_moment(cache, texts), maxlen=1)
    return last[0] if last else torch.zeros(cache.base.width, cache.base.width, dtype=torch.float64)


def running_moment(cache: ErasureCache, texts: Sequence[str]) -> Iterator[Tensor]:
    """The share in it of more and more of the sentences, part by part; the last is of all of them."""
    total = torch.zeros(cache.base.width, cache.base.width, dtype=torch.float64)
    for part in cache.blocks(texts):
        rows = cache.rows(part)
        total += rows.T @ rows
        yield total / (len(texts) * (cache.base.tokens - 1))


def concept_moments(
    cache: ErasureCache, sentences: Sequence[Sentence], substitute: str | None, beyond: float = 0.0
) -> Moments:
    """The moments for rows that go to the same sentences with ``substitute`` in the concept's place, or without it.

    ``beyond``: how far beyond that, as a share of the way.
    """
    concept = torch.zeros(cache.base.width, cache.base.width, dtype=torch.float64)
    wanted, changed = torch.zeros_like(concept), torch.zeros((), dtype=torch.float64)
    for part in cache.blocks(sentences):
        rows = cache.rows([sentence.text for sentence in part])
        change = target_rows(cache, part, substitute).sub_(rows).mul_(1 + beyond)
        concept += rows.T @ rows
        wanted += rows.T @ change
        changed += change.square_().sum(1).sum()
    count = len(sentences) * (cache.base.tokens - 1)
    return Moments(concept / count, wanted / count, float(changed / count))


def target_rows(cache: ErasureCache, sentences: Sequence[Sentence], substitute: str | None) -> Tensor:
    """Where the sentences' rows but the start's shall go, (rows, d_in)."""
    if substitute is None:
        return cache.rows([sentence.counterpart for sentence in sentences])
    return substituted_rows(cache, sentences, substitute)


def substituted_rows(cache: ErasureCache, sentences: Sequence[Sentence], substitute: str) -> Tensor:
    """With ``substitute`` in the concept's place, the matched rows but the start's: (rows, d_in)."""
    base = cache.base
    embedded = cache.embed([sentence.with_phrase(substitute) for sentence in sentences])
    lengths = {phrase: count_tokens(base, phrase) for phrase in {each.phrase for each in sentences}}
    other = count_tokens(base, substitute)
    index = torch.stack(
        [
            matched_rows(base.tokens, 1 + count_tokens(base, each.before), lengths[each.phrase], other)
            for each in sentences
        ]
    )  # (sentences, tokens)
    return embedded.gather(1, index.unsqueeze(-1).expand(-1, -1, base.width))[:, 1:].flatten(0, 1)


NUMERICAL_RANK = 1e-6


@dataclass(frozen=True)
class NullSpace:
    """The complement of the protected directions.

    ``protected`` is an orthonormal basis of the row space of A, (d_in, directions), float64.
    """

    protected: Tensor

    @property
    def width(self) -> int:
        """d_in."""
        return self.protected.shape[0]

    @property
    def left(self) -> int:
        """Directions that are free."""
        return self.protected.shape[0] - self.protected.shape[1]

    @cached_property
    def basis(self) -> Tensor:
        """S, orthonormal: (d_in, left)."""
        complete, _ = torch.linalg.qr(self.protected, mode="complete")
        return complete[:, self.protected.shape[1] :]

    def project(self, rows: Tensor) -> Tensor:
        """Rows (…, d_in) without their part in the protected directions."""
        return rows - (rows @ self.protected) @ self.protected.T


def leading_directions(moment: Tensor, tolerance: float) -> Tensor:
    """Right singular vectors, of rows with this second moment, with sigma > tolerance * sigma_0: (d_in, kept).

    The moment's eigenvalues are the squared singular values: below 1e-8 of sigma_0 float64 leaves noise only, so that
    no tolerance counts for less than NUMERICAL_RANK.
    """
    energies, directions = torch.linalg.eigh(moment)
    kept = energies > max(tolerance, NUMERICAL_RANK) ** 2 * energies[-1].clamp_min(torch.finfo(moment.dtype).tiny)
    return directions[:, kept].flip(1)


def null_space(empty_rows: Tensor, protected_moments: Iterable[Tensor], tolerance: float) -> NullSpace:
    """The directions free of the empty prompt's rows (tokens, d_in) and of the leading ones of all protected moments.

    Each of ``protected_moments``, (d_in, d_in), counts with the same total energy, so that a concept with many prompts
    does not hide one with few.
    """
    exact = leading_directions(second_moment(empty_rows.double()), NUMERICAL_RANK)
    away = torch.eye(len(exact), dtype=exact.dtype) - exact @ exact.T
    # tr(P M P) = tr(M P): only the sum is projected.
    total = sum_of(moment / (moment * away).sum().clamp_min(1e-24) for moment in protected_moments)
    if total is None:
        return NullSpace(exact)
    basis, _ = torch.linalg.qr(torch.cat([exact, leading_directions(away @ total @ away, tolerance)], 1))
    return NullSpace(basis)


@dataclass(frozen=True)
class Solution:
    """D = Q M: ``directions`` Q (d_in, rank), orthonormal and in the null space, and ``matrix`` M (rank, d_in)."""

    directions: Tensor
    matrix: Tensor

    @property
    def action(self) -> Tensor:
        """D, (d_in, d_in): a row e moves by e D."""
        return self.directions @ self.matrix


def closed_form(moments: Moments, cost: Tensor, free: NullSpace, rank: int, ridge: float) -> Solution:
    """The argmin above within ``rank`` directions. ``ridge`` is relative to the concept's mean energy along S."""
    basis = free.basis  # S (d_in, left)
    energy = basis.T @ moments.concept @ basis
    floor = ridge * energy.diagonal().mean() * torch.eye(len(energy), dtype=energy.dtype)
    system = energy + basis.T @ cost @ basis + floor
    best = torch.linalg.solve(system, basis.T @ moments.wanted)  # (left, d_in)
    _, _, right = torch.linalg.svd(torch.linalg.cholesky(system).T @ best, full_matrices=False)
    kept = right[: min(rank, free.left)]  # (rank, d_in)
    directions, triangle = torch.linalg.qr(free.project((basis @ (best @ kept.T)).T).T)
    return Solution(directions, triangle @ kept)


def unreached(moments: Moments, solution: Solution) -> float:
    """The share of the wanted change, by energy, that is not done: 0 all is done, 1 nothing."""
    action = solution.action
    left = moments.change - 2 * (action * moments.wanted).sum() + (action * (moments.concept @ action)).sum()
    return float(left) / max(moments.change, 1e-30)


ALL_CAPTIONS = ("captions",)


def caption_moment(cache: ErasureCache, besides: Sequence[str]) -> Tensor:
    """The second moment of the token rows of all captions that mention none of ``besides``, (d_in, d_in)."""
    sample = captions(cache.base)
    total = cache.get_or_make(ALL_CAPTIONS, lambda: second_moment_of(cache, sample))
    mentioning = [caption for caption in sample if mentions(caption, besides)]
    if not mentioning or len(mentioning) == len(sample):
        return total if not mentioning else torch.zeros_like(total)
    theirs = second_moment_of(cache, mentioning)
    return (len(sample) * total - len(mentioning) * theirs) / (len(sample) - len(mentioning))


def caption_moment_in_pieces(cache: ErasureCache) -> Iterator[None]:
    """Make what `caption_moment` needs, so that it is found later."""
    sample, moment = captions(cache.base), None
    sums = running_moment(cache, sample)
    for part in cache.blocks(sample):
        yield from cache.embed_in_pieces(part)
        moment = next(sums)
        yield
    if moment is not None:
        cache.get_or_make(ALL_CAPTIONS, lambda: moment)
