from collections.abc import Generator
from typing import Any

import pytest
import torch

from sepme_core.base import Base
from sepme_core.cross_attention import conditioned_matrices
from sepme_core.erasure import ErasureRequest, ErasureSettings, KnownConcept, Shared, run_to_end
from sepme_core.erasure.certificate import measure_effect
from sepme_core.erasure.correlation import Action, Costs
from sepme_core.erasure.evidence import draw_concept, fresh_latents, training_latents
from sepme_core.erasure.noised_latents import NoisedLatents
from sepme_core.erasure.plan import make_plan
from sepme_core.erasure.training import Trained, train, train_together

KNOWN = (KnownConcept("fish", "object", ("fish",)),)


@pytest.fixture(scope="module")
def shared(base: Base) -> Shared:
    return Shared(base)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[NoisedLatents]:
    """The x_t to train on that were made."""
    seen: list[NoisedLatents] = []

    def note(*arguments: Any) -> NoisedLatents:
        seen.append(training_latents(*arguments))
        return seen[-1]

    monkeypatch.setattr("sepme_core.erasure.training.training_latents", note)
    return seen


def training(shared: Shared, **options: Any) -> tuple[Generator[Any, None, Trained], NoisedLatents]:
    plan = make_plan(shared, ErasureRequest("cat", "object", ("cat",), settings=ErasureSettings(**options)), KNOWN, ())
    drawn = draw_concept(shared, plan.request, plan.sentences)
    fresh = fresh_latents(shared, drawn)
    return train(shared, plan, drawn, fresh), fresh


def test_a_closed_form_that_reaches_tau_on_fresh_latents_is_not_trained(
    shared: Shared, made: list[NoisedLatents]
) -> None:
    running, _ = training(shared, threshold=0.3)
    trained = run_to_end(running)
    assert trained.effect.relative_loss <= 0.3
    assert (trained.steps, made) == (0, [])


def test_one_that_does_not_is_trained_on_others(base: Base, shared: Shared, made: list[NoisedLatents]) -> None:
    running, fresh = training(shared, threshold=-1.0, max_steps=2)
    trained = run_to_end(running)
    assert trained.steps == 2
    (other,) = made
    assert not any(torch.equal(x, y) for x in other.noised for y in fresh.noised)
    assert trained.effect == measure_effect(base, trained.factors, fresh)


def test_a_group_whose_starts_reach_tau_is_not_trained(shared: Shared, made: list[NoisedLatents]) -> None:
    settings = ErasureSettings(threshold=0.3)
    plans = [
        make_plan(shared, ErasureRequest(name, "object", (name,), settings=settings), KNOWN, ())
        for name in ("cat", "key")
    ]
    drawn = [draw_concept(shared, plan.request, plan.sentences) for plan in plans]
    group = run_to_end(train_together(shared, plans, drawn, settings))
    assert ([each.steps for each in group], made) == ([0, 0], [])


def test_the_zero_start_is_always_trained(shared: Shared, made: list[NoisedLatents]) -> None:
    running, _ = training(shared, start="zero", threshold=1.0, max_steps=1)
    assert run_to_end(running).steps == 1
    assert len(made) == 1


def test_an_action_costs_its_weighted_energy_over_that_of_regular_prompts(base: Base) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, listed = (torch.randn(40, base.width, generator=generator, dtype=torch.float64) for _ in range(2))
    regular = rows.T @ rows
    directions = torch.linalg.qr(torch.randn(base.width, 3, generator=generator))[0]
    matrices = conditioned_matrices(base.unet)
    weights = {path: torch.randn(each.out_features, 3, generator=generator) for path, each in matrices.items()}
    cost = Action(base, Costs(2 * regular + 5 * listed.T @ listed, regular), directions).cost_of(weights)
    expected = []
    for path, linear in matrices.items():
        change, weight = (directions @ weights[path].T).double(), linear.weight.detach().double()
        done = 2 * (rows @ change).square().sum() + 5 * (listed @ change).square().sum()
        expected.append(done / (rows @ weight.T).square().sum())
    assert float(cost) == pytest.approx(float(torch.stack(expected).mean()), rel=1e-4)
