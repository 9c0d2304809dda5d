from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler

from sepme_core.erasure import ErasureSettings
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.correlation import (
    Candidate,
    Costs,
    Refined,
    Standing,
    Trainee,
    anchor_distance,
    balance,
    cosine_correlation,
    refine,
    relative_correlation,
)
from sepme_core.erasure.latents import noise_latents, noise_of_velocity, predict_all, predict_noise
from sepme_core.erasure.sentences import Sentence
from sepme_core.erasure.solution import null_space, second_moment
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel, load_base
from tests.sepme_core.narrow import SD_1_4, SD_2_1, save_narrow_pipeline

SENTENCES = [Sentence("a {} in {other} style", "cat", "{other} style", "ink"), Sentence("a {}", "cat")]


def prepare(base: DiffusionModel, sentences: Sequence[Sentence] = SENTENCES) -> Trainee:
    """A zero start in the null space of the empty prompt and a fish, with noised latents."""
    cache = ErasureCache(base)
    regular = second_moment(cache.rows(["a fish", "fish"]))
    free = null_space(cache.embed([""])[0], [regular], 1e-6)
    rows = cache.rows([sentence.text for sentence in sentences])
    directions = torch.linalg.svd(free.project(rows))[2][:4].T.float().contiguous()
    weights = {path: torch.zeros(m.out_features, 4) for path, m in conditioned_matrices(base.unet).items()}
    latents = torch.randn(2, base.unet.config.in_channels, 8, 8, generator=torch.Generator().manual_seed(0))
    noised = noise_latents(base, sentences, latents, 8, torch.Generator().manual_seed(0))
    return Trainee(Candidate(directions, weights), torch.ones(4), noised, Costs(3 * regular, regular))


def run(
    base: DiffusionModel, trainees: Sequence[Trainee], measured: Standing | None = None, **options: Any
) -> tuple[Refined, list[float]]:
    settings = ErasureSettings(**{"batch_size": 4, "learning_rate": 2e-3, **options})
    steps, losses = refine(base, trainees, settings, measured), []
    while True:
        try:
            losses.append(next(steps).loss)
        except StopIteration as end:
            return end.value, losses


@pytest.mark.parametrize(("unet", "prediction"), [(SD_1_4, "epsilon"), (SD_2_1, "v_prediction")])
def test_one_step_on_a_narrowed_stable_diffusion(tmp_path: Path, unet: dict[str, Any], prediction: str) -> None:
    base = load_base(str(save_narrow_pipeline(tmp_path, unet, prediction)), device="cpu")
    before = {name: value.clone() for name, value in base.unet.state_dict().items()}
    refined, losses = run(base, [prepare(base)], max_steps=2, learning_rate=1e-2)
    assert losses[0] == pytest.approx(1.0, abs=1e-4)  # nothing is erased yet
    (weights,) = refined.weights
    assert len(weights) == 32
    moved = [float(value.abs().max()) for value in weights.values()]
    assert min(moved) > 0
    assert all(torch.equal(value, before[name]) for name, value in base.unet.state_dict().items())


def test_the_loss_comes_down_and_the_loop_stops(base: DiffusionModel) -> None:
    trainee = prepare(base)
    refined, losses = run(base, [trainee], max_steps=300, learning_rate=1e-2, threshold=0.2)
    assert 10 <= len(losses) < 300
    assert refined.arrived
    assert losses[0] == pytest.approx(1.0, abs=1e-3)
    noised, erased = trainee.latents, Candidate(trainee.start.directions, refined.weights[0])
    predicted = predict_all(base, noised.noised, noised.times, noised.embeddings, [erased])
    assert abs(float(relative_correlation(noised, predicted))) <= 0.2
    assert float(relative_correlation(noised, predicted)) == pytest.approx(refined.momentum, abs=1e-4)


def test_the_first_ten_steps_never_stop(base: DiffusionModel) -> None:
    _, losses = run(base, [prepare(base)], variant="published", max_steps=50, threshold=1.0)
    assert len(losses) == 10


def test_the_correlation_is_one_without_and_zero_at_the_counterpart(base: DiffusionModel) -> None:
    noised = prepare(base).latents
    with torch.no_grad():
        unchanged = predict_noise(base, noised.noised, noised.times, noised.embeddings)
    assert float(relative_correlation(noised, unchanged)) == pytest.approx(1.0, abs=1e-4)
    assert cosine_correlation(noised, unchanged) == pytest.approx(1.0, abs=1e-4)
    assert float(relative_correlation(noised, noised.counterpart)) == 0.0


