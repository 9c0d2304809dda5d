"""No picture below the floor of a key and nothing of another's, whatever is asked for and by whichever route.

Random keys ask a running service as `asking` does. What each may have is said by `rights`, from the words of the
documents. A route that hands out pictures or files, or takes a mask, is in `ASKING`, or a test here fails.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from pydantic import BaseModel
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.generation.schemas import Erased
from app.holders import NEEDED
from sepme_core.registry import key_secrets, keys
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.tables import Image, Job
from sepme_core.settings import Settings
from sepme_core.terms import SCOPES
from tests.app import rights, working
from tests.app.asking import ASKING, Drawn, World, enqueue
from tests.app.rights import Key

FEW, MANY = 24, 100
"""Keys, each of which has a picture of its own."""
SHARES = {"generate": 0.8, "mask:choose": 0.5, "admin": 0.15}
FLOORS: Sequence[rights.Names] = ("active", "none", ("cat",), ("dog",), ("kitten", "rocket"), ("sepia", "gone"))


def erase(client: httpx.Client, engine: Engine, blobs: Blobs, name: str, **body: Any) -> None:
    job = client.post(f"/concepts/{name}/erase", json=body).raise_for_status().json()
    working.erase(engine, blobs, job["id"], evidence=True, data=working.increment(name))


def random_key(session: Session, chance: random.Random, pepper: bytes, name: str) -> Key:
    scopes = [scope for scope in SCOPES if chance.random() < SHARES.get(scope, 0.4)] or ["audit:read"]
    some = tuple(chance.sample([*rights.STORED, *rights.FURTHER, rights.PURGED], chance.randint(1, 4)))
    floor = chance.choice([*FLOORS, some])
    made = keys.create(session, keys.Wanted(name, scopes, floor, {}), pepper, "tester")
    return Key(name, frozenset(scopes), floor, made.text)


def draw(client: httpx.Client, engine: Engine, blobs: Blobs, owner: Key, names: Sequence[str]) -> Drawn:
    with writing(engine) as session:
        job_id = enqueue(session, owner.name, names)
    working.draw(engine, blobs, job_id)
    headers = {"Authorization": f"Bearer {owner.text}"}
    (picture,) = client.get(f"/jobs/{job_id}", headers=headers).json()["result"]["images"]
    shown = client.get(picture["url"], headers={**headers, "Accept": "application/json"}).json()
    return Drawn(owner.name, job_id, picture["id"], shown["replay"]["request"])


@pytest.fixture
def world(
    request: pytest.FixtureRequest, client: httpx.Client, engine: Engine, blobs: Blobs, settings: Settings, model: None
) -> World:
    """Concepts erased, restored, erased for good, purged and refused; keys, and a picture of each."""
    del model
    chance, count = random.Random(0), getattr(request, "param", FEW)
    for name in (*rights.STORED, rights.PURGED):
        erase(client, engine, blobs, name, irrevocable=name in rights.FOR_GOOD)
    for name, concept in rights.FURTHER.items():
        erase(client, engine, blobs, name, same_as=concept, irrevocable=concept in rights.FOR_GOOD)
    refused = client.post(f"/concepts/{rights.REFUSED}/erase").json()["id"]
    problem = {"type": "/problems/not-forgotten", "title": "", "status": 409, "detail": "", "pictures": []}
    working.fail_with_pictures(engine, blobs, refused, problem)
    for name in rights.RESTORED:
        client.delete(f"/concepts/{name}").raise_for_status()
    pepper = key_secrets.make_pepper(settings.keys_pepper)
    with writing(engine) as session:
        made = [random_key(session, chance, pepper, f"key-{place}") for place in range(count)]
        ops = keys.create(session, keys.Wanted("ops", ["admin"], "none", {}), pepper, "tester")
    client.delete(
        f"/concepts/{rights.PURGED}", params={"purge": True}, headers={"Authorization": f"Bearer {ops.text}"}
    ).raise_for_status()
    masks = [chance.choice([rights.STORED, chance.sample(rights.STORED, chance.randint(0, 4))]) for _ in made]
    drawn = [draw(client, engine, blobs, owner, mask) for owner, mask in zip(made, masks, strict=True)]
    with reading(engine) as session:
        shown = select(Image.id, Job.concept).join(Job, Job.id == Image.job_id).where(Job.kind != "generate")
        evidence = [(row.id, row.concept) for row in session.execute(shown.order_by(Job.concept, Image.position))]
    return World(client, engine, blobs, made, drawn, evidence)


def try_all(world: World, seed: int, count: int) -> None:
    """Ask so often, each kind of question as often as another; of each kind some are answered and some are refused."""
    chance, had, asked = random.Random(seed), Counter[int](), Counter[int]()
    kinds = [(route, ask) for route, several in ASKING.items() for ask in several]
    for turn in range(count):
        kind = turn % len(kinds)
        route, ask = kinds[kind]
        key = chance.choice(world.keys)
        outcome = ask(world, key, chance)
        assert outcome.had == outcome.may, (route, turn, key)
        asked[kind] += 1
        had[kind] += outcome.had
    shares = {(kinds[kind][0], kind): had[kind] / asked[kind] for kind in asked}
    assert all(0.05 < share < 0.95 for share in shares.values()), shares


def test_no_key_is_given_a_picture_below_its_floor_or_what_is_not_its_own(world: World) -> None:
    try_all(world, seed=0, count=360)


@pytest.mark.slow
@pytest.mark.parametrize("world", [MANY], indirect=True)
def test_of_ten_thousand_requests_none_is_given_a_picture_below_its_floor_or_what_is_not_its_own(world: World) -> None:
    try_all(world, seed=1, count=10_000)


TOLD = {"application/json", "text/event-stream", "text/plain", "text/html"}
"""What is answered in words; all else is a picture or a file, until somebody looks and says that it is none."""
IN_WORDS = {"erased", "b64_json"}
"""Members by which a request has a mask, and an answer a picture."""


def members(document: Mapping[str, Any], part: Any, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """The names of all properties that a part of an OpenAPI document can have."""
    if isinstance(part, list):
        for each in part:
            yield from members(document, each, seen)
    elif isinstance(part, dict):
        reference = part.get("$ref", "")
        if reference and reference not in seen:
            _, section, name = reference.rsplit("/", 2)
            yield from members(document, document["components"][section][name], seen | {reference})
        yield from part.get("properties", {})
        for each in part.values():
            yield from members(document, each, seen)


def handing_out(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The routes that take a mask, or answer pictures or files."""
    found = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = [each for status, each in operation["responses"].items() if status.startswith("2")]
            kinds = {kind for each in answers for kind in each.get("content", {})}
            sent = [operation.get("requestBody", {}), operation.get("parameters", [])]
            named = {*members(document, sent), *(each["name"] for each in operation.get("parameters", []))}
            shown = {*members(document, answers)} & {"b64_json"}
            if kinds - TOLD or named & IN_WORDS or shown:
                found.add((method.upper(), path))
    return found


def test_every_route_that_takes_a_mask_or_hands_out_pictures_or_files_is_asked_above(client: httpx.Client) -> None:
    found = handing_out(client.get("/openapi.json").json())
    assert {
        ("POST", "/generate"),
        ("POST", "/v1/images/generations"),
        ("GET", "/images/{image_id}"),
        ("GET", "/concepts/{name}/lora"),
        ("GET", "/concepts/{name}/bundle"),
    } <= found
    assert found - set(ASKING) == set(), "say in ASKING how it is asked, and in rights.py who may have what it gives"
    assert set(ASKING) <= set(NEEDED)


class Masked(BaseModel):
    erased: Erased


class Nested(BaseModel):
    requests: list[Masked]


class Embedded(BaseModel):
    b64_json: str


async def takes_a_mask(body: Nested) -> None: ...


async def takes_a_mask_by_its_address(erased: str) -> None: ...


async def answers_a_picture() -> Embedded:
    return Embedded(b64_json="")


@pytest.mark.parametrize("endpoint", [takes_a_mask, takes_a_mask_by_its_address, answers_a_picture])
def test_a_route_that_comes_later_is_found(endpoint: Any) -> None:
    application = FastAPI()
    application.post("/later")(endpoint)
    assert handing_out(application.openapi()) == {("POST", "/later")}


@pytest.mark.parametrize("kind", ["image/webp", "application/zip", "application/octet-stream", "video/mp4"])
def test_a_route_that_answers_another_kind_of_file_is_found(kind: str) -> None:
    application = FastAPI()
    application.get("/later", response_class=Response, responses={200: {"content": {kind: {}}}})(answers_a_picture)
    assert handing_out(application.openapi()) == {("GET", "/later")}
