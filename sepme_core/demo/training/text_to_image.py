"""Stage two: text encoder and U-Net, trained jointly on the latents of the corpus to predict the noise.

A prompt that names no style is drawn in the plain look, one that names no object draws any object, and the empty
prompt, which guidance needs, draws anything.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.saying import TRAINING, say
from sepme_core.demo.training.checkpoint import Training
from sepme_core.demo.training.pictures import Corpus
from sepme_core.demo.training.tokenizer import TOKENS

STEPS = 5000
BATCH = 64
LOG_EVERY = 50
LEARNING_RATE = 6e-4
WIDTH = 256  # d_in, of the text embeddings
SHARE_EMPTY, SHARE_OBJECT, SHARE_STYLE = 0.10, 0.14, 0.06


@dataclass(frozen=True)
class TextToImage:
    """The trained parts."""

    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    scheduler: DDIMScheduler


def make_scheduler() -> DDIMScheduler:
    """The noise schedule of Stable Diffusion 1.x."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """The untrained text encoder: two layers, 256 wide."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def make_unet() -> UNet2DConditionModel:
    """The untrained U-Net: 8 x 8 and 4 x 4, cross-attention in both."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=8,
        out_channels=8,
        layers_per_block=1,
        block_out_channels=(96, 192),
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


@torch.no_grad()
def encode_corpus(autoencoder: AutoencoderKL, corpus: Corpus) -> torch.Tensor:
    """Scaled latents of every picture, (objects, looks, variants, 8, 8, 8)."""
    flat = corpus.pictures.flatten(0, 2)
    chunks = [
        autoencoder.encode(chunk.float() / 127.5 - 1).latent_dist.mean * autoencoder.config.scaling_factor
        for chunk in flat.split(64)
    ]
    return torch.cat(chunks).unflatten(0, corpus.shape)


def draw_sample(random_: random.Random) -> tuple[str, int, int]:
    """One training sentence and the object and the look that it asks for."""
    concepts = load_concepts()
    objects = tuple(concepts.objects)
    object_, look, share = random_.randrange(len(objects)), random_.randrange(len(concepts.looks)), random_.random()
    if share < SHARE_EMPTY:
        return "", object_, look
    if share < SHARE_EMPTY + SHARE_STYLE and look:
        return say(random_.choice(TRAINING.style), style=concepts.looks[look].name), object_, look
    if share < SHARE_EMPTY + SHARE_STYLE + SHARE_OBJECT or not look:
        return say(random_.choice(TRAINING.object), objects[object_]), object_, 0
    return say(random_.choice(TRAINING.both), objects[object_], concepts.looks[look].name), object_, look


def training_batch(
    latents: torch.Tensor, tokenizer: CLIPTokenizer, generator: torch.Generator, size: int = BATCH
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (size, tokens) and latents (size, 8, 8, 8)."""
    random_ = random.Random(generator.initial_seed())
    prompts, objects, looks = zip(*(draw_sample(random_) for _ in range(size)), strict=True)
    variants = torch.randint(latents.shape[2], (size,), generator=generator)
    ids = tokenizer(list(prompts), padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt")
    return ids.input_ids, latents[torch.tensor(objects), torch.tensor(looks), variants]


def train_text_to_image(
    corpus: Corpus, autoencoder: AutoencoderKL, tokenizer: CLIPTokenizer, folder: Path, steps: int = STEPS
) -> TextToImage:
    """Train, or go on from the checkpoint; returns the averaged weights."""
    torch.manual_seed(1)
    text_encoder, unet, scheduler = make_text_encoder(tokenizer), make_unet(), make_scheduler()
    latents = encode_corpus(autoencoder, corpus)
    # On a CPU the fused attention's backward pass in bfloat16 costs more than all convolutions together.
    unet.set_attn_processor(AttnProcessor())
    unet.to(memory_format=torch.channels_last)
    modules = {"text_encoder": text_encoder, "unet": unet}
    parameters = [*text_encoder.parameters(), *unet.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=1e-2, fused=True)
    training = Training("text-to-image", folder, modules, optimizer, steps)
    losses: list[float] = []
    for generator in training.remaining():
        ids, clean = training_batch(latents, tokenizer, generator)
        noise = torch.randn(clean.shape, generator=generator)
        times = torch.randint(1000, (len(clean),), generator=generator)
        noised = scheduler.add_noise(clean, noise, times)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = unet(noised, times, text_encoder(ids).last_hidden_state).sample
        loss = functional.mse_loss(predicted.float(), noise)
        training.update(loss)
        losses.append(loss.item())
        if (training.step + 1) % LOG_EVERY == 0:
            recent = sum(losses[-LOG_EVERY:]) / LOG_EVERY
            print(f"text-to-image {training.step + 1}/{steps} loss {recent:.4f}", flush=True)
    training.use_averages()
    unet.set_default_attn_processor()
    return TextToImage(tokenizer, text_encoder.eval(), unet.eval(), scheduler)
