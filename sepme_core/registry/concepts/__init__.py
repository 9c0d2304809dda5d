"""Concepts: asked to be erased, erased, restored, purged.

`requests` tells what a request asks, and of which concept; `acceptance` decides what it needs, `foreseeing` tells that
without doing it; `restoring` takes
concepts out of the active set; `masks` resolves names to increments; `reading` finds and lists them.
"""

from sepme_core.registry.concepts.acceptance import (
    Accepted,
    accept_again,
    accept_erasure,
    accept_erasures,
    accept_repairs,
)
from sepme_core.registry.concepts.foreseeing import foresee
from sepme_core.registry.concepts.masks import MaskConcept, MaskResolution, irrevocable_besides, resolve_mask
from sepme_core.registry.concepts.reading import ConceptText, document, etag, get
from sepme_core.registry.concepts.reading import one as text
from sepme_core.registry.concepts.reading import page as page_of_texts
from sepme_core.registry.concepts.requests import erasure_request
from sepme_core.registry.concepts.restoring import purge, restore
from sepme_core.registry.documents import mask_document
from sepme_core.registry.knowledge import decided_concepts, known_concepts, protected_prompts
from sepme_core.registry.tables import Concept

__all__ = [
    "Accepted",
    "Concept",
    "ConceptText",
    "MaskConcept",
    "MaskResolution",
    "accept_again",
    "accept_erasure",
    "accept_erasures",
    "accept_repairs",
    "decided_concepts",
    "document",
    "erasure_request",
    "etag",
    "foresee",
    "get",
    "irrevocable_besides",
    "known_concepts",
    "mask_document",
    "page_of_texts",
    "protected_prompts",
    "purge",
    "resolve_mask",
    "restore",
    "text",
]
