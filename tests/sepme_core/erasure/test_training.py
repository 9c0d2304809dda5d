from dataclasses import replace
from typing import Any

import pytest
import torch

from sepme_core.erasure import ErasureCache, ErasureRefused, ErasureSettings, run_to_end
from sepme_core.erasure.certificate import Effect, measure_effect
from sepme_core.erasure.correlation import Action, Candidate, Costs, Trainee, refine
from sepme_core.erasure.evidence import Drawn, fresh_latents, training_latents
from sepme_core.erasure.latents import NoisedLatents, predict_phrase
from sepme_core.erasure.plan import Plan
from sepme_core.erasure.training import (
    NOT_NEEDED,
    OVERFLOWED,
    Trained,
    as_stored,
    first_weights,
    fresh_of,
    make_trainee,
    measure_together,
    train,
    train_together,
)
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erasure.planned import planned

SUBSTITUTE = "sailboat"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[NoisedLatents]:
    """The x_t to train on that were made."""
    seen: list[NoisedLatents] = []

    def note(*arguments: Any) -> NoisedLatents:
        seen.append(training_latents(*arguments))
        return seen[-1]

    monkeypatch.setattr("sepme_core.erasure.training.training_latents", note)
    return seen


def cat(cache: ErasureCache, **options: Any) -> tuple[Plan, Drawn]:
    return planned(cache, "cat", SUBSTITUTE, ErasureSettings(**options))


def times(start: Candidate, factor: float) -> Candidate:
    return Candidate(start.directions, {path: factor * w for path, w in start.weights.items()})


def effect_of(cache: ErasureCache, plan: Plan, drawn: Drawn, start: Candidate) -> Effect:
    stored = as_stored(start.directions, start.weights)
    return measure_effect(cache.base, stored, fresh_of(cache, plan.substitute, drawn))


def test_a_closed_form_that_is_there_by_fresh_latents_is_not_trained(
    cache: ErasureCache, made: list[NoisedLatents]
) -> None:
    plan, drawn = cat(cache)
    trained = run_to_end(train(cache, plan, drawn))
    assert abs(trained.effect.relative_loss) <= plan.request.settings.threshold
    assert (trained.steps, trained.loop, made) == (0, NOT_NEEDED, [])


def test_one_that_is_not_is_trained_on_others(
    base: DiffusionModel, cache: ErasureCache, made: list[NoisedLatents]
) -> None:
    plan, drawn = cat(cache, threshold=-1.0, max_steps=2)
    trained = run_to_end(train(cache, plan, drawn))
    assert trained.steps == 2
    (other,) = made
    fresh = fresh_of(cache, plan.substitute, drawn)
    assert not any(torch.equal(x, y) for x in other.noised for y in fresh.noised)
    assert trained.effect == measure_effect(base, trained.factors, fresh)


def test_it_is_drawn_to_what_the_base_answers_for_the_substitute(cache: ErasureCache) -> None:
    plan, drawn = cat(cache)
    fresh = fresh_of(cache, plan.substitute, drawn)
    assert torch.equal(fresh.anchor, predict_phrase(cache, fresh, drawn.sentences, SUBSTITUTE))
    absent, _ = planned(cache, "cat", None)
    assert torch.equal(fresh_of(cache, absent.substitute, drawn).anchor, fresh_latents(cache, drawn).counterpart)


def overshooting(cache: ErasureCache) -> tuple[Plan, Drawn, Candidate]:
    settings = ErasureSettings(max_steps=20, batch_size=32, threshold=0.05)
    plan, drawn = planned(cache, "key", "fish", settings)
    return plan, drawn, times(first_weights(cache.base, plan), 1.6)


def test_an_overshooting_start_is_pulled_back_to_zero(cache: ErasureCache) -> None:
    plan, drawn, start = overshooting(cache)
    before = effect_of(cache, plan, drawn, start)
    assert before.relative_loss < -plan.request.settings.threshold
    trained = run_to_end(train(cache, plan, drawn, start))
    assert trained.steps > 0
    assert abs(trained.effect.relative_loss) < 0.85 * abs(before.relative_loss)
    assert trained.effect.distance < 0.5 * before.distance


