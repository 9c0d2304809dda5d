import re

import httpx
from sqlalchemy import Engine

from sepme_core import problems
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.studio.holders import made
from tests.app.studio.test_concepts import ATTACK, text


def test_jobs_tell_their_place_their_progress_and_their_problem(
    client: httpx.Client, engine: Engine, model: None
) -> None:
    del model
    ids = [
        client.post("/generate", json={"prompt": f"{ATTACK} {seed}", "seed": seed}).json()["id"] for seed in range(4)
    ]
    working.report(engine, working.claim(engine, ids[0]), 5)
    working.fail(engine, ids[1], type="/problems/out-of-memory", title="No room", status=503, detail=ATTACK)
    answer = client.get("/studio/jobs")
    assert "<img src=x" not in answer.text
    entries = {each: re.search(f'<li id="job-{each}">.*?</li>', answer.text, re.DOTALL) for each in ids}
    running, failed, following, last = (entry[0] for entry in entries.values() if entry)
    assert '<progress aria-label="Draw' in running
    assert 'value="0.5"' in running
    assert re.search(r"correlation 0.005, about \d+ s left", running)
    assert "<strong>No room.</strong>" in failed
    assert problems.OUT_OF_MEMORY.remedy.split("`")[0] in failed
    assert "next in its queue" in following
    assert "number 2 in its queue" in last
    assert f'data-cancel="{ids[3]}"' in last
    assert "data-cancel" not in failed


def test_what_was_drawn_is_shown(client: httpx.Client, engine: Engine, blobs: Blobs, model: None) -> None:
    del model
    job = client.post("/generate", json={"prompt": "a cat", "count": 2}).json()["id"]
    working.draw(engine, blobs, job)
    assert client.get("/studio/jobs").text.count('src="../images/') == 2


def test_the_filter_takes_empty_fields_for_none(client: httpx.Client, model: None) -> None:
    del model
    client.post("/concepts/cat/erase", json={"case": "A/1", "reason": "because"})
    client.post("/concepts/dog/erase")
    everything = client.get("/studio/jobs?state=&kind=&concept=&case=")
    assert everything.text.count('<li id="job-') == 2
    of_case = client.get("/studio/jobs?state=&kind=erase&concept=&case=A/1")
    assert "case A/1 · because" in text(of_case)
    assert of_case.text.count('<li id="job-') == 1
    assert 'hx-get="../studio/jobs?state=&amp;kind=erase' in of_case.text
    assert client.get("/studio/jobs?kind=nothing").status_code == 422


def test_a_key_sees_its_own_jobs(client: httpx.Client, admin: httpx.Client, model: None) -> None:
    del model
    admin.post("/generate", json={"prompt": "a secret"})
    own = made(admin, "shop", "generate")
    client.post("/generate", json={"prompt": "a cat"}, headers=own)
    page = client.get("/studio/jobs", headers=own).text
    assert "a cat" in page
    assert "a secret" not in page
    assert "jobs:read" in page
    assert "a secret" in client.get("/studio/jobs", headers=made(admin, "all", "jobs:read")).text
