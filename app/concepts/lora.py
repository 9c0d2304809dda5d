"""A concept's increment as a LoRA file, for pipelines outside this service."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.problems import Problem, catalogue
from app.services import Services
from sepme_core.registry import concepts, increments
from sepme_core.registry.errors import BlobDamaged, BlobMissing

MEDIA_TYPE = "application/octet-stream"  # safetensors has no registered media type


class LoraQuery(BaseModel):
    """For which program the file is. Parameters that are not known are refused: a slip would give another file."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["diffusers", "kohya"] = Field(
        default="diffusers",
        description="By whose names: `diffusers` (PEFT) for diffusers' `load_lora_weights`; `kohya` for ComfyUI,"
        " AUTOMATIC1111 and other programs that look for `lora_unet_…`. They ignore names they do not know.",
    )

    def tag(self, digest: str) -> str:
        """The entity tag of an increment's file in this format."""
        return f'"{digest}"' if self.format == "diffusers" else f'"{digest}-{self.format}"'

    def file_name(self, concept: str) -> str:
        """What the file is called."""
        return f"{concept}.safetensors" if self.format == "diffusers" else f"{concept}-{self.format}.safetensors"


def stored_digest(session: Session, name: str) -> str:
    """The digest of the increment that stands for a concept, whether it serves or is restored.

    Raises:
        UnknownConcept: Where there is none with the name.
        Problem: `concept-never-erased`.
    """
    concept = concepts.get(session, name)
    increment = increments.current(session, concept)
    if increment is not None:
        return increment.digest
    live = concepts.document(session, concept)["job"]
    detail = f"{name!r} has no increment yet." if live else f"{name!r} was never erased."
    raise Problem(catalogue.CONCEPT_NEVER_ERASED, detail, concept=name, job=f"/jobs/{live}" if live else None)


def read_lora(services: Services, name: str, digest: str, query: LoraQuery) -> bytes:
    """The LoRA file of a stored increment, in the format asked for.

    Raises:
        Problem: `increment-damaged`.
    """
    from sepme_core.lora import NoIncrement, lora_of_increment  # numpy, which nothing else needs here

    try:
        return lora_of_increment(services.blobs.get(digest), query.format)
    except (BlobMissing, BlobDamaged, NoIncrement) as error:
        detail = f"The increment of {name!r} cannot be used: {error}."
        raise Problem(catalogue.INCREMENT_DAMAGED, detail, concept=name) from error