def test_the_published_loop_drives_it_down_where_the_other_lifts_it(cache: ErasureCache) -> None:
    trainee = make_trainee(cache, *overshooting(cache))
    free = replace(trainee, costs=Costs(torch.zeros_like(trainee.costs.regular), trainee.costs.regular))
    ends: dict[str, list[float]] = {"published": [], "sepme": []}
    for variant, told in ends.items():
        options = {"learning_rate": 1e-3, "threshold": -1.0, "max_steps": 4, "anchor_weight": 0.0}
        settings = ErasureSettings.from_options({**options, "variant": variant, "batch_size": 32})
        told += [progress.loss for progress in refine(cache.base, [free], settings)]
    assert ends["published"][0] == ends["sepme"][0] < 0  # the same x_t in every step, of which each has its own loss
    assert all(down < up for down, up in zip(ends["published"][1:], ends["sepme"][1:], strict=True))


def test_an_overflow_in_the_loop_ends_it_and_is_said(cache: ErasureCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflowing(*asked: Any) -> Trainee:
        trainee = make_trainee(*asked)
        return replace(trainee, scale=torch.full_like(trainee.scale, 1e-38))

    monkeypatch.setattr("sepme_core.erasure.training.make_trainee", overflowing)
    plan, drawn = cat(cache, threshold=-1.0, max_steps=20)
    trained = run_to_end(train(cache, plan, drawn))
    assert trained.loop == OVERFLOWED
    assert trained.steps < 20
    assert all(w.isfinite().all() for w in trained.factors.weights.values())


def test_what_overflows_as_it_is_stored_is_refused(cache: ErasureCache) -> None:
    plan, drawn = cat(cache, max_steps=0)
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(train(cache, plan, drawn, times(first_weights(cache.base, plan), 1e12)))
    assert refusal.value.code == "not-finite"


def test_a_group_whose_starts_are_there_is_not_trained(cache: ErasureCache, made: list[NoisedLatents]) -> None:
    settings = ErasureSettings(threshold=0.3)
    plans, drawn = zip(*(planned(cache, name, SUBSTITUTE, settings) for name in ("cat", "key")), strict=True)
    trained = run_to_end(train_together(cache, plans, drawn, settings))
    assert ([each.steps for each in trained], made) == ([0, 0], [])


def test_losses_of_a_group_on_both_sides_of_zero_do_not_cancel(cache: ErasureCache) -> None:
    settings = ErasureSettings(threshold=0.3, max_steps=1, batch_size=16)
    plans, drawn = zip(*(planned(cache, name, "fish", settings) for name in ("cat", "key")), strict=True)
    starts = [times(first_weights(cache.base, plan), factor) for plan, factor in zip(plans, (0.0, 2.0), strict=True)]
    short, beyond = (effect_of(cache, *each).relative_loss for each in zip(plans, drawn, starts, strict=True))
    assert short == pytest.approx(1.0, abs=1e-3)
    assert beyond < -settings.threshold
    latents = [fresh_of(cache, plan.substitute, shown) for plan, shown in zip(plans, drawn, strict=True)]
    standing = measure_together(cache.base, starts, latents)
    trainees = [make_trainee(cache, *each) for each in zip(plans, drawn, starts, strict=True)]
    told: list[float] = []
    refined = run_to_end(refine(cache.base, trainees, settings, standing), lambda each: told.append(each.loss))
    assert min(standing.loss, *told) > 0.5
    assert not refined.arrived


def test_the_zero_start_is_always_trained(cache: ErasureCache, made: list[NoisedLatents]) -> None:
    plan, drawn = cat(cache, start="zero", threshold=1.0, max_steps=1)
    assert run_to_end(train(cache, plan, drawn)).steps == 1
    assert len(made) == 1


def test_what_looks_better_is_what_is_seen_less_and_then_what_is_nearer_to_zero(cache: ErasureCache) -> None:
    plan, drawn = cat(cache)
    trained = run_to_end(train(cache, plan, drawn))

    def version(seen: int, loss: float) -> Trained:
        sight = replace(trained.looked.sight, seen=seen)
        effect = replace(trained.effect, relative_loss=loss)
        return replace(trained, effect=effect, looked=replace(trained.looked, sight=sight))

    assert version(1, 0.9).looks_better_than(version(2, 0.0))
    assert version(1, -0.1).looks_better_than(version(1, -0.2))
    assert version(1, 0.1).looks_better_than(version(1, -0.2))
    assert not version(1, 0.1).looks_better_than(version(1, 0.1))


def test_an_action_costs_its_weighted_energy_over_that_of_regular_prompts(base: DiffusionModel) -> None:
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
