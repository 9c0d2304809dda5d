from concurrent.futures import ThreadPoolExecutor

import torch

from sepme_core.erasure.cache import BATCH, ErasureCache
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
