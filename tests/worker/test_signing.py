import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from sepme_core.drawing.draw import generate as draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import ErasureRefused
from sepme_core.problems import NOT_FORGOTTEN
from sepme_core.provenance.identity import open_identity
from sepme_core.provenance.inspection import inspect
from sepme_core.registry.database import reading
from sepme_core.registry.tables import Image as ImageRow
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.processes import answer
from tests.worker.rows import accepted_erasure, claimed, problem, row
from worker import ending, signing
from worker.process import WorkerProcess


def pictures(worker: WorkerProcess, job_id: str) -> list[ImageRow]:
    with reading(worker.engine) as session:
        return list(session.scalars(select(ImageRow).where(ImageRow.job_id == job_id).order_by(ImageRow.position)))


def with_settings(worker: WorkerProcess, **changes: object) -> WorkerProcess:
    return replace(worker, settings=worker.settings.model_copy(update=changes))


def spoil(worker: WorkerProcess) -> Path:
    """The identity that was made cannot be read any more."""
    open_identity(worker.settings)
    leaf = worker.settings.home / "signing" / "leaf.pem"
    leaf.write_text("spoilt")
    return leaf


def drawn(worker: WorkerProcess) -> tuple[Any, list[ImageRow]]:
    job_id = asked_for(worker, [])
    answer(worker, job_id)
    return row(worker.engine, job_id).result, pictures(worker, job_id)


def test_every_picture_of_a_request_states_its_own_seed_mask_and_job(worker: WorkerProcess) -> None:
    digest = publish(worker, random_increment(worker.base, "fox"))
    job_id = asked_for(worker, ["fox"], count=2)
    answer(worker, job_id)
    made = pictures(worker, job_id)
    for picture, seed in zip(made, (7, 8), strict=True):
        png = worker.blobs.get(picture.digest)
        found = inspect(png)
        assert (found.state, len(png)) == ("valid", picture.bytes)
        assert found.statement
        assert found.signer
        assert found.signer.keyid == open_identity(worker.settings).keyid
        assert (found.statement["seed"], found.statement["job"]) == (seed, job_id)
        assert found.statement["mask"] == picture.mask
        assert found.statement["mask"]["concepts"] == [{"name": "fox", "version": 1, "digest": digest}]
        assert found.statement["base_digest"] == worker.base.digest
        assert found.statement["sha256"] == picture.sha256
        assert "prompt" not in found.statement
        assert picture.record["signed"] is True
        assert json.loads(Image.open(BytesIO(png)).info["sepme"]) == picture.record


def test_prompts_are_stated_where_the_operator_says_so(worker: WorkerProcess) -> None:
    _, (picture,) = drawn(with_settings(worker, sign_prompts=True))
    statement = inspect(worker.blobs.get(picture.digest)).statement
    assert statement
    assert (statement["prompt"], statement["negative_prompt"]) == ("a cat", "")


def test_a_picture_that_cannot_be_signed_is_refused(worker: WorkerProcess) -> None:
    spoil(worker)
    job_id = asked_for(worker, [])
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert (refused["type"], refused["status"]) == ("picture-not-signed", 503)
    assert "leaf.pem holds no private key" in refused["detail"]
    assert "SEPME_SIGN_PICTURES=marked" in refused["remedy"]
    assert pictures(worker, job_id) == []


def test_once_the_identity_is_mended_pictures_are_signed_again(worker: WorkerProcess) -> None:
    spoil(worker).unlink()
    _, (picture,) = drawn(worker)
    assert inspect(worker.blobs.get(picture.digest)).state == "valid"


def test_where_it_is_to_be_marked_it_says_that_it_is_not_signed(worker: WorkerProcess) -> None:
    spoil(worker)
    result, (picture,) = drawn(with_settings(worker, sign_pictures="marked"))
    (warning,) = result["warnings"]
    assert warning.startswith("not signed: ")
    assert "leaf.pem" in warning
    assert (picture.record["signed"], picture.record["warnings"]) == (False, [warning])
    png = worker.blobs.get(picture.digest)
    assert inspect(png).state == "unsigned"
    assert json.loads(Image.open(BytesIO(png)).info["sepme"])["warnings"] == [warning]


def test_where_signing_is_off_pictures_say_so(worker: WorkerProcess) -> None:
    result, (picture,) = drawn(with_settings(worker, sign_pictures="off"))
    assert result["warnings"] == []
    assert picture.record["signed"] is False
    assert inspect(worker.blobs.get(picture.digest)).state == "unsigned"
    assert not (worker.settings.home / "signing").exists()


def test_a_refusal_that_rests_on_pictures_is_said_although_they_cannot_be_signed(worker: WorkerProcess) -> None:
    spoil(worker)
    claim = claimed(worker.engine, accepted_erasure(worker.engine))
    request = PictureRequest("a cat", steps=1, guidance_scale=4.0, width=64, height=64)
    refusal = ErasureRefused(NOT_FORGOTTEN, "It is seen.", {})
    refusal.pictures = draw(worker.base, request)
    ending.end(worker, claim, refusal)
    refused = problem(worker.engine, claim.job_id)
    assert refused["type"] == "not-forgotten"
    assert refused["detail"].startswith("It is seen. Its pictures are left out. The picture cannot be signed: ")
    assert pictures(worker, claim.job_id) == []


@pytest.mark.parametrize(
    ("mode", "prepare", "has_key"),
    [
        ("required", open_identity, True),
        ("marked", open_identity, True),
        ("required", None, False),
        ("off", None, False),
    ],
)
def test_the_model_says_whether_pictures_are_signed_and_by_which_key(
    worker: WorkerProcess, mode: str, prepare: Callable[..., object] | None, has_key: bool
) -> None:
    if prepare is None:
        spoil(worker)
    said = signing.announced(worker.settings.model_copy(update={"sign_pictures": mode}))
    keyid = open_identity(worker.settings).keyid if has_key else None
    assert said == {"pictures": mode, "keyid": keyid}
