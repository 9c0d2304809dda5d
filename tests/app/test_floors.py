"""No picture below the floor of a key, whatever is asked for and by whichever route."""

import random
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app.generation.acceptance import accept
from app.generation.openai import OpenAIImagesBody
from app.generation.openai import _accept as accept_openai
from app.generation.schemas import GenerateBody
from app.holders import Holder
from app.problems import Problem
from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from tests.app import working

ERASED, RESTORED, FOR_GOOD = ("cat", "sepia"), ("dog", "rocket"), ("weapon",)
ALL = (*ERASED, *RESTORED, *FOR_GOOD)
ACTIVE = {*ERASED, *FOR_GOOD}


@pytest.fixture
def registry(client: Any, engine: Engine, blobs: Blobs, model: None) -> Engine:
    """Concepts erased, restored and erased for good; one more with a further name."""
    del model
    for name in ALL:
        body = {"irrevocable": name in FOR_GOOD}
        working.erase(engine, blobs, client.post(f"/concepts/{name}/erase", json=body).json()["id"])
    for name in RESTORED:
        client.delete(f"/concepts/{name}")
    client.post("/concepts/kitten/erase", json={"same_as": "cat"})
    return engine


FLOORS: tuple[Any, ...] = ("active", "none", ("cat",), ("dog",), ("kitten", "rocket"), ("sepia", "gone"))
MASKS: tuple[Any, ...] = ("active", [], ["cat"], ["kitten"], ["dog"], ["cat", "sepia"], ["weapon"], ["nothing"])


def lacking(floor: Any, mask: set[str]) -> set[str]:
    """What a mask lacks of a floor, by the words of the floor alone."""
    named = {"active": ACTIVE, "none": set()}.get(floor) if isinstance(floor, str) else set(floor)
    return {"cat" if name == "kitten" else name for name in named or ()} - mask


def draws(session: Session, holder: Holder, erased: Any, route: str) -> set[str] | None:
    """The mask that a request is drawn under; None where it is refused."""
    sent = {"prompt": "a cat", "erased": erased}
    try:
        if route == "openai":
            job_id = accept_openai(session, OpenAIImagesBody(**sent), holder)
        else:
            job_id = accept(session, GenerateBody(**sent), holder)
    except Problem:
        return None
    return {concept["name"] for concept in jobs.get(session, job_id).pinned["mask"]["concepts"]}


@dataclass(frozen=True)
class Asked:
    holder: Holder
    erased: Any
    route: str


def random_request(chance: random.Random) -> Asked:
    scopes = {
        "generate",
        *(scope for scope, share in (("mask:choose", 0.5), ("admin", 0.2)) if chance.random() < share),
    }
    floor = chance.choice([*FLOORS, tuple(chance.sample([*ALL, "kitten", "gone"], chance.randint(1, 4)))])
    erased = chance.choice([*MASKS, chance.sample([*ALL, "kitten"], chance.randint(0, len(ALL)))])
    return Asked(Holder("somebody", frozenset(scopes), floor), erased, chance.choice(["generate", "openai"]))


def check(session: Session, asked: Asked) -> bool:
    """Whether it is drawn; never below the floor, and never without what is erased for good."""
    mask = draws(session, asked.holder, asked.erased, asked.route)
    if mask is None:
        return False
    assert not lacking(asked.holder.floor, mask), asked
    assert set(FOR_GOOD) <= mask, asked
    if not asked.holder.has("mask:choose"):
        assert mask in (ACTIVE, lacking(asked.holder.floor, set()) | set(FOR_GOOD)), asked
    return True


def tried(engine: Engine, seed: int, count: int) -> int:
    """How many of so many random requests are drawn."""
    chance, drawn = random.Random(seed), 0
    with writing(engine) as session:
        for _ in range(count):
            drawn += check(session, random_request(chance))
        session.rollback()
    return drawn


def test_no_request_is_drawn_below_the_floor_of_its_key(registry: Engine) -> None:
    assert 100 < tried(registry, 0, 600) < 500


@pytest.mark.slow
def test_of_ten_thousand_requests_none_is_drawn_below_the_floor_of_its_key(registry: Engine) -> None:
    assert 1000 < tried(registry, 1, 10_000) < 9000
