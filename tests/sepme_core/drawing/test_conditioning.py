import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
import torch

from sepme_core.drawing.conditioning import Conditioner
from sepme_core.erasure import ErasureSettings
from sepme_core.increments.increment import Increment, check_base
from sepme_core.increments.mask import make_mask
from sepme_core.models.cross_attention import KeysAndValues, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed
from tests.sepme_core.full_size import conditioning_of_full_size
from tests.sepme_core.increments.random import random_increment


def tensors(given: KeysAndValues) -> list[torch.Tensor]:
    return [each for pair in given.values() for each in pair]


@contextmanager
def threads_set_to(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def assert_alone_as_in_a_pair(base: DiffusionModel, masked: Sequence[Increment]) -> None:
    """A text's embedding, K and V are bit for bit those of its row where the stock pipeline stacks two."""
    texts = ["a fish", "a cat in sepia style"]
    mask = make_mask(base, masked)
    pair = torch.cat([embed(base, [text]) for text in texts])
    with torch.no_grad():
        both = tensors(keys_and_values(base.unet, pair, [mask], [0, 1]))
        plain = tensors(keys_and_values(base.unet, pair, [], []))
    conditioner = Conditioner(base)
    for row, text in enumerate(texts):
        for under, rows in ((mask, both), (make_mask(base, []), plain)):
            alone = conditioner.condition(text, under)
            assert torch.equal(alone.embedding[0], pair[row])
            assert all(torch.equal(mine[0], its[row]) for mine, its in zip(tensors(alone.given), rows, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_text_by_itself_has_the_bits_it_has_as_one_of_a_guided_pair(base: DiffusionModel, threads: int) -> None:
    with threads_set_to(threads):
        assert_alone_as_in_a_pair(base, [random_increment(base)])


def test_the_empty_prompt_is_the_plain_one_under_every_mask(base: DiffusionModel) -> None:
    conditioner = Conditioner(base)
    plain = conditioner.condition("", make_mask(base, []))
    masked = conditioner.condition("", make_mask(base, [random_increment(base)]))
    assert masked.given is plain.given
    assert (conditioner.hits, conditioner.misses) == (1, 1)
    with torch.no_grad():
        stock = keys_and_values(base.unet, embed(base, [""]), [], [])
    assert all(torch.equal(*each) for each in zip(tensors(plain.given), tensors(stock), strict=True))


def test_what_a_prompt_says_is_kept_by_mask(base: DiffusionModel) -> None:
    conditioner = Conditioner(base)
    empty, mask = make_mask(base, []), make_mask(base, [random_increment(base)])
    plain, masked = (conditioner.condition("a cat", each) for each in (empty, mask))
    assert not any(torch.equal(*each) for each in zip(tensors(plain.given), tensors(masked.given), strict=True))
    assert masked.embedding is plain.embedding
    again = make_mask(base, [random_increment(base)])
    assert conditioner.condition("a cat", again).given is masked.given
    assert (conditioner.hits, conditioner.misses) == (1, 2)


def test_nothing_larger_is_held_than_what_is_kept(base: DiffusionModel) -> None:
    conditioner = Conditioner(base)
    conditioning = conditioner.condition("a cat", make_mask(base, [random_increment(base)]))
    numbers = [conditioning.embedding, *tensors(conditioning.given)]
    assert all(each.untyped_storage().nbytes() == each.nbytes for each in numbers)
    assert conditioner.held_bytes == sum(each.nbytes for each in numbers)
    assert not any(each.requires_grad for each in numbers)


def test_it_stays_within_its_bytes_and_the_least_recently_used_goes_first(base: DiffusionModel) -> None:
    empty = make_mask(base, [])
    measuring = Conditioner(base)
    size = sum(each.nbytes for each in tensors(measuring.condition("a cat", empty).given))
    most = int(2.5 * size * 16 / 15)  # of which the embeddings have a sixteenth
    conditioner = Conditioner(base, most)
    for text in ("a cat", "a fox", "a cat", "a fish"):
        conditioner.condition(text, empty)
        assert conditioner.held_bytes <= most
    assert (conditioner.hits, conditioner.misses) == (1, 3)
    conditioner.condition("a cat", empty)
    assert conditioner.hits == 2, "the fox was dropped"
    conditioner.condition("a fox", empty)
    assert conditioner.misses == 4
    for place in range(50):
        conditioner.condition(f"{place} cats", empty)
        assert conditioner.held_bytes <= most


@pytest.fixture(scope="module")
def full_size(base: DiffusionModel) -> DiffusionModel:
    """Stable Diffusion 1.4's shapes wherever a prompt passes before the first step."""
    return conditioning_of_full_size(base)


@pytest.fixture(scope="module")
def hundred(full_size: DiffusionModel) -> list[Increment]:
    """As many increments, of the rank that erasures make."""
    rank = ErasureSettings().directions
    return [random_increment(full_size, f"concept {seed}", rank, seed=seed) for seed in range(100)]


def processor_seconds(work: Callable[[], object]) -> float:
    """Of this thread, which does all of it: what else runs on the machine does not count."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def test_a_hundred_masked_concepts_cost_as_good_as_nothing_at_stable_diffusion_1_4_size(
    full_size: DiffusionModel, hundred: list[Increment]
) -> None:
    assert torch.get_num_threads() == 1
    nothing, mask = make_mask(full_size, []), make_mask(full_size, hundred)
    taken = []
    for place in range(5):
        conditioner, text = Conditioner(full_size), f"{place} cats"
        conditioner._embed(text)
        asked = [partial(conditioner.condition, text, each) for each in (nothing, mask, mask)]
        taken.append([processor_seconds(each) for each in asked])
        assert (conditioner.hits, conditioner.misses) == (1, 2)
    plain, first, again = (statistics.median(each) for each in zip(*taken, strict=True))
    print(f"plain {plain:.4f} s, first under the mask {first / plain:.2f} of it, again {again / plain:.5f}")
    assert first < 4 * plain  # one dense product more than plain; one by one it is six times and more
    assert again < 0.05 * plain


def test_whether_a_hundred_increments_fit_stable_diffusion_1_4_is_seen_without_a_walk_for_each(
    full_size: DiffusionModel, hundred: list[Increment]
) -> None:
    def check_all() -> None:
        for increment in hundred:
            check_base(increment, full_size, increment.concept)

    def look() -> Mapping[str, tuple[int, int]]:
        return replace(full_size).conditioned_shapes

    walk, checks = (statistics.median(processor_seconds(work) for _ in range(5)) for work in (look, check_all))
    print(f"a hundred checks take {checks / walk:.1f} walks")
    assert checks < 30 * walk


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_a_text_by_itself_has_the_bits_of_a_guided_pair_at_stable_diffusion_1_4_size(
    full_size: DiffusionModel, hundred: list[Increment], threads: int
) -> None:
    with threads_set_to(threads):
        assert_alone_as_in_a_pair(full_size, hundred[:3])
