"""Where the model runs, and how precisely."""

import os
from typing import Literal

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from sepme_core.models.files import BaseNotSupported

Precision = Literal["auto", "float32", "bfloat16", "float16"]
PRECISIONS: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
LARGE = 256
"""A side, in pixels."""


def pick_device(device: str) -> torch.device:
    """The device that the operator named; ``auto`` is CUDA where there is one.

    Raises:
        BaseNotSupported: there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = torch.device(device)
    count = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(chosen.type, 1)
    if (chosen.index or 0) >= count:
        raise BaseNotSupported(f"There is no device {device} on this machine; set SEPME_DEVICE to auto or cpu.")
    return chosen


def pick_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The precision that the operator named; ``auto`` is float16 on CUDA, and float32 elsewhere."""
    if precision == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return PRECISIONS[precision]


def place(part: nn.Module, device: torch.device, precision: torch.dtype) -> None:
    """Move a part of the model for good, never to be trained; on CUDA convolutions read channels last."""
    part.requires_grad_(requires_grad=False).eval().to(device=device, dtype=precision)
    if device.type == "cuda":
        part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub leaves this one out


def place_autoencoder(autoencoder: AutoencoderKL, device: torch.device, precision: torch.dtype) -> None:
    """Move the autoencoder, which decodes large pictures one at a time: a batch of them takes gigabytes.

    One whose configuration says ``force_upcast`` overflows in float16: it stays in float32.

    Latents come in the U-Net's precision; it takes them in any.
    """
    whole = precision == torch.float16 and autoencoder.config.force_upcast
    place(autoencoder, device, torch.float32 if whole else precision)
    if autoencoder.config.sample_size >= LARGE:
        autoencoder.enable_slicing()
    if whole:
        first = autoencoder.decoder.conv_in if autoencoder.post_quant_conv is None else autoencoder.post_quant_conv
        first.register_forward_pre_hook(_in_own_precision)


def _in_own_precision(module: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    return (given[0].to(next(module.parameters()).dtype),)


def ask_for_the_same_bytes(device: torch.device) -> None:
    """Have this process use deterministic kernels, if it computes on CUDA; before the first of them.

    Where torch has none for an operation it warns, and the log says which.
    """
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
