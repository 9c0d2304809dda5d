"""Whatever clients do in whatever order, and at once: the registry is what a plain model says it is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine

from sepme_core.registry import jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from tests.app import working
from tests.app.running import RunningService

pytestmark = pytest.mark.slow

RUNS, STEPS = 200, 14
NAMES = ("cat", "dog", "fish")
WAYS = (["one"], ["one", "two"])
"""What a concept is said by: another way is another request."""
ATTEMPTS = 3

names, ways = st.sampled_from(NAMES), st.sampled_from(WAYS)


@dataclass
class Expected:
    """What a concept is to be: `made` is how its increment was asked for, `live` the job under way, by its way."""

    state: str = "never-erased"
    made: list[str] | None = None
    made_under: int = 0
    live: tuple[str, list[str]] | None = None


@dataclass
class Drawing:
    """A picture that was asked for, and the mask that it is to have."""

    job_id: str
    mask: list[str]


class Surroundings:
    """The service under test; one for all runs, each of which has concepts of its own."""

    client: httpx.Client
    engine: Engine
    blobs: Blobs
    runs = count()


class Clients(RuleBasedStateMachine):
    """Several clients, and a worker that does one job at a time, in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.run = next(Surroundings.runs)
        self.concepts: dict[str, Expected] = {}
        self.drawings: list[Drawing] = []
        self.protected = 0  # how often what is protected changed

    def name(self, name: str) -> str:
        return f"{name}-{self.run}"

    def at_once(self, ask: Callable[[], httpx.Response], times: int) -> list[httpx.Response]:
        with ThreadPoolExecutor(times) as clients:
            return list(clients.map(lambda _number: ask(), range(times)))

    @rule(name=names, way=ways, clients=st.integers(1, 3))
    def erase(self, name: str, way: list[str], clients: int) -> None:
        body = {"prompts": [f"{self.name(name)} {word}" for word in way]}
        path = f"/concepts/{self.name(name)}/erase"
        answers = self.at_once(lambda: Surroundings.client.post(path, json=body), clients)
        expected = self.concepts.setdefault(name, Expected())
        if expected.live is not None and expected.live[1] != way:
            assert {answer.status_code for answer in answers} == {409}
            return
        jobs_asked = {answer.json()["id"] for answer in answers}
        statuses = {answer.status_code for answer in answers}
        if expected.live is not None:
            assert (statuses, jobs_asked) == ({202}, {expected.live[0]})
        elif expected.made == way and expected.made_under == self.protected:
            assert statuses == {200}, "nothing is left to do"
            expected.state = "erased"
        elif statuses == {200}:
            assert expected.made == way, "what is stored was re-projected since"
            expected.state = "erased"
        else:
            assert (statuses, len(jobs_asked)) == ({202}, 1), "one job, however many ask at once"
            expected.live = (jobs_asked.pop(), way)

    @rule(name=names, clients=st.integers(1, 2))
    def restore(self, name: str, clients: int) -> None:
        path = f"/concepts/{self.name(name)}"
        statuses = {answer.status_code for answer in self.at_once(lambda: Surroundings.client.delete(path), clients)}
        expected = self.concepts.get(name)
        assert statuses == ({404} if expected is None else {200})
        if expected is not None:
            expected.live = None
            expected.state = "restored" if expected.state == "erased" else expected.state

    @rule(name=names)
    def purge(self, name: str) -> None:
        answer = Surroundings.client.delete(f"/concepts/{self.name(name)}", params={"purge": "true"})
        assert answer.status_code == (404 if self.concepts.pop(name, None) is None else 204)

    @rule(name=names)
    def cancel(self, name: str) -> None:
        expected = self.concepts.get(name)
        if expected is not None and expected.live is not None:
            assert Surroundings.client.post(f"/jobs/{expected.live[0]}/cancel").status_code == 202
            expected.live = None

    @rule()
    def protect(self) -> None:
        self.protected += 1
        body = {"prompts": [f"a logo {self.run} {self.protected}"]}
        assert Surroundings.client.put(f"/protected/brand-{self.run}", json=body).status_code in (200, 201)

    @rule(chosen=st.one_of(st.just("active"), st.sets(names)))
    def generate(self, chosen: str | set[str]) -> None:
        erased = chosen if isinstance(chosen, str) else [self.name(name) for name in sorted(chosen)]
        answer = Surroundings.client.post("/generate", json={"prompt": "a cat", "erased": erased})
        drawable = {name for name, each in self.concepts.items() if each.made is not None}
        if isinstance(chosen, set) and not chosen <= drawable:
            assert answer.status_code in (409, 422), "unknown, or still being erased"
            return
        assert answer.status_code == 202
        serving = {name for name, each in self.concepts.items() if each.state == "erased"}
        mask = sorted(self.name(name) for name in (serving if chosen == "active" else chosen))
        self.drawings.append(Drawing(answer.json()["id"], mask))

    @rule()
    def work(self) -> None:
        """The worker does the job whose turn it is."""
        claimant = jobs.Claimant("tester", "erase", working.BASE, ATTEMPTS)
        with writing(Surroundings.engine) as session:
            job_id = jobs.next_in_turn(session, claimant)
        if job_id is None:
            return
        with reading(Surroundings.engine) as session:
            kind = jobs.get(session, job_id).kind
        working.DO[kind](Surroundings.engine, Surroundings.blobs, job_id)
        for expected in self.concepts.values():
            if expected.live is not None and expected.live[0] == job_id:
                expected.made, expected.made_under, expected.state = expected.live[1], self.protected, "erased"
                expected.live = None

    @precondition(lambda self: self.drawings)
    @rule()
    def draw(self) -> None:
        """What is erased or restored after a picture was asked for does not change it."""
        drawing = self.drawings.pop(0)
        working.draw(Surroundings.engine, Surroundings.blobs, drawing.job_id)
        result = Surroundings.client.get(f"/jobs/{drawing.job_id}").json()["result"]
        assert [concept["name"] for concept in result["mask"]["concepts"]] == drawing.mask

    @invariant()
    def every_concept_is_what_it_is_to_be(self) -> None:
        for name in NAMES:
            answer, expected = Surroundings.client.get(f"/concepts/{self.name(name)}"), self.concepts.get(name)
            assert answer.status_code == (404 if expected is None else 200)
            if expected is not None:
                found = answer.json()
                assert (found["state"], found["version"] is not None) == (expected.state, expected.made is not None)
                assert expected.live is None or found["job"] == expected.live[0]

    def teardown(self) -> None:
        for name in NAMES:
            Surroundings.client.delete(f"/concepts/{self.name(name)}", params={"purge": "true"})
        Surroundings.client.delete(f"/protected/brand-{self.run}")
        while (jobs_left := Surroundings.client.get("/jobs", params={"state": "queued"}).json()["items"]) != []:
            for job in jobs_left:
                Surroundings.client.post(f"/jobs/{job['id']}/cancel")


@pytest.mark.usefixtures("model")
def test_the_registry_is_what_a_plain_model_says(
    service: RunningService, client: httpx.Client, engine: Engine, blobs: Blobs
) -> None:
    del service
    Surroundings.client, Surroundings.engine, Surroundings.blobs = client, engine, blobs
    checks: list[Any] = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=checks,
        phases=[Phase.generate],  # a shorter example takes minutes to find, and the steps that failed are printed
    )
    run_state_machine_as_test(Clients, settings=chosen)
