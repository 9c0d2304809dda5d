"""A broad sample of what people ask for: its second moment is what acting on anything else costs.

A model brings its own beside its weights (``captions.txt``, a caption a line); for others there are common subjects and
manners. An increment's file names the sample by its digest.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from sepme_core.base import Base
from sepme_core.canonical import digest_of
from sepme_core.erasure.moments import second_moment
from sepme_core.erasure.shared import Shared
from sepme_core.wordings import AROUND, BARE, MANNERS, SUBJECTS, fill, in_company, mentions

COMPANY = 4


def captions(base: Base) -> tuple[str, ...]:
    """The model's own sample, or the common one."""
    return base.captions or common_captions()


def common_captions() -> tuple[str, ...]:
    """Common subjects and manners, each alone and in company."""
    alone = [fill(pattern, subject) for subject in SUBJECTS for pattern in BARE["object"]]
    alone += [fill(pattern, manner) for manner in MANNERS for pattern in BARE["style"]]
    return tuple(dict.fromkeys([*alone, *in_company(AROUND["object"], SUBJECTS, MANNERS, COMPANY)]))


def captions_digest(base: Base) -> str:
    """The digest that names the sample."""
    return digest_of(list(captions(base)))


def caption_moment(shared: Shared, besides: Sequence[str]) -> Tensor:
    """The second moment of the token rows of all captions that mention none of ``besides``, (d_in, d_in)."""
    sample = captions(shared.base)
    total = shared.recall(("captions",), lambda: second_moment(shared.rows(sample)))
    mentioning = [caption for caption in sample if mentions(caption, besides)]
    if not mentioning or len(mentioning) == len(sample):
        return total if not mentioning else torch.zeros_like(total)
    theirs = second_moment(shared.rows(mentioning))
    return (len(sample) * total - len(mentioning) * theirs) / (len(sample) - len(mentioning))
