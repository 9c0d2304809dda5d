import pytest
import torch

from sepme_core.drawing.conditioning import Conditioner
from sepme_core.increments.mask import make_mask
from sepme_core.models.cross_attention import KeysAndValues, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed
from tests.sepme_core.increments.random import random_increment


def tensors(given: KeysAndValues) -> list[torch.Tensor]:
    return [each for pair in given.values() for each in pair]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_text_by_itself_has_the_bits_it_has_as_one_of_a_guided_pair(base: DiffusionModel, threads: int) -> None:
    texts = ["a fish", "a cat in sepia style"]
    increment = random_increment(base)
    conditioner, mask = Conditioner(base), make_mask(base, [increment])
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        pair = torch.cat([embed(base, [text]) for text in texts])
        with torch.no_grad():
            given = keys_and_values(base.unet, pair, [increment], [0, 1])
        alone = [conditioner.condition(text, mask) for text in texts]
    finally:
        torch.set_num_threads(before)
    for row, conditioning in enumerate(alone):
        assert torch.equal(conditioning.embedding[0], pair[row])
        for found, both in zip(tensors(conditioning.given), tensors(given), strict=True):
            assert torch.equal(found[0], both[row])


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
