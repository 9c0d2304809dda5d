from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler

from sepme_core.base import Base, load_base
from sepme_core.cross_attention import conditioned_matrices
from sepme_core.erasure import ErasureSettings
from sepme_core.erasure.constraints import null_space
from sepme_core.erasure.correlation import Candidate, Refined, cosine_correlation, refine, relative_correlation
from sepme_core.erasure.noised_latents import NoisedLatents, noise_latents, noise_of_velocity, predict_noise
from sepme_core.erasure.rows import embed_wide
from sepme_core.erasure.sentences import Sentence
from tests.sepme_core.narrow import SD_1_4, SD_2_1, save_narrow_pipeline

SENTENCES = [Sentence("a {} in {other} style", "cat", "{other} style", "ink"), Sentence("a {}", "cat")]


def prepare(base: Base) -> tuple[Candidate, torch.Tensor, NoisedLatents, torch.Tensor]:
    """A zero start in the null space of the empty prompt and a fish, its scale, noised latents and regular rows."""
    rows = embed_wide(base, [sentence.text for sentence in SENTENCES])[:, 1:].flatten(0, 1)
    regular = embed_wide(base, ["a fish", "fish"])[:, 1:].flatten(0, 1)
    free = null_space(embed_wide(base, [""])[0], [regular], 1e-6)
    directions = torch.linalg.svd(free.project(rows))[2][:4].T.float().contiguous()
    weights = {path: torch.zeros(m.out_features, 4) for path, m in conditioned_matrices(base.unet).items()}
    latents = torch.randn(2, base.unet.config.in_channels, 8, 8, generator=torch.Generator().manual_seed(0))
    noised = noise_latents(base, SENTENCES, latents, 8, torch.Generator().manual_seed(0))
    return Candidate(directions, weights), torch.ones(4), noised, regular


def run(base: Base, **options: Any) -> tuple[Refined, list[float]]:
    start, scale, noised, regular = prepare(base)
    settings = ErasureSettings(start="zero", batch_size=4, **options)
    steps, losses = refine(base, start, scale, noised, regular, settings), []
    while True:
        try:
            losses.append(next(steps).loss)
        except StopIteration as end:
            return end.value, losses


@pytest.mark.parametrize(("unet", "prediction"), [(SD_1_4, "epsilon"), (SD_2_1, "v_prediction")])
def test_one_step_on_a_narrowed_stable_diffusion(tmp_path: Path, unet: dict[str, Any], prediction: str) -> None:
    base = load_base(str(save_narrow_pipeline(tmp_path, unet, prediction)), device="cpu")
    before = {name: value.clone() for name, value in base.unet.state_dict().items()}
    refined, losses = run(base, max_steps=2, learning_rate=1e-2)
    assert losses[0] == pytest.approx(1.0, abs=1e-4)  # nothing is erased yet
    assert len(refined.weights) == 32
    moved = [float(value.abs().max()) for value in refined.weights.values()]
    assert min(moved) > 0
    assert all(torch.equal(value, before[name]) for name, value in base.unet.state_dict().items())


def test_the_loss_comes_down_and_the_loop_stops(base: Base) -> None:
    refined, losses = run(base, max_steps=300, learning_rate=5e-3, threshold=0.2)
    assert 10 <= len(losses) < 300
    assert refined.momentum <= 0.2
    assert losses[0] == pytest.approx(1.0, abs=1e-3)


def test_the_first_ten_steps_never_stop(base: Base) -> None:
    _, losses = run(base, max_steps=50, threshold=1.0)
    assert len(losses) == 10


def test_the_correlation_is_one_without_and_zero_at_the_counterpart(base: Base) -> None:
    _, _, noised, _ = prepare(base)
    with torch.no_grad():
        unchanged = predict_noise(base, noised.noised, noised.times, noised.embeddings)
    assert float(relative_correlation(noised, unchanged)) == pytest.approx(1.0, abs=1e-4)
    assert cosine_correlation(noised, unchanged) == pytest.approx(1.0, abs=1e-4)
    assert float(relative_correlation(noised, noised.counterpart)) == 0.0


def test_a_velocity_is_converted_to_the_noise_it_was_made_of(base: Base) -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(3, 8, 8, 8, generator=generator), torch.randn(3, 8, 8, 8, generator=generator)
    times, schedule = torch.tensor([10, 500, 990]), DDPMScheduler.from_config(dict(base.scheduler))
    noised, velocity = schedule.add_noise(clean, noise, times), schedule.get_velocity(clean, noise, times)
    assert torch.allclose(noise_of_velocity(base, noised, times, velocity), noise, atol=1e-4)
