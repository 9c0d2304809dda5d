"""Checkpoints of a training that may be interrupted at any step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


@dataclass
class Training:
    """One run of an optimiser over several modules, with averaged weights, that continues from its last checkpoint.

    The learning rate rises linearly over the first steps and falls to zero as a half cosine, so that the last step
    needs no schedule of its own. The average (EMA) warms up: early averages forget quickly.
    """

    name: str
    folder: Path
    modules: Mapping[str, nn.Module]
    optimizer: Optimizer
    steps: int
    warm_up: int = 200
    decay: float = 0.999
    save_every: int = 250
    step: int = 0
    averages: dict[str, torch.Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.averages = {name: value.detach().clone() for name, value in self._parameters()}
        if self.path.exists():
            self._load()

    @property
    def path(self) -> Path:
        """The checkpoint file."""
        return self.folder / f"{self.name}.checkpoint.pt"

    def _parameters(self) -> Iterator[tuple[str, torch.Tensor]]:
        for prefix, module in self.modules.items():
            for name, value in module.named_parameters():
                yield f"{prefix}.{name}", value

    def _load(self) -> None:
        state: dict[str, Any] = torch.load(self.path, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.averages, self.step = state["averages"], state["step"]

    def save(self) -> None:
        """Write the checkpoint; the old one stays until the new one is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        modules = {name: module.state_dict() for name, module in self.modules.items()}
        state = {"modules": modules, "optimizer": self.optimizer.state_dict()}
        torch.save(state | {"averages": self.averages, "step": self.step}, partial)
        partial.replace(self.path)

    def remaining(self) -> Iterator[torch.Generator]:
        """One generator per step still to do, seeded by the step: a resumed run draws what an unbroken one draws."""
        while self.step < self.steps:
            self._set_rate()
            yield torch.Generator().manual_seed(self.step)
            self.step += 1
            if self.step % self.save_every == 0 or self.step == self.steps:
                self.save()

    def _set_rate(self) -> None:
        rise = min(1.0, (self.step + 1) / self.warm_up)
        fall = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * self.step / self.steps)).item())
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * rise * fall

    def update(self, loss: torch.Tensor) -> None:
        """One optimiser step on ``loss``, a scalar, and one of the average."""
        loss.backward()
        for module in self.modules.values():
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        names, values = zip(*self._parameters(), strict=True)
        torch._foreach_lerp_([self.averages[name] for name in names], [v.detach() for v in values], 1 - decay)

    def use_averages(self) -> None:
        """Put the averaged weights into the modules."""
        with torch.no_grad():
            for name, value in self._parameters():
                value.copy_(self.averages[name])
