"""Loaded increments, kept by digest: most requests of a service apply the same few masks."""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from sepme_core.base import Base
from sepme_core.increment import Increment, IncrementDamaged, IncrementForAnotherBase
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from worker import problems

logger = logging.getLogger(__name__)

KEPT = 256  # increments of 0.3 MB (demo) to 1 MB (SD 1.x); all that are masked at once on a full model


class IncrementCache:
    """Increments of one base by their digest, the least recently used dropped first. For one thread at a time."""

    def __init__(self, blobs: Blobs, base: Base, kept: int = KEPT) -> None:
        self._blobs = blobs
        self._base = base
        self._kept = kept
        self._loaded: OrderedDict[str, Increment] = OrderedDict()

    def get(self, digest: str) -> Increment:
        """The increment with this digest, checked when it is read.

        Raises:
            BlobMissing, BlobDamaged: its bytes are not there, or not those that the digest names.
            IncrementDamaged: the bytes are no increment.
            IncrementForAnotherBase: it was made for another base model than the one loaded here.
        """
        increment = self._loaded.pop(digest, None)
        if increment is None:
            increment = Increment.from_bytes(self._blobs.get(digest), digest=digest, base=self._base)
        self._loaded[digest] = increment
        while len(self._loaded) > self._kept:
            self._loaded.popitem(last=False)
        return increment


def usable_increments(cache: IncrementCache, pinned: Sequence[Mapping[str, Any]]) -> list[Increment]:
    """The increments that a job pinned by ``name`` and ``digest``; raises as `usable_increment` does."""
    return [usable_increment(cache, each["name"], each["digest"]) for each in pinned]


def readable_increments(cache: IncrementCache, pinned: Sequence[Mapping[str, Any]]) -> list[Increment]:
    """Those of them that can be read: a takedown is not held up by the damaged file of another concept."""
    readable = []
    for each in pinned:
        try:
            readable.append(cache.get(each["digest"]))
        except (IncrementForAnotherBase, BlobMissing, BlobDamaged, IncrementDamaged) as error:
            logger.warning("The increment of %s cannot be looked at: %s", each["name"], error)
    return readable


def usable_increment(cache: IncrementCache, concept: str, digest: str) -> Increment:
    """The increment with this digest, for a job.

    Raises:
        Refused: it is for another base, or not there whole; the problem names the concept.
    """
    try:
        return cache.get(digest)
    except IncrementForAnotherBase as error:
        raise problems.Refused(problems.of_another_base(str(error), [concept])) from error
    except (BlobMissing, BlobDamaged, IncrementDamaged) as error:
        detail = f"The increment of {concept!r} cannot be used: {error}."
        raise problems.Refused(problems.of_damaged_increment(detail, concept)) from error
