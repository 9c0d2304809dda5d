import pytest

from sepme_core.increments.increment import Increment
from sepme_core.registry.errors import BlobMissing
from tests.worker.masks import random_increment
from worker.state import IncrementCache, WorkerState


def stored(resident: WorkerState, *names: str) -> list[str]:
    return [resident.blobs.put(random_increment(resident.base, name).to_bytes()) for name in names]


def test_an_increment_is_read_once(resident: WorkerState) -> None:
    (fox,) = stored(resident, "fox")
    cache = IncrementCache(resident.blobs, resident.base)
    first = cache.get(fox)
    resident.blobs.delete(fox)
    assert cache.get(fox) is first


def test_the_least_recently_used_is_dropped(resident: WorkerState) -> None:
    fox, crown, zebra = stored(resident, "fox", "crown", "zebra")
    cache = IncrementCache(resident.blobs, resident.base, kept=2)
    kept: Increment = cache.get(fox)
    cache.get(crown)
    cache.get(fox)
    cache.get(zebra)
    for digest in (fox, crown, zebra):
        resident.blobs.delete(digest)
    assert cache.get(fox) is kept
    with pytest.raises(BlobMissing):
        cache.get(crown)
