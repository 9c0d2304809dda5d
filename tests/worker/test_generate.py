import hashlib
import json
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image, ImageChops
from sqlalchemy import select

from sepme_core.drawing.draw import generate as draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.registry import jobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Image as ImageRow
from tests.worker.masks import asked_for, publish, random_increment
from tests.worker.processes import answer, work_off
from tests.worker.rows import claimed, problem, row
from worker import work
from worker.process import WorkerProcess


def asked(count: int = 1) -> PictureRequest:
    """What `asked_for` asks for, in the method's terms."""
    return PictureRequest("a cat", seed=7, count=count, steps=2, guidance_scale=4.0, width=64, height=64)


def pictures(worker: WorkerProcess, job_id: str) -> list[ImageRow]:
    with reading(worker.engine) as session:
        return list(session.scalars(select(ImageRow).where(ImageRow.job_id == job_id).order_by(ImageRow.position)))


def test_pictures_are_those_that_the_method_draws_and_their_files_hold_them(worker: WorkerProcess) -> None:
    increment = random_increment(worker.base, "fox")
    publish(worker, increment)
    job_id = asked_for(worker, ["fox"], count=2)
    answer(worker, job_id)
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
    answer(worker, masked)
    answer(worker, unmasked)
    plain = draw(worker.base, asked())[0].sha256
    assert pictures(worker, unmasked)[0].sha256 == plain
    assert pictures(worker, masked)[0].sha256 != plain


def test_a_picture_is_made_again_to_the_bit_by_its_record_alone(worker: WorkerProcess) -> None:
    """As docs/replay.md says: in batches of the sizes that it was drawn in, whoever was in them."""
    steps = worker.base.describe()["defaults"]["steps"]
    publish(worker, random_increment(worker.base, "fox"))
    together = [asked_for(worker, [], count=2, steps=steps), asked_for(worker, ["fox"], seed=90, steps=9)]
    work_off(replace(worker, queue="generate"))
    made = [picture for job_id in together for picture in pictures(worker, job_id)]
    files = [Image.open(BytesIO(worker.blobs.get(picture.digest))) for picture in made]
    records = [json.loads(file.info["sepme"]) for file in files]
    assert {span["size"] for record in records for span in record["batches"]} == {2, 4}
    for picture, record in zip(made, records, strict=True):
        erased = [each["concept"] for each in record["increments"]]
        taken = {name: record[name] for name in ("seed", "steps", "batches")}
        again = asked_for(worker, erased, **taken)
        answer(worker, again)
        assert [each.sha256 for each in pictures(worker, again)] == [picture.sha256]


def test_what_an_earlier_release_drew_in_one_batch_is_made_again_in_one(worker: WorkerProcess) -> None:
    """Of a size that no batch has any more. It decoded them together, which on some processors rounds otherwise."""
    request = PictureRequest("a cat", seed=7, count=3, steps=25, guidance_scale=4.0, width=64, height=64)
    earlier = [picture.image for picture in draw(worker.base, request)]
    job_id = asked_for(worker, [], count=3, steps=25, batches=[{"size": 3, "steps": 25}])
    answer(worker, job_id)
    made = pictures(worker, job_id)
    again = [Image.open(BytesIO(worker.blobs.get(each.digest))) for each in made]
    assert [each.record["batches"] for each in made] == [[{"size": 3, "steps": 25}]] * 3
    differences = [ImageChops.difference(*both).tobytes() for both in zip(earlier, again, strict=True)]
    assert max(map(max, differences)) <= 1


def test_what_was_erased_for_good_since_is_added_to_the_mask(worker: WorkerProcess) -> None:
    publish(worker, random_increment(worker.base, "zebra"))
    job_id = asked_for(worker, ["zebra"])
    publish(worker, random_increment(worker.base, "crown"))
    publish(worker, random_increment(worker.base, "fox"), irrevocable=True)
    answer(worker, job_id)
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
    answer(worker, job_id)
    refused = problem(worker.engine, job_id)
    assert refused["type"] == "increment-damaged"
    assert refused["status"] == 500
    assert refused["concept"] == "fox"
    assert pictures(worker, job_id) == []


def test_an_increment_of_another_base_is_refused_with_the_remedy(worker: WorkerProcess) -> None:
    other = "sha256:" + "0" * 64
    publish(worker, random_increment(worker.base, "fox", base_digest=other))
    job_id = asked_for(worker, ["fox"])
    answer(worker, job_id)
    document = problem(worker.engine, job_id)
    assert (document["type"], document["status"]) == ("increment-for-another-base", 409)
    assert document["concepts"] == ["fox"]
    assert "POST /erasures" in document["remedy"]


def test_a_request_accepted_for_another_base_is_refused_even_without_a_mask(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [], base_digest="sha256:" + "0" * 64)
    answer(worker, job_id)
    assert problem(worker.engine, job_id)["type"] == "increment-for-another-base"


def test_a_cancel_ends_the_drawing_between_two_steps(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [], steps=200)
    claim = claimed(worker.engine, job_id)
    with writing(worker.engine) as session:
        jobs.request_cancel(session, job_id)
    work.do(worker, claim)
    assert row(worker.engine, job_id).state == "cancelled"
    assert row(worker.engine, job_id).step < 200
    assert pictures(worker, job_id) == []


def test_a_void_attempt_publishes_nothing(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [])
    void = claimed(worker.engine, job_id, lease_seconds=0.0)
    held = claimed(worker.engine, job_id)
    assert held.attempt == 2
    work.do(worker, void)
    assert (row(worker.engine, job_id).state, pictures(worker, job_id)) == ("running", [])
    work.do(worker, held)
    assert len(pictures(worker, job_id)) == 1


def test_what_the_pictures_were_drawn_without_is_in_the_result(worker: WorkerProcess) -> None:
    job_id = asked_for(worker, [], prompt="a cat " * 7 + "heart", negative_prompt="a (fox:1.3)")
    answer(worker, job_id)
    result = row(worker.engine, job_id).result
    assert result is not None
    cut, weighted = result["warnings"]
    assert ("'heart'" in cut, "(fox:1.3)" in weighted) == (True, True)
    assert pictures(worker, job_id)[0].record["warnings"] == result["warnings"]
