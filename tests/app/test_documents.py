"""What the Python code passes on as documents, beside what OpenAPI publishes of them and what the method draws by."""

from dataclasses import fields

import pytest
from pydantic import BaseModel

from app import audit, health, inspections, model
from app.attestations import routes as attestations
from app.concepts import schemas as concepts
from app.generation.schemas import GenerateBody
from app.images import routes as images
from app.jobs import schemas as jobs
from app.keys import schemas as keys
from app.problems import routes as problems
from app.protected import schemas as protected
from app.webhooks import schemas as webhooks
from sepme_core.documents import answers, pictures, requests
from sepme_core.drawing.request import PictureRequest


@pytest.mark.parametrize(
    ("published", "passed_on"),
    [
        (concepts.Capacity, answers.Capacity),
        (concepts.ConceptDocument, answers.ConceptDocument),
        (concepts.ConceptVersion, answers.VersionDocument),
        (concepts.CertifiedVersion, answers.CertifiedVersion),
        (concepts.CloseWords, answers.CloseWords),
        (concepts.ErasurePreview, answers.ErasurePreview),
        (concepts.MadeAgain, answers.MadeAgain),
        (concepts.FurtherNameDocument, answers.FurtherNameDocument),
        (concepts.NamedErasure, requests.AskedErasure),
        (GenerateBody, requests.PictureRequestDocument),
        (jobs.JobDocument, answers.JobDocument),
        (jobs.Mask, requests.MaskDocument),
        (jobs.MaskedConcept, requests.MaskedConcept),
        (jobs.Picture, pictures.PictureDocument),
        (jobs.Pictures, pictures.PicturesDocument),
        (jobs.Progress, answers.ProgressDocument),
        (images.ImageDocument, pictures.ImageDocument),
        (images.Replay, pictures.ReplayDocument),
        (inspections.InspectionDocument, pictures.InspectionDocument),
        (inspections.Signer, pictures.SignerDocument),
        (inspections.StatedIncrement, pictures.StatedIncrement),
        (protected.ProtectedDocument, answers.ProtectedDocument),
        (keys.KeyUse, answers.KeyUse),
        (audit.AuditEntry, answers.AuditDocument),
        (attestations.Envelope, answers.EnvelopeDocument),
        (attestations.Signature, answers.SignatureDocument),
        (health.Life, answers.LifeDocument),
        (health.Part, answers.PartDocument),
        (health.Readiness, answers.ReadinessDocument),
        (keys.KeyDocument, answers.KeyDocument),
        (keys.ShownKey, answers.ShownKey),
        (webhooks.Undelivered, answers.UndeliveredDocument),
        (webhooks.WaitingMessage, answers.WaitingMessage),
        (webhooks.WebhookDocument, answers.WebhookDocument),
        (webhooks.ShownWebhook, answers.ShownWebhook),
        (problems.ProblemDescription, answers.ProblemDescription),
        (model.Defaults, answers.ModelDefaults),
        (model.Limits, answers.ModelLimits),
        (model.ModelDocument, answers.ModelDocument),
        (model.Signing, answers.SigningDocument),
        (model.Suggestions, answers.ModelSuggestions),
    ],
)
def test_what_is_published_of_a_document_has_the_members_that_its_type_has(
    published: type[BaseModel], passed_on: type
) -> None:
    members = {field.alias or name for name, field in published.model_fields.items()}
    assert members == set(passed_on.__annotations__)


def test_of_the_model_more_is_passed_on_than_is_published() -> None:
    more = set(answers.ModelDescription.__annotations__) - set(model.ModelDocument.model_fields)
    assert more == {"revision", "prediction_type"}
    assert set(model.ModelDocument.model_fields) < set(answers.ModelDescription.__annotations__)


def test_a_request_for_pictures_has_all_that_they_are_drawn_by_and_what_is_erased() -> None:
    asked = set(requests.PictureRequestDocument.__annotations__)
    assert asked - {field.name for field in fields(PictureRequest)} == {"erased"}
    assert {field.name for field in fields(PictureRequest)} < asked
