from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import torch
from PIL import Image

from sepme_core.erasure.cache import BATCH, ErasureCache
from sepme_core.erasure.latents import NoisedLatents
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed


def test_it_embeds_as_the_text_encoder_does(base: DiffusionModel) -> None:
    texts = ["a cat", "a fish in ink style", "a cat"]
    assert torch.allclose(ErasureCache(base).embed(texts).float(), embed(base, texts), atol=1e-5)


def test_a_text_has_the_same_embedding_whatever_it_is_embedded_with(base: DiffusionModel) -> None:
    crowd = [f"picture {number}" for number in range(2 * BATCH + 3)]
    alone = ErasureCache(base).embed(["a cat"])[0]
    for place in (0, 1, BATCH - 1, BATCH, len(crowd)):
        among = ErasureCache(base).embed([*crowd[:place], "a cat", *crowd[place:]])[place]
        assert torch.equal(among, alone)


def test_what_is_asked_for_at_once_is_given_at_once_however_little_is_kept(base: DiffusionModel) -> None:
    cache = ErasureCache(base, embedding_bytes=1)
    crowd = [f"picture {number}" for number in range(3 * BATCH)]
    first = cache.embed(crowd)
    assert torch.equal(cache.embed(crowd[::-1]), first.flip(0))


def test_a_value_is_made_once(base: DiffusionModel) -> None:
    cache, made = ErasureCache(base), []

    def make() -> int:
        made.append("made")
        return len(made)

    assert [
        cache.get_or_make("key", make),
        cache.get_or_make("key", make),
        cache.get_or_make("other", make),
    ] == [1, 1, 2]


def test_threads_that_use_it_at_once_find_what_each_would_have_made(base: DiffusionModel) -> None:
    cache = ErasureCache(base, embedding_bytes=1)
    crowds = [[f"picture {number}" for number in range(start, start + 2 * BATCH)] for start in (0, 7, 19)]
    with ThreadPoolExecutor(len(crowds)) as threads:
        given = list(threads.map(cache.embed, crowds * 3))
    for crowd, embedded in zip(crowds * 3, given, strict=True):
        assert torch.equal(embedded, ErasureCache(base).embed(crowd))


def storages_held(*values: object) -> int:
    """The bytes of the storages behind tensors, each counted once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in tensors_in(values)}
    return sum(storage.nbytes() for storage in storages.values())


def tensors_in(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, NoisedLatents):
        return tensors_in([getattr(value, each.name) for each in fields(value)])
    return [tensor for each in value for tensor in tensors_in(each)] if isinstance(value, list | tuple) else []


def test_kept_embeddings_hold_the_bytes_that_are_allowed_and_no_batch_of_theirs(base: DiffusionModel) -> None:
    most = 40 * (4 * base.tokens * base.width + 100)
    cache = ErasureCache(base, embedding_bytes=most)
    for start in range(0, 4 * BATCH, BATCH // 2):
        cache.embed([f"picture {number}" for number in range(start, start + BATCH // 2)])
    held = storages_held(cache._embeddings.values())
    assert len(list(cache._embeddings)) == 40
    assert 0.9 * most < held <= cache._embeddings.held <= most


def test_whatever_else_is_remembered_holds_the_bytes_that_are_allowed(base: DiffusionModel) -> None:
    cache = ErasureCache(base, remembered_bytes=2**20)

    def latents(number: int) -> NoisedLatents:
        whole = torch.full((16, 4, 8, 8), float(number))
        return NoisedLatents(whole, torch.arange(16), whole[:1], whole, whole + 1, whole)

    makers: list[Callable[[int], Any]] = [
        lambda number: torch.zeros(64, 64, dtype=torch.float64) + number,
        lambda number: [torch.zeros(1000) + number, torch.zeros(10)[:1]],
        lambda number: torch.zeros(100_000)[number : number + 1],  # a view holds what it is of
        latents,
        lambda number: [Image.new("RGB", (64, 64), (number, 0, 0))] * 2,
    ]
    for number in range(60):
        make = makers[number % len(makers)]
        cache.get_or_make(("made", number), lambda make=make, number=number: make(number))  # type: ignore[misc]
        pictures = sum(isinstance(each, list) and isinstance(each[0], Image.Image) for each in remembered(cache))
        assert storages_held(remembered(cache)) + 64 * 64 * 3 * pictures <= cache._remembered.held <= 2**20
    assert len(remembered(cache)) > len(makers)
    assert ("made", 59) in set(cache._remembered)
    assert ("made", 0) not in set(cache._remembered)


def remembered(cache: ErasureCache) -> list[Any]:
    return list(cache._remembered.values())


def test_what_holds_more_than_all_may_is_made_each_time_and_drops_nothing_that_is_used_later(
    base: DiffusionModel,
) -> None:
    cache, made = ErasureCache(base, remembered_bytes=10_000), []

    def large() -> torch.Tensor:
        made.append("large")
        return torch.zeros(10_000)

    cache.get_or_make("small", lambda: torch.zeros(10))
    for _ in range(2):
        assert len(cache.get_or_make("large", large)) == 10_000
    assert len(made) == 2
    assert set(cache._remembered) == {"small"}
