"""A concept's increment as a LoRA file, for pipelines outside this service."""

from sqlalchemy.orm import Session

from app.problems import Problem, catalogue
from app.services import Services
from sepme_core.registry import concepts, increments
from sepme_core.registry.errors import BlobDamaged, BlobMissing

MEDIA_TYPE = "application/octet-stream"  # safetensors has no registered media type


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


def read_lora(services: Services, name: str, digest: str) -> bytes:
    """The LoRA file of a stored increment.

    Raises:
        Problem: `increment-damaged`.
    """
    from sepme_core.lora import NoIncrement, lora_of_increment  # numpy, which nothing else needs here

    try:
        return lora_of_increment(services.blobs.get(digest))
    except (BlobMissing, BlobDamaged, NoIncrement) as error:
        detail = f"The increment of {name!r} cannot be used: {error}."
        raise Problem(catalogue.INCREMENT_DAMAGED, detail, concept=name) from error
