from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from sepme_core.increments.increment import Increment, IncrementDamaged, IncrementForAnotherBase
from sepme_core.increments.mask import NO_INCREMENTS, MaskCache, make_mask
from sepme_core.models.cross_attention import Factors, conditioned_matrices, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed
from tests.sepme_core.erased import erased
from tests.sepme_core.increments.random import random_increment
from tests.sepme_core.narrow import NARROW, SD_1_4


def increments(base: DiffusionModel, count: int, rank: int = 4) -> list[Increment]:
    return [random_increment(base, f"concept {seed:03}", rank, seed=seed) for seed in range(count)]


def projected(
    base: DiffusionModel, embeddings: Tensor, factors: Sequence[Factors], rows: Sequence[int]
) -> list[Tensor]:
    given = keys_and_values(base.unet, embeddings, factors, rows)
    return [each for pair in given.values() for each in pair]


def exact(base: DiffusionModel, embeddings: Tensor, masked: Sequence[Increment]) -> list[Tensor]:
    """In float64, each increment by itself."""
    wide = embeddings.double()
    return [
        wide @ linear.weight.double().T
        + sum(wide @ each.directions.double() @ each.weight(path).double().T for each in masked)
        for path, linear in conditioned_matrices(base.unet).items()
    ]


@pytest.mark.parametrize("concept", ["cat", "sepia"])
def test_a_mask_of_one_erased_concept_gives_the_very_bits_of_its_increment(base: DiffusionModel, concept: str) -> None:
    increment = Increment.from_bytes(erased(base, concept).to_bytes())
    embeddings = embed(base, ["", "a cat in sepia style"])
    mask = make_mask(base, [increment])
    masked, expected = (projected(base, embeddings, [each], [1]) for each in (mask, increment))
    assert all(torch.equal(found, bits) for found, bits in zip(masked, expected, strict=True))


@pytest.mark.parametrize(("count", "rank"), [(5, 4), (40, 16)])
def test_a_mask_of_several_is_the_sum_of_its_increments(base: DiffusionModel, count: int, rank: int) -> None:
    masked = increments(base, count, rank)
    embeddings = embed(base, ["a cat"])
    mask = make_mask(base, masked)
    assert mask.directions.shape[1] == min(count * rank, base.width)
    found = projected(base, embeddings, [mask], [0])
    one_by_one = projected(base, embeddings, masked, [0])
    for each, other, expected in zip(found, one_by_one, exact(base, embeddings, masked), strict=True):
        scale = expected.abs().max()
        assert (each - expected).abs().max() < 1e-5 * scale
        assert (each - other).abs().max() < 1e-5 * scale


def test_a_mask_is_one_whatever_order_its_increments_come_in(base: DiffusionModel) -> None:
    masked = increments(base, 3)
    mask, other = make_mask(base, masked), make_mask(base, masked[::-1])
    assert mask.digest == other.digest
    assert mask.applied == other.applied == tuple({"concept": e.concept, "digest": e.digest} for e in masked)
    assert torch.equal(mask.directions, other.directions)
    assert all(torch.equal(mask.weight(path), other.weight(path)) for path in mask.weights)


def test_masks_differ_by_what_they_mask(base: DiffusionModel) -> None:
    masked = increments(base, 3)
    digests = {make_mask(base, masked[:count]).digest for count in range(4)}
    assert len(digests) == 4


def test_the_empty_mask_applies_nothing(base: DiffusionModel) -> None:
    mask = make_mask(base, [])
    assert (mask.digest, mask.applied) == (NO_INCREMENTS, ())
    embeddings = embed(base, ["a cat"])
    masked, plain = projected(base, embeddings, [mask], [0]), projected(base, embeddings, [], [])
    assert all(torch.equal(found, bits) for found, bits in zip(masked, plain, strict=True))


def test_the_factors_lie_as_aligned_as_buffers_of_their_own(base: DiffusionModel) -> None:
    unet = UNet2DConditionModel(**{**SD_1_4, **NARROW, "cross_attention_dim": 40})
    odd = replace(base, unet=unet)
    mask = make_mask(odd, increments(odd, 1, rank=3))
    assert all(each.data_ptr() % 64 == 0 for each in (mask.directions, *mask.weights.values()))


def test_the_network_is_walked_through_as_often_for_many_increments_as_for_one(
    base: DiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked, walks = increments(base, 20), []

    def counted(unet: UNet2DConditionModel, *arguments: Any, **named: Any) -> Any:
        walks.append(unet)
        return nn.Module.named_modules(unet, *arguments, **named)

    monkeypatch.setattr(UNet2DConditionModel, "named_modules", counted, raising=False)
    make_mask(replace(base), masked[:1])
    for_one = len(walks)
    make_mask(replace(base), masked)
    assert len(walks) - for_one == for_one > 0


def test_an_increment_of_another_base_is_in_no_mask(base: DiffusionModel) -> None:
    foreign = random_increment(replace(base, digest="sha256:another"), "fox")
    with pytest.raises(IncrementForAnotherBase, match="'fox' was made for base sha256:another"):
        make_mask(base, [random_increment(base), foreign])


def test_an_increment_of_the_wrong_shape_is_in_no_mask(base: DiffusionModel) -> None:
    whole = random_increment(base)
    path = next(iter(whole.weights))
    cut = Increment(whole.directions, {**whole.weights, path: whole.weights[path][:-1]}, whole.metadata)
    with pytest.raises(IncrementDamaged, match="does not fit the base"):
        make_mask(base, [cut])


def test_a_mask_is_made_once(base: DiffusionModel) -> None:
    masked = increments(base, 3)
    masks = MaskCache(base)
    mask = masks.get(masked)
    assert masks.get(masked[::-1]) is mask
    assert masks.get(masked[:2]) is not mask
    assert masks.held_bytes == mask.held_bytes + masks.get(masked[:2]).held_bytes


def test_masks_stay_within_their_bytes_and_the_least_recently_used_goes_first(base: DiffusionModel) -> None:
    one, two, three = ([each] for each in increments(base, 3))
    size = make_mask(base, one).held_bytes
    masks = MaskCache(base, most_bytes=2 * size)
    first, second = masks.get(one), masks.get(two)
    assert masks.get(one) is first
    masks.get(three)
    assert masks.held_bytes == 2 * size
    assert masks.get(one) is first
    assert masks.get(two) is not second
