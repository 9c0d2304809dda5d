"""The U-Net's transformer blocks, compiled for each size of a batch (`SEPME_COMPILE`).

Blocks of one width share what is compiled. Masks, prompts and guidance scales change values only; shapes stay fixed, so
nothing is compiled again for them. Compiled blocks round otherwise than plain ones do.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from diffusers.models.attention import BasicTransformerBlock
from torch import nn

from sepme_core.models.cross_attention import GivenKeysProcessor
from sepme_core.models.files import BaseNotSupported
from sepme_core.models.loading import first_line
from sepme_core.models.model import DiffusionModel

BACKEND = "inductor"
SHAPES = 4096
"""So many shapes may be met before what comes then runs plainly: widths of blocks times sizes of batches and pictures.

PyTorch's own bound of eight would leave the larger batches uncompiled, and their pixels depend on which came first.
"""
OWN = "own"
"""What every compiled block calls its K and V: a name of its own would be compiled into it."""


def compile_blocks(base: DiffusionModel, backend: str = BACKEND) -> DiffusionModel:
    """The base with the blocks of its U-Net compiled as they are first met in a size; its U-Net is changed in place.

    Raises:
        BaseNotSupported: nothing can be compiled here.
    """
    if backend == BACKEND:
        check_compiles(base.device)
    for block in base.unet.modules():
        if isinstance(block, BasicTransformerBlock):
            _compile(block, backend)
    return replace(base, compiled=True)


def check_compiles(device: torch.device) -> None:
    """Compile something small that no cache on the disk can hold.

    Raises:
        BaseNotSupported: that fails, mostly for want of a C++ compiler.
    """
    other = random.random()
    try:
        torch.compile(lambda numbers: (numbers * other).sin() + other, dynamic=False)(torch.ones(8, device=device))
    except Exception as error:
        raise BaseNotSupported(
            f"SEPME_COMPILE is set, and nothing can be compiled on this machine ({first_line(error)}); install a C++"
            " compiler (g++ or clang, with Python's headers; for CUDA Triton too), or unset SEPME_COMPILE."
        ) from error


def _compile(block: Any, backend: str) -> None:
    """The block's own K and V are handed to it outside of what is compiled."""
    processor = block.attn2.processor
    assert isinstance(processor, GivenKeysProcessor)
    block.register_forward_pre_hook(_hand_over(processor.path), with_kwargs=True)
    processor.path = OWN
    block.forward = torch.compile(block.forward, backend=backend, dynamic=False)


def _expect_many_shapes() -> None:
    """In the thread that calls: each has these settings of its own, and a worker draws in another than it loads in."""
    config = torch._dynamo.config  # noqa: SLF001 - documented under this name
    if config.recompile_limit != SHAPES:
        config.recompile_limit = config.accumulated_recompile_limit = SHAPES


def _hand_over(path: str) -> Callable[[nn.Module, Any, dict[str, Any]], tuple[Any, dict[str, Any]]]:
    def narrowed(_block: nn.Module, positional: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        _expect_many_shapes()
        meant = named.get("cross_attention_kwargs") or {}
        if meant.get("given") is not None:
            key, value = meant["given"][path]
            own = {OWN: (key.contiguous(), value.contiguous())}  # it is compiled for strides as for shapes
            named = {**named, "cross_attention_kwargs": {**meant, "given": own}}
        return positional, named

    return narrowed
