"""A device that is not there: tensors without numbers that know where they would lie, and what would be waited for.

Fake tensors tell where an operation mixes devices. A torch built without CUDA cannot index or differentiate fakes on
`cuda:0`; there they lie on `meta`, which is as little the CPU as CUDA is.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from sepme_core.models.model import DiffusionModel

DEVICE = torch.device("cuda:0" if torch.backends.cuda.is_built() else "meta")
ASKED_NUMBERS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default}
OF_NO_KNOWN_SIZE = {torch.ops.aten.nonzero.default, torch.ops.aten.masked_select.default}
COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
WIDE = {torch.float64, torch.complex128}


class WouldFail(AssertionError):
    """What the device could not do."""


class Watch(TorchDispatchMode):
    """Counts what makes the host wait for the device; float64 there is an error, since not every device has it."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device, self.waits = device, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        there = [each for each in given if each.device.type == self.device.type]
        if func in ASKED_NUMBERS:
            self.waits += len(there)
            return {torch.bool: True, torch.long: 1}.get(given[0].dtype, 1.0)  # there are no numbers to give
        self.waits += len(there) if func in OF_NO_KNOWN_SIZE else 0
        out = func(*args, **(kwargs or {}))
        made = [each for each in tree_leaves(out) if isinstance(each, Tensor)]
        wide = [each for each in made if each.dtype in WIDE and each.device.type == self.device.type]
        if wide:
            raise WouldFail(f"{func} makes {wide[0].dtype} on the device")
        sides = {each.device.type for each in (*given, *made)}
        if (func in COPIES and len(sides) > 1) or (func is torch.ops.aten.index.Tensor and there and len(sides) > 1):
            self.waits += not (kwargs or {}).get("non_blocking", False)
        return out


@dataclass(frozen=True)
class FakeDevice:
    """The device, and what turns real things into fake ones."""

    mode: FakeTensorMode
    watch: Watch

    def base(self, real: DiffusionModel) -> DiffusionModel:
        """The model, on the device."""
        return replace(
            real,
            text_encoder=self.module(real.text_encoder),
            unet=self.module(real.unet),
            autoencoder=self.module(real.autoencoder),
        )

    def module(self, real: Any) -> Any:
        """A module, on the device."""
        fakes: dict[int, Any] = {}
        for parameter in real.parameters():
            fake = self.mode.from_tensor(parameter).to(self.watch.device)
            fakes[id(parameter)] = nn.Parameter(fake, requires_grad=False)
        for buffer in real.buffers():
            fakes[id(buffer)] = self.mode.from_tensor(buffer).to(self.watch.device)
        return copy.deepcopy(real, fakes)

    def on_cpu(self, real: Any) -> Any:
        """Tensors, or what is nested of them, as fakes on the CPU."""
        return tree_map_only(Tensor, self.mode.from_tensor, real)


@contextmanager
def fake_device(device: torch.device = DEVICE) -> Iterator[FakeDevice]:
    """All tensors made inside are fakes; real ones count as fakes where they lie."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode, Watch(device) as watch:
        yield FakeDevice(mode, watch)
