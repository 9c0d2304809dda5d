from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from sepme_core.models.cross_attention import conditioned_matrices, keys_and_values
from sepme_core.models.model import DiffusionModel
from sepme_core.models.prompts import embed
from tests.sepme_core.increments.random import random_increment
from tests.sepme_core.narrow import SD_1_4, SD_2_1


@pytest.mark.parametrize(("configuration", "width"), [(SD_1_4, 768), (SD_2_1, 1024)])
def test_stable_diffusion_has_32_conditioned_matrices(configuration: dict[str, Any], width: int) -> None:
    with torch.device("meta"):
        matrices = conditioned_matrices(UNet2DConditionModel(**configuration))
    assert len(matrices) == 32
    assert {linear.in_features for linear in matrices.values()} == {width}
    assert all(".attn2.to_" in path for path in matrices)


def test_an_increment_at_stable_diffusion_1_4_size_stays_under_a_megabyte() -> None:
    with torch.device("meta"):
        matrices = conditioned_matrices(UNet2DConditionModel(**SD_1_4))
    rank = 16
    numbers = 4 * 768 * rank + sum(2 * linear.out_features * rank for linear in matrices.values())
    assert numbers < 1_000_000


def test_given_keys_are_those_of_weights_with_the_increments_merged(base: DiffusionModel) -> None:
    increments = [random_increment(base, name, seed=seed) for seed, name in enumerate(("cat", "ink"))]
    embeddings = embed(base, ["a cat", "a fish"])
    given = keys_and_values(base.unet, embeddings, increments, [0, 1])
    for path, linear in conditioned_matrices(base.unet).items():
        merged = linear.weight.clone()
        for increment in increments:
            merged += increment.weight(path).float() @ increment.directions.T
        layer, name = path.rsplit(".", 1)
        found = given[layer][("to_k", "to_v").index(name)]
        assert torch.allclose(found, embeddings @ merged.T, atol=1e-4)


def test_rows_that_are_left_out_are_bit_identical_to_the_layer(base: DiffusionModel) -> None:
    embeddings = embed(base, ["", "a cat"])
    given = keys_and_values(base.unet, embeddings, [random_increment(base)], [1])
    for path, linear in conditioned_matrices(base.unet).items():
        layer, name = path.rsplit(".", 1)
        found, plain = given[layer][("to_k", "to_v").index(name)], linear(embeddings)
        assert torch.equal(found[0], plain[0])
        assert not torch.equal(found[1], plain[1])


def test_given_keys_without_increments_leave_the_prediction_bit_identical(base: DiffusionModel) -> None:
    embeddings, noised = embed(base, ["a cat", ""]), torch.randn(2, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    given = keys_and_values(base.unet, embeddings, [], [0, 1])
    with torch.no_grad():
        plain = base.unet(noised, 500, embeddings).sample
        conditioned = base.unet(noised, 500, embeddings, cross_attention_kwargs={"given": given}).sample
    assert torch.equal(conditioned, plain)
