"""The base model: a Stable Diffusion 1.x or 2.x pipeline, loaded once and never written to.

Every increment is made for one base, named by its digest, and applied to no other.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from sepme_core.canonical import canonical_json
from sepme_core.demo import DEMO
from sepme_core.documents.answers import ModelDescription
from sepme_core.models.cross_attention import (
    conditioned_matrices,
    cross_attention_layers,
    install_processors,
    unsupported_layers,
)
from sepme_core.models.devices import Precision, pick_device, pick_precision, place, place_autoencoder
from sepme_core.models.files import REMEDY, BaseNotSupported, model_folder, read_object
from sepme_core.models.loading import load_pipeline
from sepme_core.models.schedulers import SCHEDULERS, least_steps

__all__ = ["BaseNotSupported", "DiffusionModel", "Suggestions", "load_base", "model_folder"]

MAXIMUM_STEPS = 200
MAXIMUM_COUNT = 16
MAXIMUM_GUIDANCE = 30.0
FURTHER_INPUTS = {
    "time_cond_proj_dim": "an input for the guidance scale (it is distilled)",
    "class_embed_type": "an input for a class",
    "num_class_embeds": "an input for a class",
    "addition_embed_type": "further conditioning, as SDXL has",
    "encoder_hid_dim": "a projection of the prompt",
    "encoder_hid_dim_type": "a projection of the prompt",
}
"""What a U-Net may be made for besides latents, time and prompt, by the option that says so; nobody would give it."""


@dataclass(frozen=True)
class Suggestions:
    """What the model's card says it draws; empty where it says nothing."""

    styles: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    prompt: str = ""


@dataclass(frozen=True, eq=False)
class DiffusionModel:
    """A loaded base model: its parts, on their device, and the digest that names it.

    ``autoencoder_digest`` is no part of that digest: increments do not depend on the autoencoder, and pictures do.
    """

    name: str
    revision: str | None
    digest: str
    autoencoder_digest: str
    tokenizer: CLIPTokenizer
    text_encoder: CLIPTextModel
    unet: UNet2DConditionModel
    autoencoder: AutoencoderKL
    scheduler: Mapping[str, Any]
    suggestions: Suggestions = field(default_factory=Suggestions)
    captions: tuple[str, ...] = ()
    compiled: bool = False
    """Whether blocks of the U-Net are compiled (`sepme_core.models.compiling`): pictures round otherwise then."""

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.unet.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The precision in which the U-Net runs."""
        return next(self.unet.parameters()).dtype

    @property
    def width(self) -> int:
        """d_in, the width of a token embedding."""
        return int(self.unet.config.cross_attention_dim)

    @property
    def tokens(self) -> int:
        """How many tokens a prompt has, start, end and padding included."""
        return int(self.tokenizer.model_max_length)

    @cached_property
    def conditioned_shapes(self) -> Mapping[str, tuple[int, int]]:
        """(d_out, d_in) of every ``to_k`` and ``to_v`` that sees the prompt; the U-Net is walked through once."""
        return {path: (each.out_features, each.in_features) for path, each in conditioned_matrices(self.unet).items()}

    @property
    def prediction_type(self) -> str:
        """``epsilon`` or ``v_prediction``."""
        return str(self.scheduler.get("prediction_type", "epsilon"))

    @cached_property
    def signal_shares(self) -> Tensor:
        """alphas_cumprod of the noise schedule, by time, float32, where the weights lie."""
        shares: Tensor = DDPMScheduler.from_config(dict(self.scheduler)).alphas_cumprod
        return shares.to(self.device)

    @property
    def family(self) -> str:
        """``stable-diffusion-1``, ``stable-diffusion-2`` or ``stable-diffusion`` for another width of the prompt."""
        return {768: "stable-diffusion-1", 1024: "stable-diffusion-2"}.get(self.width, "stable-diffusion")

    @property
    def downscale(self) -> int:
        """Pixels a latent's side."""
        return int(2 ** (len(self.autoencoder.config.block_out_channels) - 1))

    @property
    def picture_side(self) -> int:
        """The side, in pixels, of the pictures the model was trained on."""
        return int(self.unet.config.sample_size) * self.downscale

    def describe(self) -> ModelDescription:
        """What ``GET /model`` says of the base; the capacity left is the registry's to say."""
        small = self.picture_side < 256  # noqa: PLR2004 - the demo model's convolutions know one size
        side = [self.picture_side] * 2 if small else [self.downscale * 8, 2 * self.picture_side]
        return {
            "name": self.name,
            "family": self.family,
            "revision": self.revision,
            "base_digest": self.digest,
            "prediction_type": self.prediction_type,
            "defaults": {
                "steps": 25,
                "guidance_scale": 4.0 if small else 7.5,
                "width": self.picture_side,
                "height": self.picture_side,
                "scheduler": "ddim",
            },
            "limits": {
                "steps": [1, MAXIMUM_STEPS],
                "count": [1, MAXIMUM_COUNT],
                "guidance_scale": [0.0, MAXIMUM_GUIDANCE],
                "width": side,
                "height": side,
                "multiple_of": self.downscale,
                "prompt_tokens": self.tokens - 2,
                "schedulers": sorted(SCHEDULERS),
                "least_steps": least_steps(self.scheduler),
            },
            "suggestions": {
                "styles": list(self.suggestions.styles),
                "objects": list(self.suggestions.objects),
                "prompt": self.suggestions.prompt,
            },
        }


