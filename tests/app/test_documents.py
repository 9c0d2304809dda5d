"""What the Python code passes on as documents, beside what OpenAPI publishes of them and what the method draws by."""

from dataclasses import fields

import pytest
from pydantic import BaseModel

from app import audit, model
from app.concepts import schemas as concepts
from app.generation.schemas import GenerateBody
from app.images import routes as images
from app.jobs import schemas as jobs
from app.protected import schemas as protected
from sepme_core import documents
from sepme_core.drawing.draw import PictureRequest


@pytest.mark.parametrize(
    ("published", "passed_on"),
    [
        (concepts.Capacity, documents.Capacity),
        (concepts.ConceptDocument, documents.ConceptDocument),
        (concepts.ConceptVersion, documents.VersionDocument),
        (concepts.FurtherNameDocument, documents.FurtherNameDocument),
        (concepts.NamedErasure, documents.AskedErasure),
        (GenerateBody, documents.PictureRequestDocument),
        (jobs.JobDocument, documents.JobDocument),
        (jobs.Mask, documents.MaskDocument),
        (jobs.MaskedConcept, documents.MaskedConcept),
        (jobs.Picture, documents.PictureDocument),
        (jobs.Pictures, documents.PicturesDocument),
        (jobs.Progress, documents.ProgressDocument),
        (images.ImageDocument, documents.ImageDocument),
        (images.Replay, documents.ReplayDocument),
        (protected.ProtectedDocument, documents.ProtectedDocument),
        (audit.AuditEntry, documents.AuditDocument),
        (model.Defaults, documents.ModelDefaults),
        (model.Limits, documents.ModelLimits),
        (model.Suggestions, documents.ModelSuggestions),
    ],
)
def test_what_is_published_of_a_document_has_the_members_that_its_type_has(
    published: type[BaseModel], passed_on: type
) -> None:
    assert set(published.model_fields) == set(passed_on.__annotations__)


def test_of_the_model_more_is_passed_on_than_is_published() -> None:
    more = set(documents.ModelDescription.__annotations__) - set(model.ModelDocument.model_fields)
    assert more == {"revision", "prediction_type"}
    assert set(model.ModelDocument.model_fields) < set(documents.ModelDescription.__annotations__)


def test_a_request_for_pictures_has_all_that_they_are_drawn_by_and_what_is_erased() -> None:
    asked = set(documents.PictureRequestDocument.__annotations__)
    assert asked - {field.name for field in fields(PictureRequest)} == {"erased"}
    assert {field.name for field in fields(PictureRequest)} < asked
