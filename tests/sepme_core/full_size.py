"""What conditioning touches of Stable Diffusion 1.4 at its true shapes, with random weights; the rest has none."""

from dataclasses import replace

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from sepme_core.demo import MODEL_FOLDER
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.narrow import SD_1_4

TOKENS, WIDTH = 77, 768


def conditioning_of_full_size(demo: DiffusionModel) -> DiffusionModel:
    """A base whose ``to_k``, ``to_v`` and (shallow) text encoder can be run; the demo model's other parts."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        unet = UNet2DConditionModel(**SD_1_4).requires_grad_(requires_grad=False)
    unet.conv_in.to_empty(device="cpu")  # by the first of its weights a U-Net says where it lies
    for linear in conditioned_matrices(unet).values():
        linear.to_empty(device="cpu")
        linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator) * WIDTH**-0.5)
    tokenizer = CLIPTokenizer.from_pretrained(MODEL_FOLDER / "tokenizer")
    tokenizer.model_max_length = TOKENS
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=12,
        max_position_embeddings=TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    encoder = CLIPTextModel(text).eval().requires_grad_(requires_grad=False)
    return replace(demo, unet=unet, tokenizer=tokenizer, text_encoder=encoder, digest="sha256:full-size")