def load_base(
    source: str,
    *,
    revision: str | None = None,
    variant: str | None = None,
    device: str = "auto",
    dtype: Precision = "auto",
) -> DiffusionModel:
    """Load a base from the packaged demo model (``"demo"``), a folder or a hub id.

    Weights are read from safetensors only. ``dtype`` is the precision the model runs in: by default float16 on CUDA,
    elsewhere float32. Its digest is of the weights as they were read, whatever they run in.

    Raises:
        BaseNotSupported: nothing whole lies there, or the pipeline is of another kind.
    """
    where = pick_device(device)
    precision = pick_precision(dtype, where)
    pipeline, folder = load_pipeline(source, revision, variant)
    check_supported(pipeline.unet)
    _settle_tokens(pipeline)
    digest, decoder = base_digest(pipeline), autoencoder_digest(pipeline.vae)
    for part in (pipeline.unet, pipeline.text_encoder):
        place(part, where, precision)
    place_autoencoder(pipeline.vae, where, precision)
    install_processors(pipeline.unet)
    return DiffusionModel(
        name="sepme-demo" if source == DEMO else Path(source).name if Path(source).is_dir() else source,
        revision=revision,
        digest=digest,
        autoencoder_digest=decoder,
        tokenizer=pipeline.tokenizer,
        text_encoder=pipeline.text_encoder,
        unet=pipeline.unet,
        autoencoder=pipeline.vae,
        scheduler=_plain(pipeline.scheduler.config),
        suggestions=read_suggestions(folder),
        captions=read_captions(folder),
    )


def _settle_tokens(pipeline: StableDiffusionPipeline) -> None:
    """The encoder's positions count: a tokenizer that names no length, or a longer one, would not be cut for it."""
    tokenizer, encoder = pipeline.tokenizer, pipeline.text_encoder.config
    if len(tokenizer) > encoder.vocab_size:
        raise BaseNotSupported(
            f"The model's tokenizer has {len(tokenizer)} tokens, and its text encoder knows {encoder.vocab_size};"
            " they belong to different models."
        )
    tokenizer.model_max_length = min(tokenizer.model_max_length, encoder.max_position_embeddings)


def check_supported(unet: nn.Module) -> None:
    """Raise BaseNotSupported where increments could not act on ``unet``."""
    if not isinstance(unet, UNet2DConditionModel):
        message = f"The model's U-Net is a {type(unet).__name__}; sepme serves Stable Diffusion 1.x and 2.x pipelines."
        raise BaseNotSupported(message)
    layers = cross_attention_layers(unet)
    reasons = unsupported_layers(layers.values()) if layers else ["no cross-attention at all"]
    reasons += [reason for option, reason in FURTHER_INPUTS.items() if unet.config.get(option) is not None]
    if unet.config.in_channels != unet.config.out_channels:
        reasons.append("further channels beside the latents, as for inpainting")
    if reasons:
        raise BaseNotSupported(f"The model's U-Net has {', '.join(reasons)}; {REMEDY}.")


def read_suggestions(folder: Path) -> Suggestions:
    """``suggestions.json`` beside the model, where there is one.

    Raises:
        BaseNotSupported: it is not of the form ``{"styles": [...], "objects": [...], "prompt": "..."}``.
    """
    path = folder / "suggestions.json"
    if not path.is_file():
        return Suggestions()
    data = read_object(path)
    styles, objects, prompt = (data.get(name) for name in ("styles", "objects", "prompt"))
    lists = all(isinstance(each, list) and all(isinstance(one, str) for one in each) for each in (styles, objects))
    if not (lists and isinstance(prompt, str)):
        raise BaseNotSupported(
            f'{path} must be {{"styles": [texts], "objects": [texts], "prompt": text}}; correct it, or remove it.'
        )
    return Suggestions(tuple(data["styles"]), tuple(data["objects"]), prompt)


def read_captions(folder: Path) -> tuple[str, ...]:
    """``captions.txt`` beside the model, where there is one: a broad sample of prompts, one a line."""
    path = folder / "captions.txt"
    if not path.is_file():
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BaseNotSupported(f"{path} cannot be read ({error}); correct it, or remove it.") from error
    return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))


def base_digest(pipeline: StableDiffusionPipeline) -> str:
    """The digest of tokenizer, text encoder, U-Net and scheduler configuration, whatever files they came from."""
    total = hashlib.sha256()
    for chunk in _identity(pipeline):
        total.update(chunk)
    return "sha256:" + total.hexdigest()


def _identity(pipeline: StableDiffusionPipeline) -> Iterator[bytes]:
    yield pipeline.tokenizer.backend_tokenizer.to_str().encode()
    yield canonical_json({"tokens": pipeline.tokenizer.model_max_length})
    yield canonical_json(_plain(pipeline.scheduler.config))
    yield from _weights(pipeline.text_encoder)
    yield from _weights(pipeline.unet)


def autoencoder_digest(autoencoder: AutoencoderKL) -> str:
    """The digest of the autoencoder's weights and configuration, whatever files they came from."""
    total = hashlib.sha256(canonical_json(_plain(autoencoder.config)))
    for chunk in _weights(autoencoder):
        total.update(chunk)
    return "sha256:" + total.hexdigest()


def _weights(module: nn.Module) -> Iterator[bytes]:
    for name, value in sorted(module.state_dict().items()):
        yield canonical_json([name, list(value.shape)])
        yield value.detach().float().cpu().contiguous().numpy().tobytes()


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without what only names the library that wrote it."""
    return {name: value for name, value in config.items() if not name.startswith("_")}
