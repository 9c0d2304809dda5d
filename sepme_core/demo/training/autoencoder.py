"""Stage one: the autoencoder, from 64 x 64 pixels to 8 channels of 8 x 8 and back."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL

from sepme_core.demo.training.checkpoint import Training
from sepme_core.demo.training.pictures import Corpus

STEPS = 2600
BATCH = 16
LEARNING_RATE = 1.5e-3
KL_WEIGHT = 1e-5


def make_autoencoder() -> AutoencoderKL:
    """The untrained autoencoder."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 96),
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=8,
        sample_size=64,
        mid_block_add_attention=False,
    )


def autoencoder_loss(autoencoder: AutoencoderKL, pictures: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """L1 + MSE of the reconstruction + KL to the unit normal, on pictures (batch, 3, height, width) in [-1, 1]."""
    latents = autoencoder.encode(pictures).latent_dist
    decoded = autoencoder.decode(latents.mean + latents.std * noise).sample
    error = decoded - pictures
    return error.abs().mean() + error.square().mean() + KL_WEIGHT * latents.kl().mean()


def train_autoencoder(corpus: Corpus, folder: Path, steps: int = STEPS) -> AutoencoderKL:
    """Train, or go on from the checkpoint; sets the scaling factor so that latents have unit variance."""
    torch.manual_seed(0)
    autoencoder = make_autoencoder().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(autoencoder.parameters(), lr=LEARNING_RATE, weight_decay=1e-4)
    training = Training("autoencoder", folder, {"autoencoder": autoencoder}, optimizer, steps, decay=0.995)
    for generator in training.remaining():
        chosen = [torch.randint(size, (BATCH,), generator=generator) for size in corpus.shape]
        noise = torch.randn(BATCH, 8, 8, 8, generator=generator)
        loss = autoencoder_loss(autoencoder, corpus.batch(*chosen), noise)
        training.update(loss)
        if training.step % 50 == 0:
            print(f"autoencoder {training.step}/{steps} loss {loss.item():.4f}", flush=True)
    training.use_averages()
    autoencoder.eval()
    autoencoder.register_to_config(scaling_factor=round(1 / latent_deviation(autoencoder, corpus), 4))
    return autoencoder


@torch.no_grad()
def latent_deviation(autoencoder: AutoencoderKL, corpus: Corpus) -> float:
    """Standard deviation of the latents over one variant of every picture."""
    pictures = corpus.pictures[:, :, 0].flatten(0, 1).float() / 127.5 - 1
    return float(autoencoder.encode(pictures).latent_dist.mean.std())
