import pytest

from sepme_core.increments.increment import Increment
from sepme_core.registry.errors import BlobMissing
from tests.worker.masks import random_increment
from worker.process import IncrementCache, WorkerProcess, load


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
    size = IncrementCache(worker.blobs, worker.base).get(fox).held_bytes
    cache = IncrementCache(worker.blobs, worker.base, most_bytes=int(2.5 * size))
    kept: Increment = cache.get(fox)
    cache.get(crown)
    cache.get(fox)
    cache.get(zebra)
    for digest in (fox, crown, zebra):
        worker.blobs.delete(digest)
    assert cache.get(fox) is kept
    with pytest.raises(BlobMissing):
        cache.get(crown)


def test_an_increment_counts_with_its_file_and_with_its_factors(worker: WorkerProcess) -> None:
    (fox,) = stored(worker, "fox")
    increment = IncrementCache(worker.blobs, worker.base).get(fox)
    factors = sum(each.nbytes for each in (increment.directions, *increment.weights.values()))
    assert increment.held_bytes == factors + len(worker.blobs.get(fox))


def test_a_worker_keeps_masks_and_prompts_of_its_own_base(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.process.load_model", lambda _settings, **_compiled: worker.base)
    loaded = load(worker.settings, "generate@tests", "generate")
    try:
        (fox,) = stored(loaded, "fox")
        mask = loaded.masks.get([loaded.increments.get(fox)])
        assert [each["digest"] for each in mask.applied] == [fox]
        loaded.conditioner.condition("a fox", mask)
        assert (loaded.conditioner.hits, loaded.conditioner.misses) == (0, 1)
    finally:
        loaded.engine.dispose()
