import pytest
import torch

from sepme_core.erasure.solution import Moments, NullSpace, Solution, closed_form, null_space, second_moment, unreached

WIDTH = 12


def random_rows(count: int, width: int = WIDTH, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moments_of(rows: torch.Tensor, target: torch.Tensor) -> Moments:
    change = target - rows
    return Moments(second_moment(rows), rows.T @ change / len(rows), float(change.square().sum(1).mean()))


def everything() -> NullSpace:
    return NullSpace(torch.zeros(WIDTH, 0, dtype=torch.float64))


def nothing() -> torch.Tensor:
    return torch.zeros(WIDTH, WIDTH, dtype=torch.float64)


def objective(rows: torch.Tensor, target: torch.Tensor, regular: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """What it says it minimises, with regular weight 2 and ridge 1e-2, written down from the rows."""
    missed = (rows @ action - (target - rows)).square().sum() / len(rows)
    ridge = 1e-2 * second_moment(rows).diagonal().mean()
    return missed + 2.0 * (regular @ action).square().sum() / len(regular) + ridge * action.square().sum()


def test_of_full_rank_it_minimises_what_it_says_it_minimises() -> None:
    rows, target, regular = random_rows(30), random_rows(30, seed=1), random_rows(50, seed=2)
    solution = closed_form(moments_of(rows, target), 2.0 * second_moment(regular), everything(), WIDTH, 1e-2)
    action = solution.action.requires_grad_()
    (gradient,) = torch.autograd.grad(objective(rows, target, regular, action), action)
    assert gradient.abs().max() < 1e-9


@pytest.mark.parametrize("rank", [1, 3])
def test_no_other_action_of_its_rank_does_better(rank: int) -> None:
    rows, target, regular = random_rows(30), random_rows(30, seed=1), random_rows(50, seed=2)
    solution = closed_form(moments_of(rows, target), 2.0 * second_moment(regular), everything(), rank, 1e-2)
    assert torch.linalg.matrix_rank(solution.action, rtol=1e-9) == rank
    best = objective(rows, target, regular, solution.action)
    left = solution.directions.clone(memory_format=torch.contiguous_format).requires_grad_()
    right = solution.matrix.clone(memory_format=torch.contiguous_format).requires_grad_()
    optimizer = torch.optim.LBFGS([left, right], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = objective(rows, target, regular, left @ right)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert objective(rows, target, regular, left @ right).item() == pytest.approx(float(best), rel=1e-9)
    for seed in range(5):  # nor from elsewhere
        with torch.no_grad():
            left.copy_(random_rows(WIDTH, rank, seed=10 + seed))
            right.copy_(random_rows(rank, WIDTH, seed=20 + seed))
        optimizer.step(closure)
        assert objective(rows, target, regular, left @ right).item() > float(best) * (1 - 1e-9)


def test_with_all_directions_and_no_cost_the_concept_lands_on_its_target() -> None:
    moments = moments_of(random_rows(6), random_rows(6, seed=1))
    solution = closed_form(moments, nothing(), everything(), WIDTH, 1e-12)
    assert unreached(moments, solution) < 1e-6
    still = Solution(solution.directions, torch.zeros_like(solution.matrix))
    assert unreached(moments, still) == pytest.approx(1.0)


def test_directions_stay_within_the_null_space() -> None:
    protected = random_rows(4, seed=3)
    free = null_space(random_rows(1, seed=4), [second_moment(protected)], 1e-9)
    solution = closed_form(moments_of(random_rows(30), random_rows(30, seed=1)), nothing(), free, 20, 1e-3)
    assert solution.directions.shape[1] == free.left == 7
    assert (protected @ solution.directions).abs().max() < 1e-9
    assert torch.allclose(solution.directions.T @ solution.directions, torch.eye(7, dtype=torch.float64), atol=1e-10)


def test_what_costs_more_is_acted_on_less() -> None:
    rows, target, kept = random_rows(30), random_rows(30, seed=1), random_rows(3, seed=5)
    moments = moments_of(rows, target)
    actions = [
        (kept @ closed_form(moments, weight * second_moment(kept), everything(), 6, 1e-3).action).norm()
        for weight in (0.0, 10.0, 1000.0)
    ]
    assert actions[0] > 2 * actions[1] > 4 * actions[2]
