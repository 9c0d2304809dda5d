import pytest
import torch

from sepme_core.erasure.solution import leading_directions, null_space, second_moment


def rows(count: int, rank: int, width: int = 24, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(count, rank, generator=generator, dtype=torch.float64)
    return left @ torch.randn(rank, width, generator=generator, dtype=torch.float64)


def test_leading_directions_are_the_right_singular_vectors() -> None:
    matrix = rows(40, 24)
    sigmas, right = torch.linalg.svd(matrix)[1:]
    tolerance = float(sigmas[9] / sigmas[0]) * 0.999  # keeps ten
    found = leading_directions(second_moment(matrix), tolerance)
    assert found.shape == (24, 10)
    assert torch.allclose(found @ found.T, right[:10].T @ right[:10], atol=1e-9)


def test_projected_rows_meet_nothing_that_is_protected() -> None:
    empty, others = rows(3, 3), [rows(10, 2, seed=1), rows(5, 4, seed=2)]
    free = null_space(empty, [second_moment(other) for other in others], tolerance=1e-6)
    assert free.left == 24 - 3 - 2 - 4
    projected = free.project(rows(7, 7, seed=3))
    for protected in (empty, *others):
        assert (protected @ projected.T).abs().max() < 1e-9


def test_the_bases_are_orthonormal_and_complete_each_other() -> None:
    free = null_space(rows(3, 3), [second_moment(rows(10, 5, seed=1))], 1e-6)
    both = torch.cat([free.protected, free.basis], 1)
    assert torch.allclose(both.T @ both, torch.eye(24, dtype=torch.float64), atol=1e-10)


def test_a_concept_with_few_prompts_counts_as_much_as_one_with_many() -> None:
    loud, quiet = 1000 * rows(200, 2, seed=4), rows(1, 1, seed=5)
    free = null_space(torch.zeros(1, 24, dtype=torch.float64), [second_moment(loud), second_moment(quiet)], 0.05)
    assert free.project(quiet).norm() < 0.2 * quiet.norm()


@pytest.mark.parametrize("tolerance", [1e-3, 1e-1])
def test_a_larger_tolerance_never_leaves_less_room(tolerance: float) -> None:
    moments = [second_moment(rows(30, 20, seed=6))]
    empty = rows(1, 1)
    assert null_space(empty, moments, tolerance).left >= null_space(empty, moments, 1e-6).left
