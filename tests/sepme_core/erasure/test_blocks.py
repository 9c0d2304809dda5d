import pytest
import torch

from sepme_core.erasure import blocks
from sepme_core.erasure.blocks import sum_of


def moments(count: int, width: int = 8) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(count)
    return [torch.randn(width, width, generator=generator, dtype=torch.float64) for _ in range(count)]


@pytest.mark.parametrize("bound", [1, 3 * 512, 100 * 512])
def test_items_come_in_their_order_in_parts_within_the_bound(bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", bound)
    parts = list(blocks.blocks(range(20), 512))
    assert [each for part in parts for each in part] == list(range(20))
    assert max(len(part) for part in parts) == max(min(bound // 512, 20), 1)


def test_what_fits_the_bound_is_summed_as_one_stack_bit_for_bit() -> None:
    several = moments(40)  # more than PyTorch sums one after another
    found = sum_of(iter(several))
    assert found is not None
    assert torch.equal(found, torch.stack(several).sum(0))


@pytest.mark.parametrize("bound", [1, 3 * 512])
def test_what_does_not_fit_is_summed_without_a_stack_of_it(bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", bound)
    stacked: list[int] = []
    stack = torch.stack

    def noted(tensors: list[torch.Tensor]) -> torch.Tensor:
        stacked.append(len(tensors))
        return stack(tensors)

    several = moments(20)
    expected = torch.stack(several).sum(0)
    monkeypatch.setattr(torch, "stack", noted)
    found = sum_of(iter(several))
    assert found is not None
    assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert max(stacked) == max(bound // 512, 1)
    assert sum(stacked) == 20


def test_there_is_no_sum_of_nothing() -> None:
    assert sum_of(()) is None
