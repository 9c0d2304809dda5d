from pathlib import Path

import torch
from torch import nn

from sepme_core.demo.training.checkpoint import Training


def train(folder: Path, steps: int, until: int | None = None) -> nn.Linear:
    """Train a layer to halve its input; ends abruptly after ``until`` steps."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 3)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.05)
    training = Training("halving", folder, {"layer": layer}, optimizer, steps, warm_up=2, save_every=5)
    for generator in training.remaining():
        if training.step == until:
            return layer
        inputs = torch.randn(8, 3, generator=generator)
        training.update((layer(inputs) - inputs / 2).square().mean())
    training.use_averages()
    return layer


def test_an_interrupted_training_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    train(tmp_path / "broken", steps=20, until=13)  # its last checkpoint is of step 10
    resumed, unbroken = train(tmp_path / "broken", steps=20), train(tmp_path / "whole", steps=20)
    assert torch.equal(resumed.weight, unbroken.weight)


def test_a_finished_training_is_loaded_and_not_done_again(tmp_path: Path) -> None:
    first, again = train(tmp_path, steps=10), train(tmp_path, steps=10)
    assert torch.equal(first.weight, again.weight)
