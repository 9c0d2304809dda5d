"""A LoRA file of this project put on a pipeline, if it was made for that pipeline's weights."""

from pathlib import Path

from diffusers import StableDiffusionPipeline

from sepme_core.base import base_digest
from sepme_core.increment import IncrementDamaged, IncrementForAnotherBase
from sepme_core.increment_format import read_metadata
from sepme_core.lora import LORA_FORMAT


def load_lora(pipeline: StableDiffusionPipeline, file: Path) -> None:
    """As ``pipeline.load_lora_weights``, for a pipeline as it was loaded in single precision, scheduler included.

    Raises:
        IncrementDamaged: ``file`` is no such file.
        IncrementForAnotherBase: it was made for other weights, on which it would erase something else, or nothing.
    """
    data = file.read_bytes()
    try:
        described = read_metadata(data)
        written, made_for = described["format"], described["base_digest"]
    except (KeyError, TypeError, ValueError) as error:
        raise IncrementDamaged(f"{file} is no LoRA file of {LORA_FORMAT} ({error})") from error
    if written != LORA_FORMAT:
        raise IncrementDamaged(f"{file} is of the format {written}, and no LoRA file of {LORA_FORMAT}")
    here = base_digest(pipeline)
    if made_for != here:
        raise IncrementForAnotherBase(f"{file} was made for base {made_for}, and this is {here}; take that model")
    pipeline.load_lora_weights(str(file))