def test_a_velocity_is_converted_to_the_noise_it_was_made_of(base: DiffusionModel) -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(3, 8, 8, 8, generator=generator), torch.randn(3, 8, 8, 8, generator=generator)
    times, schedule = torch.tensor([10, 500, 990]), DDPMScheduler.from_config(dict(base.scheduler))
    noised, velocity = schedule.add_noise(clean, noise, times), schedule.get_velocity(clean, noise, times)
    assert torch.allclose(noise_of_velocity(base, noised, times, velocity), noise, atol=1e-4)


def test_the_momentum_goes_on_from_what_was_measured_of_the_start(base: DiffusionModel) -> None:
    refined, losses = run(base, [prepare(base)], Standing(0.5, 0.0), variant="published", threshold=0.7, momentum=0.9)
    assert losses == [pytest.approx(1.0, abs=1e-3)]  # of a start that erases nothing, whatever was said of it
    assert refined.momentum == pytest.approx(0.9 * 0.5 + 0.1, abs=1e-3)
    assert all(float(w.abs().max()) == 0 for w in refined.weights[0].values())


def test_the_way_to_the_anchor_is_whole_without_an_increment_and_none_at_the_anchor(base: DiffusionModel) -> None:
    noised = prepare(base).latents
    without = noised.counterpart + noised.representation
    assert float(anchor_distance(noised, without)) == pytest.approx(1.0, abs=1e-5)
    half = noised.anchored(noised.counterpart + 3)
    assert float(anchor_distance(half, half.anchor)) == 0.0
    assert float(anchor_distance(half, (without + half.anchor) / 2)) == pytest.approx(0.25, abs=1e-5)


def test_what_is_far_from_the_anchor_goes_on_although_tau_is_met(base: DiffusionModel) -> None:
    far, _ = run(base, [prepare(base)], Standing(0.0, 1.0), threshold=0.5, momentum=0.9, max_steps=3)
    assert abs(far.momentum) <= 0.5
    assert (far.steps, far.arrived) == (3, False)


def test_the_end_is_decided_on_all_latents_and_not_by_lucky_batches(base: DiffusionModel) -> None:
    lucky, _ = run(base, [prepare(base)], Standing(0.0, 0.0), threshold=0.5, momentum=0.9, max_steps=3)
    assert (lucky.steps, lucky.arrived) == (3, False)
    assert lucky.momentum > 0.5


def test_the_published_loop_stops_by_tau_alone_on_one_side_of_it(base: DiffusionModel) -> None:
    published = ErasureSettings.from_options({"variant": "published"})
    assert published.anchor_weight == 0
    assert Standing(-0.9, 1.0).arrived(published)
    assert not Standing(-0.9, 0.0).arrived(ErasureSettings())
    refined, _ = run(
        base, [prepare(base)], Standing(-3.0, 1.0), variant="published", threshold=0.0, momentum=0.9, max_steps=3
    )
    assert (refined.steps, refined.arrived) == (1, True)


def test_an_overflow_ends_the_loop_and_the_last_iterate_that_was_finite_is_kept(base: DiffusionModel) -> None:
    overflowing = replace(prepare(base), scale=torch.full((4,), 1e-38))
    refined, losses = run(base, [overflowing], max_steps=50)
    assert refined.overflowed
    assert not refined.arrived
    assert len(losses) < 50
    assert all(isfinite(loss) for loss in losses)
    assert all(w.isfinite().all() for w in refined.weights[0].values())


def test_the_balance_lifts_the_smaller_loss_to_the_larger() -> None:
    losses = torch.tensor([0.8, -0.2, 0.001])
    assert balance(losses).tolist() == pytest.approx([1.0, 4.0, 10.0])  # equation 4, the last one clamped


def test_a_group_is_optimised_as_one(base: DiffusionModel) -> None:
    rocket = [Sentence("a {} in {other} style", "rocket", "{other} style", "ink"), Sentence("a {}", "rocket")]
    group = [prepare(base), prepare(base, rocket)]
    refined, losses = run(base, group, max_steps=300, learning_rate=1e-2, threshold=0.2)
    assert 10 <= len(losses) < 300
    assert refined.arrived
    for weights in refined.weights:
        assert all(float(w.abs().max()) > 0 for w in weights.values())
    together = [Candidate(each.start.directions, w) for each, w in zip(group, refined.weights, strict=True)]
    for trainee in group:
        x = trainee.latents
        with torch.no_grad():
            predicted = predict_noise(base, x.noised, x.times, x.embeddings, together)
        assert abs(float(relative_correlation(x, predicted))) < 0.5
