"""A pipeline from its folder, part by part, so that what a library would only warn about is an error by name."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel
from huggingface_hub import HfApi
from transformers import CLIPTextModel

from sepme_core.models.files import (
    WEIGHTS,
    BaseNotSupported,
    check_folder,
    check_names,
    check_source,
    chosen_variant,
    model_folder,
)

CLASSES: dict[str, Any] = {"text_encoder": CLIPTextModel, "unet": UNet2DConditionModel, "vae": AutoencoderKL}
WITHOUT_CHECKER: dict[str, Any] = {
    "safety_checker": None,
    "feature_extractor": None,
    "requires_safety_checker": False,
}


def load_pipeline(source: str, revision: str | None, variant: str | None) -> tuple[StableDiffusionPipeline, Path]:
    """A whole pipeline in single precision, from safetensors alone, and the folder it lies in.

    Raises:
        BaseNotSupported: it cannot be loaded.
    """
    if check_source(source, variant):
        folder = model_folder(source)
    else:
        folder = _fetch(source, revision, variant)
        check_folder(folder, variant)
    parts = {name: _load_part(folder, name, variant) for name in CLASSES}
    try:
        return StableDiffusionPipeline.from_pretrained(str(folder), **parts, **WITHOUT_CHECKER), folder
    except Exception as error:  # a library's own, of whatever kind
        raise BaseNotSupported(f"The model in {folder} cannot be loaded: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """An error of a library in one line."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    return f"{type(error).__name__}: {said}"


def _fetch(source: str, revision: str | None, variant: str | None) -> Path:
    try:
        folder = StableDiffusionPipeline.download(
            source, revision=revision, variant=variant, use_safetensors=True, **WITHOUT_CHECKER
        )
    except Exception as error:  # of the network, the hub or the library
        check_names(source, _names_on_hub(source, revision), variant, revision)
        raise BaseNotSupported(
            f"There is no folder {source}, and no such model could be fetched from the hub ({first_line(error)})"
        ) from error
    return Path(folder)


def _names_on_hub(source: str, revision: str | None) -> list[str]:
    with suppress(Exception):  # of the network or the hub, of whatever kind: what could not be fetched says so itself
        return [file.rfilename for file in HfApi().model_info(source, revision=revision).siblings or ()]
    return []


def _load_part(folder: Path, name: str, variant: str | None) -> Any:
    chosen = chosen_variant(folder / name, WEIGHTS[name], variant)
    try:
        part, loaded = CLASSES[name].from_pretrained(
            str(folder),
            subfolder=name,
            variant=chosen,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # a library's own, of whatever kind
        raise BaseNotSupported(f"The model's {folder / name} cannot be loaded: {first_line(error)}") from error
    missing = sorted(map(str, [*loaded["missing_keys"], *loaded["mismatched_keys"]]))
    if missing:
        raise BaseNotSupported(
            f"The model is incomplete: the weights in {folder / name} lack {len(missing)} tensors,"
            f" such as {missing[0]}."
        )
    return part
