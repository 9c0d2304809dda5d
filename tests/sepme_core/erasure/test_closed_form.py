import torch

from sepme_core.erasure.closed_form import Rows, closed_form, contrast_directions, unreached
from sepme_core.erasure.constraints import NullSpace, null_space


def random_rows(count: int, width: int = 12, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def everything() -> NullSpace:
    return NullSpace(torch.zeros(12, 0, dtype=torch.float64))


def test_it_minimises_what_it_says_it_minimises() -> None:
    rows = Rows(random_rows(30), random_rows(30, seed=1), random_rows(50, seed=2))
    directions = contrast_directions(rows, everything(), most=5)
    regular_weight, ridge = 2.0, 1e-2
    matrix = closed_form(rows, directions, regular_weight, ridge).requires_grad_()
    reached, regular = rows.concept @ directions, rows.regular @ directions
    floor = ridge * (reached.T @ reached / 30).diagonal().mean()
    cost = (reached @ matrix - (rows.target - rows.concept)).square().sum() / 30
    cost = cost + regular_weight * (regular @ matrix).square().sum() / 50 + floor * matrix.square().sum()
    (gradient,) = torch.autograd.grad(cost, matrix)
    assert gradient.abs().max() < 1e-9


def test_with_all_directions_and_no_cost_the_concept_lands_on_its_target() -> None:
    concept = random_rows(6)
    rows = Rows(concept, random_rows(6, seed=1), random_rows(4, seed=2))
    directions = torch.linalg.qr(concept.T)[0]
    matrix = closed_form(rows, directions, regular_weight=0.0, ridge=1e-12)
    assert unreached(rows, directions, matrix) < 1e-9


def test_directions_stay_within_the_null_space() -> None:
    rows = Rows(random_rows(30), random_rows(30, seed=1), random_rows(5, seed=2))
    protected = random_rows(4, seed=3)
    free = null_space(random_rows(1, seed=4), [protected], 1e-9)
    directions = contrast_directions(rows, free, most=20)
    assert directions.shape[1] == free.left == 7
    assert (protected @ directions).abs().max() < 1e-9
    assert torch.allclose(directions.T @ directions, torch.eye(7, dtype=torch.float64), atol=1e-10)
