"""Stable Diffusion's true U-Net configurations, and narrowed copies of whole pipelines that a test can run."""

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


def save_narrow_pipeline(folder: Path, unet: dict[str, Any], prediction_type: str) -> Path:
    """A pipeline folder with random weights: the U-Net's own layout at a fraction of its width."""
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(MODEL_FOLDER / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=16,
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
        unet=UNet2DConditionModel(**{**unet, **NARROW}),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder
