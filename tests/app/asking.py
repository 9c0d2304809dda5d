"""Random questions of one key to a running service: what was asked for, whether it may be had, and whether it was."""

import io
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session

from sepme_core.registry import concepts, jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Job
from tests.app import rights, working
from tests.app.rights import Key

PNG = b"\x89PNG"
MASKS: Sequence[rights.Names] = ("active", [], ["cat"], ["kitten"], ["cat", "sepia"], ["gun"], ["nothing"], ["gone"])


@dataclass(frozen=True)
class Drawn:
    """A picture that somebody asked for, with the request that makes it again."""

    owner: str
    job: str
    picture: str
    replay: Mapping[str, Any]


@dataclass(frozen=True)
class World:
    """A running service, who has keys for it, and what was made with them."""

    client: httpx.Client
    engine: Engine
    blobs: Blobs
    keys: Sequence[Key]
    drawn: Sequence[Drawn]
    evidence: Sequence[tuple[str, str]]
    """Ids of pictures by which erasures were decided, and whose."""

    def ask(self, key: Key, method: str, path: str, **sent: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key.text}", **sent.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **sent)

    def forget(self, job_id: str) -> None:
        with writing(self.engine) as session:
            session.execute(delete(Job).where(Job.id == job_id))


def enqueue(session: Session, owner: str, names: Sequence[str]) -> str:
    """A request for a picture, whoever may ask for it."""
    pinned = concepts.resolve_mask(session, list(names)).pinned(working.BASE)
    request: Any = {"prompt": "a cat", "erased": list(names), "seed": 1, "count": 1, "negative_prompt": ""}
    request |= working.MODEL["defaults"]
    job = jobs.enqueue(session, kind="generate", request=request, pinned=pinned, concept=None, actor=owner)
    return job.id


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    Attributes:
        may: whether what was asked for may be had, in the words of the documents.
        had: whether it was.
    """

    may: bool
    had: bool


def random_mask(chance: random.Random) -> rights.Names:
    some = [*rights.STORED, *rights.FURTHER]
    return chance.choice([*MASKS, chance.sample(some, chance.randint(0, len(some)))])


def one_of(world: World, key: Key, chance: random.Random) -> Drawn:
    """Something drawn, its own as often as anybody's."""
    own = next(each for each in world.drawn if each.owner == key.name)
    return own if chance.random() < 0.5 else chance.choice(world.drawn)


def check_pinned(world: World, job_id: str, erased: rights.Names) -> None:
    with reading(world.engine) as session:
        mask = jobs.get(session, job_id).pinned["mask"]
    assert {concept["name"] for concept in mask["concepts"]} == rights.mask_of(erased)


def generate(world: World, key: Key, chance: random.Random) -> Outcome:
    return drawn(world, key, {"prompt": "a cat", "erased": random_mask(chance)})


def replay(world: World, key: Key, chance: random.Random) -> Outcome:
    return drawn(world, key, one_of(world, key, chance).replay)


def drawn(world: World, key: Key, body: Mapping[str, Any]) -> Outcome:
    answer = world.ask(key, "POST", "/generate", json=body)
    if answer.is_success:
        check_pinned(world, answer.json()["id"], body["erased"])
        world.forget(answer.json()["id"])
    return Outcome(rights.may_draw(key, body["erased"]), answer.is_success)


def openai(world: World, key: Key, chance: random.Random) -> Outcome:
    """Asked for without waiting, drawn, and asked for again."""
    erased = random_mask(chance)
    body = {"prompt": "a cat", "erased": erased, "seed": 1, "response_format": "b64_json"}
    headers = {"Prefer": "wait=0", "Idempotency-Key": f"{chance.getrandbits(64):x}"}
    ask = partial(world.ask, key, "POST", "/v1/images/generations", json=body, headers=headers)
    answer = ask()
    if answer.status_code != HTTPStatus.GATEWAY_TIMEOUT:
        assert not answer.is_success
        return Outcome(rights.may_draw(key, erased), had=False)
    job_id = answer.json()["job"].rpartition("/")[2]
    check_pinned(world, job_id, erased)
    working.draw(world.engine, world.blobs, job_id)
    shown = ask().raise_for_status().json()
    assert {concept["name"] for concept in shown["mask"]["concepts"]} == rights.mask_of(erased)
    assert shown["data"][0]["b64_json"]
    world.forget(job_id)
    return Outcome(rights.may_draw(key, erased), had=True)


def picture(world: World, key: Key, chance: random.Random) -> Outcome:
    made = one_of(world, key, chance)
    return Outcome(rights.may_see_job(key, made.owner), shown(world, key, chance, made.picture))


def bundle_of_picture(world: World, key: Key, chance: random.Random) -> Outcome:
    made = one_of(world, key, chance)
    answer = world.ask(key, chance.choice(["GET", "HEAD"]), f"/images/{made.picture}/bundle")
    if answer.is_success and answer.content:
        assert "picture.png" in zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    return Outcome(rights.may_have_bundle_of_picture(key, made.owner), answer.is_success)


def evidence(world: World, key: Key, chance: random.Random) -> Outcome:
    picture_id, concept = chance.choice(world.evidence)
    return Outcome(rights.may_see_evidence(key, concept), shown(world, key, chance, picture_id))


def shown(world: World, key: Key, chance: random.Random, picture_id: str) -> bool:
    """Whether a picture, its record or the word that it is the same as ever came back."""
    accept = chance.choice(["image/png", "application/json"])
    headers = {"Accept": accept, **({"If-None-Match": "*"} if chance.random() < 0.2 else {})}
    answer = world.ask(key, chance.choice(["GET", "GET", "HEAD"]), f"/images/{picture_id}", headers=headers)
    if answer.is_success and answer.content:
        assert answer.content.startswith(PNG) if accept == "image/png" else answer.json()["id"] == picture_id
    return answer.is_success or answer.status_code == HTTPStatus.NOT_MODIFIED


def file(world: World, key: Key, chance: random.Random, what: str, may: Callable[[Key, str], bool]) -> Outcome:
    name = chance.choice([*rights.STORED, *rights.FURTHER])
    answer = world.ask(key, chance.choice(["GET", "HEAD"]), f"/concepts/{name}/{what}")
    if what == "bundle" and answer.is_success and answer.content:
        assert zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    return Outcome(may(key, rights.FURTHER.get(name, name)), answer.is_success)


def job(world: World, key: Key, chance: random.Random, what: str = "") -> Outcome:
    made = one_of(world, key, chance)
    answer = world.ask(key, "GET", f"/jobs/{made.job}{what}")
    assert not answer.is_success or made.picture in answer.text
    return Outcome(rights.may_see_job(key, made.owner), answer.is_success)


def listed(world: World, key: Key, chance: random.Random) -> Outcome:
    made = one_of(world, key, chance)
    answer = world.ask(key, "GET", "/jobs", params={"kind": "generate", "limit": 100})
    items = {each["id"] for each in answer.raise_for_status().json()["items"]}
    assert items == {each.job for each in world.drawn if rights.may_see_job(key, each.owner)}
    return Outcome(rights.may_see_job(key, made.owner), made.job in items)


def cancel(world: World, key: Key, chance: random.Random) -> Outcome:
    owner = one_of(world, key, chance).owner
    with writing(world.engine) as session:
        job_id = enqueue(session, owner, [])
    answer = world.ask(key, "POST", f"/jobs/{job_id}/cancel")
    world.forget(job_id)
    return Outcome(rights.may_cancel(key, owner), answer.is_success)


def may_attest(key: Key, _concept: str) -> bool:
    """A statement shows no picture, and gives no file."""
    return key.has("evidence:read")


Asking = Callable[[World, Key, random.Random], Outcome]
ASKING: Mapping[tuple[str, str], Sequence[Asking]] = {
    ("POST", "/generate"): (generate, replay),
    ("POST", "/v1/images/generations"): (openai,),
    ("GET", "/images/{image_id}"): (picture, evidence),
    ("GET", "/images/{image_id}/bundle"): (bundle_of_picture,),
    ("GET", "/concepts/{name}/lora"): (partial(file, what="lora", may=rights.may_have_file),),
    ("GET", "/concepts/{name}/bundle"): (partial(file, what="bundle", may=rights.may_see_evidence),),
    ("GET", "/concepts/{name}/attestation"): (partial(file, what="attestation", may=may_attest),),
    ("GET", "/jobs"): (listed,),
    ("GET", "/jobs/{job_id}"): (job,),
    ("GET", "/jobs/{job_id}/events"): (partial(job, what="/events"),),
    ("POST", "/jobs/{job_id}/cancel"): (cancel,),
}
