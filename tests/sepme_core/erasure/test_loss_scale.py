"""Gradients through a model in float16 are as good as those in float32, however small they are."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from sepme_core.erasure import loss_scale
from sepme_core.erasure.correlation import Candidate, Trainee, relative_correlation
from sepme_core.erasure.latents import predict_noise
from sepme_core.erasure.loss_scale import LossScale
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.erasure.test_correlation import prepare, run
from tests.sepme_core.narrow import SD_1_4, save_narrow_pipeline

CPU = torch.device("cpu")
SHARE = 2.0**-9
"""A mean over a picture of 512 pixels gives each of its numbers so much smaller a gradient than one over 8 x 8."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_narrow_pipeline(tmp_path_factory.mktemp("narrow"), SD_1_4, "epsilon")


@pytest.fixture(scope="module")
def half(folder: Path) -> DiffusionModel:
    return load_base(str(folder), device="cpu", dtype="float16")


def gradients(base: DiffusionModel, trainee: Trainee, precision: torch.dtype) -> list[Tensor]:
    """By matrix, of a loss as small as a large picture makes it."""
    random = torch.Generator().manual_seed(1)
    weights = {
        path: (0.02 * torch.randn(w.shape, generator=random)).requires_grad_()
        for path, w in trainee.start.weights.items()
    }
    x, factors = trainee.latents, [Candidate(trainee.start.directions, weights)]
    predicted = predict_noise(base, x.noised.to(base.dtype), x.times, x.embeddings.to(base.dtype), factors)
    parameters = list(weights.values())
    LossScale(precision, CPU).backward(SHARE * relative_correlation(x, predicted), parameters)
    return [each.grad for each in parameters if each.grad is not None]


def test_the_smallest_gradients_of_float16_come_out_as_those_of_float32(folder: Path, half: DiffusionModel) -> None:
    full = load_base(str(folder), device="cpu")
    trainee = prepare(full)
    wanted = gradients(full, trainee, torch.float32)

    def worst_error(found: list[Tensor]) -> float:
        return max(float((one - other).norm() / other.norm()) for one, other in zip(found, wanted, strict=True))

    assert worst_error(gradients(half, trainee, torch.float16)) < 0.02  # 0.006 when this was written
    assert worst_error(gradients(half, trainee, torch.float32)) > 0.5  # unscaled: some of them are nothing


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_other_precisions_keep_their_bits(precision: torch.dtype) -> None:
    one, other = (torch.tensor([0.1, -3e-7], requires_grad=True) for _ in range(2))
    scale = LossScale(precision, CPU)
    scale.backward((one * one).sum(), [one])
    (other * other).sum().backward()
    assert scale.factor == 1
    assert one.grad is not None
    assert other.grad is not None
    assert torch.equal(one.grad, other.grad)


def test_a_step_whose_gradients_overflow_goes_without_them_and_the_next_takes_a_smaller_factor() -> None:
    scale = LossScale(torch.float16, CPU)

    def step() -> Tensor:
        weight = torch.ones(3, requires_grad=True)
        scale.backward((8 * weight.half()).float().sum(), [weight])
        assert weight.grad is not None
        return weight.grad

    assert step().tolist() == [0, 0, 0]
    assert float(scale.finite) == 0
    scale.lower()
    assert scale.factor == 2**12
    assert step().tolist() == [8, 8, 8]
    assert float(scale.finite) == 1


def test_the_loop_goes_on_below_an_overflow(half: DiffusionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_scale, "FIRST", 2.0**40)
    refined, losses = run(half, [prepare(half)], max_steps=16, learning_rate=1e-2)
    assert len(losses) == 16
    assert not refined.overflowed
    assert losses[:3] == pytest.approx([1, 1, 1], abs=5e-3)  # nothing was learnt yet
    assert losses[-1] < 0.95
    assert all(w.dtype == torch.float32 and w.isfinite().all() for w in refined.weights[0].values())
