import pytest

from sepme_core.increments.increment import Increment
from sepme_core.registry.errors import BlobMissing
from tests.worker.masks import random_increment
from worker.process import IncrementCache, WorkerProcess


def stored(worker: WorkerProcess, *names: str) -> list[str]:
    return [worker.blobs.put(random_increment(worker.base, name).to_bytes()) for name in names]


def test_an_increment_is_read_once(worker: WorkerProcess) -> None:
    (fox,) = stored(worker, "fox")
    cache = IncrementCache(worker.blobs, worker.base)
    first = cache.get(fox)
    worker.blobs.delete(fox)
    assert cache.get(fox) is first


def test_the_least_recently_used_is_dropped(worker: WorkerProcess) -> None:
    fox, crown, zebra = stored(worker, "fox", "crown", "zebra")
    cache = IncrementCache(worker.blobs, worker.base, kept=2)
    kept: Increment = cache.get(fox)
    cache.get(crown)
    cache.get(fox)
    cache.get(zebra)
    for digest in (fox, crown, zebra):
        worker.blobs.delete(digest)
    assert cache.get(fox) is kept
    with pytest.raises(BlobMissing):
        cache.get(crown)
