import hashlib
import json
from io import BytesIO

import pytest
from PIL import Image
from sqlalchemy import select

from sepme_core.drawing.draw import generate as draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.registry import jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Image as ImageRow
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.rows import claimed, row
from worker import generate
from worker.lease import Cancelled, Lease, LeaseLost
from worker.problems import Refused
from worker.process import WorkerProcess


def asked(count: int = 1) -> PictureRequest:
    """What `asked_for` asks for, in the method's terms."""
    return PictureRequest("a cat", seed=7, count=count, steps=2, guidance_scale=4.0, width=64, height=64)


def run(worker: WorkerProcess, job_id: str) -> None:
    with Lease(worker.engine, claimed(worker.engine, job_id), seconds=8, drain=worker.drain) as lease:
        generate.run(worker, lease)


def pictures(worker: WorkerProcess, job_id: str) -> list[ImageRow]:
    with reading(worker.engine) as session:
        return list(session.scalars(select(ImageRow).where(ImageRow.job_id == job_id).order_by(ImageRow.position)))


def test_pictures_are_those_that_the_method_draws_and_their_files_hold_them(worker: WorkerProcess) -> None:
    increment = random_increment(worker.base, "fox")
    publish(worker, increment)
    job_id = asked_for(worker, ["fox"], count=2)
    run(worker, job_id)
    expected = draw(worker.base, asked(count=2), [increment])
    made = pictures(worker, job_id)
    assert [picture.sha256 for picture in made] == [picture.sha256 for picture in expected]
    assert [picture.seed for picture in made] == [7, 8]
    for picture in made:
        pixels = Image.open(BytesIO(worker.blobs.get(picture.digest))).convert("RGB").tobytes()
        assert hashlib.sha256(pixels).hexdigest() == picture.sha256
    result = row(worker.engine, job_id).result
    assert result is not None
    assert [image["id"] for image in result["images"]] == [picture.id for picture in made]
    assert [concept["digest"] for concept in result["mask"]["concepts"]] == [increment.digest]


def test_the_mask_changes_the_picture_and_an_empty_one_does_not(worker: WorkerProcess) -> None:
    publish(worker, random_increment(worker.base, "fox"))
    masked, unmasked = asked_for(worker, ["fox"]), asked_for(worker, [])
    run(worker, masked)
    run(worker, unmasked)
    plain = draw(worker.base, asked())[0].sha256
    assert pictures(worker, unmasked)[0].sha256 == plain
    assert pictures(worker, masked)[0].sha256 != plain


def test_a_picture_is_made_again_to_the_bit_by_its_record_alone(worker: WorkerProcess) -> None:
    """Its batch whole, as docs/replay.md says: alone, its seed gives other bytes on some machines."""
    steps = worker.base.describe()["defaults"]["steps"]
    job_id = asked_for(worker, [], count=4, steps=steps)
    run(worker, job_id)
    made = pictures(worker, job_id)
    files = [Image.open(BytesIO(worker.blobs.get(picture.digest))) for picture in made]
    records = [json.loads(file.info["sepme"]) for file in files]
    ((seed, count),) = {(record["seed"] - record["row"], record["batch_size"]) for record in records}
    again = asked_for(worker, [], seed=seed, count=count, steps=records[0]["steps"])
    run(worker, again)
    replayed = pictures(worker, again)
    assert [replayed[record["row"]].sha256 for record in records] == [picture.sha256 for picture in made]


def test_what_was_erased_for_good_since_is_added_to_the_mask(worker: WorkerProcess) -> None:
    publish(worker, random_increment(worker.base, "zebra"))
    job_id = asked_for(worker, ["zebra"])
    publish(worker, random_increment(worker.base, "crown"))
    publish(worker, random_increment(worker.base, "fox"), irrevocable=True)
    run(worker, job_id)
    result = row(worker.engine, job_id).result
    assert result is not None
    assert [concept["name"] for concept in result["mask"]["concepts"]] == ["fox", "zebra"]
    record = pictures(worker, job_id)[0].record
    assert [increment["concept"] for increment in record["increments"]] == ["fox", "zebra"]


@pytest.mark.parametrize("damage", ["cut short", "missing"])
def test_a_damaged_increment_is_named_and_never_applied(worker: WorkerProcess, damage: str) -> None:
    digest = publish(worker, random_increment(worker.base, "fox"))
    job_id = asked_for(worker, ["fox"])
    blob = worker.settings.home / "blobs" / digest[7:9] / digest[9:]
    if damage == "missing":
        blob.unlink()
    else:
        blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(Refused) as refusal:
        run(worker, job_id)
    assert refusal.value.document["type"] == "/problems/increment-damaged"
    assert refusal.value.document["status"] == 500
    assert refusal.value.document["concept"] == "fox"
    assert pictures(worker, job_id) == []


def test_an_increment_of_another_base_is_refused_with_the_remedy(worker: WorkerProcess) -> None:
    other = "sha256:" + "0" * 64
    publish(worker, random_increment(worker.base, "fox", base_digest=other))
    with pytest.raises(Refused) as refusal:
        run(worker, asked_for(worker, ["fox"]))
    document = refusal.value.document
    assert (document["type"], document["status"]) == ("/problems/increment-for-another-base", 409)
    assert document["concepts"] == ["fox"]
    assert "POST /erasures" in document["remedy"]


def test_a_request_accepted_for_another_base_is_refused_even_without_a_mask(worker: WorkerProcess) -> None:
    with pytest.raises(Refused) as refusal:
        run(worker, asked_for(worker, [], base_digest="sha256:" + "0" * 64))
    assert refusal.value.document["type"] == "/problems/increment-for-another-base"


def test_a_cancel_ends_the_drawing_between_two_steps(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [], steps=200)
    with Lease(worker.engine, claimed(worker.engine, job_id), seconds=8, drain=worker.drain) as lease:
        with writing(worker.engine) as session:
            jobs.request_cancel(session, job_id)
        with pytest.raises(Cancelled):
            generate.run(worker, lease)
    assert pictures(worker, job_id) == []


def test_a_void_attempt_publishes_nothing(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    void = claimed(worker.engine, job_id, lease_seconds=0.0)
    held = claimed(worker.engine, job_id)
    assert held.attempt == 2
    with pytest.raises(LeaseLost):
        generate.run(worker, Lease(worker.engine, void, seconds=8, drain=worker.drain))
    assert pictures(worker, job_id) == []
    with Lease(worker.engine, held, seconds=8, drain=worker.drain) as lease:
        generate.run(worker, lease)
    assert len(pictures(worker, job_id)) == 1


def test_what_the_pictures_were_drawn_without_is_in_the_result(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [], prompt="a cat " * 7 + "heart", negative_prompt="a (fox:1.3)")
    run(worker, job_id)
    result = row(worker.engine, job_id).result
    assert result is not None
    cut, weighted = result["warnings"]
    assert ("'heart'" in cut, "(fox:1.3)" in weighted) == (True, True)
    assert pictures(worker, job_id)[0].record["warnings"] == result["warnings"]
