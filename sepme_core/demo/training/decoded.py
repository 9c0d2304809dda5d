"""Pictures as the demo model's decoder gives them back: soft, and with its own faults.

The judge sees half of everything this way, what is an object as well as what is none, so that the decoder's softness
says nothing either way.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKL

BATCH = 32
NOISE = 0.3  # of the latents' own deviation, at most


@torch.no_grad()
def decode_again(autoencoder: AutoencoderKL, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Pictures uint8 (pictures, 3, height, width) through the autoencoder, their latents a little disturbed."""
    decoded = []
    for part in pictures.split(BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            latents = autoencoder.encode(part.float() / 127.5 - 1).latent_dist.mean
            share = NOISE * torch.rand(len(part), 1, 1, 1, generator=generator) / autoencoder.config.scaling_factor
            noise = torch.randn(latents.shape, generator=generator)
            levels = autoencoder.decode(latents + share * noise).sample.float() * 127.5 + 127.5
        decoded.append(levels.round().clamp(0, 255).byte())
    return torch.cat(decoded)


def half_decoded(
    name: str, pictures: torch.Tensor, autoencoder: AutoencoderKL, folder: Path, seed: int = 4
) -> torch.Tensor:
    """The same pictures, uint8 (pictures, 3, height, width), every second of them decoded; read where they lie."""
    cache, generator = folder / f"{name}-decoded-{seed}.pt", torch.Generator().manual_seed(seed)
    if not cache.exists():
        torch.save(decode_again(autoencoder, pictures[1::2], generator), cache)
    half = pictures.clone()
    half[1::2] = torch.load(cache, weights_only=True)
    return half
