"""Stable Diffusion's true U-Net configurations, and narrowed copies of whole pipelines that a test can run."""

import gzip
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sepme_core.demo import MODEL_FOLDER

SHARED: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "layers_per_block": 2,
    "block_out_channels": (320, 640, 1280, 1280),
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
}
SD_1_4: dict[str, Any] = {**SHARED, "cross_attention_dim": 768, "attention_head_dim": 8}
SD_2_1: dict[str, Any] = {
    **SHARED,
    "sample_size": 96,
    "cross_attention_dim": 1024,
    "attention_head_dim": (5, 10, 20, 20),
    "use_linear_projection": True,
}
NARROW: dict[str, Any] = {
    "sample_size": 8,
    "block_out_channels": (32, 32, 64, 64),
    "norm_num_groups": 8,
    "cross_attention_dim": 64,
    "attention_head_dim": 4,
}


CLIP_MERGES = 48894  # of the file's lines, those that the model has embeddings for


def clip_tokenizer() -> CLIPTokenizer:
    """The tokenizer of Stable Diffusion 1.x, from the vocabulary that OpenAI published with CLIP."""
    published = distribution("openai-clip").locate_file("clip/bpe_simple_vocab_16e6.txt.gz")
    lines = gzip.decompress(Path(str(published)).read_bytes()).decode().split("\n")
    merges = [tuple(line.split()) for line in lines[1 : CLIP_MERGES + 1]]  # the first says which version it is
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(printable)
    symbols = [chr(byte) for byte in printable] + [chr(256 + place) for place in range(others)]
    words = [*symbols, *(f"{symbol}</w>" for symbol in symbols), *("".join(merge) for merge in merges)]
    vocabulary = {word: place for place, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocabulary, merges, model_max_length=77)


def save_narrow_pipeline(
    folder: Path,
    unet: dict[str, Any],
    prediction_type: str,
    tokenizer: CLIPTokenizer | None = None,
    width: int = NARROW["cross_attention_dim"],
) -> Path:
    """A pipeline folder with random weights: the U-Net's own layout at a fraction of its width."""
    torch.manual_seed(0)
    tokenizer = tokenizer or CLIPTokenizer.from_pretrained(MODEL_FOLDER / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=int(tokenizer.model_max_length),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    autoencoder = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        norm_num_groups=4,
        latent_channels=4,
        sample_size=64,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
    StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(**{**unet, **NARROW, "cross_attention_dim": width}),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder
