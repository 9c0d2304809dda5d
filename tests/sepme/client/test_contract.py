"""Everything that docs/openapi.json lists can be asked for, by either client."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

from app.holders import documented
from app.main import create_app
from sepme import AsyncClient, SepmeError
from sepme.client.client import Service
from sepme.client.operations import Bound, listing, operation
from sepme_core.settings import Settings
from tests.documents import CHECKOUT

NOT_A_CLIENTS = {
    "generate_openai_images": "OpenAI's clients ask for it",
    "list_openai_models": "OpenAI's clients ask for it",
    "get_openai_model": "OpenAI's clients ask for it",
    "get_metrics": "Prometheus asks for it",
}

CALLS: dict[str, Callable[[AsyncClient], Any]] = {
    "generate": lambda client: client.generate("a cat", wait=False),
    "replay": lambda client: client.replay("picture"),
    "model": lambda client: client.model(),
    "concepts.list": lambda client: client.concepts.list(),
    "concepts.get": lambda client: client.concepts.get("cat"),
    "concepts.get_tagged": lambda client: client.concepts.get_tagged("cat"),
    "concepts.versions": lambda client: client.concepts.versions("cat"),
    "concepts.version": lambda client: client.concepts.version("cat", 1),
    "concepts.preview": lambda client: client.concepts.preview("cat", kind="object"),
    "concepts.erase": lambda client: client.concepts.erase("cat", wait=False),
    "concepts.erase_all": lambda client: client.concepts.erase_all([{"name": "cat"}], wait=False),
    "concepts.erase_again": lambda client: client.concepts.erase_again(wait=False),
    "concepts.restore": lambda client: client.concepts.restore("cat", case="1", reason="mistake", if_match="*"),
    "concepts.purge": lambda client: client.concepts.purge("cat", case="1"),
    "concepts.lora": lambda client: client.concepts.lora("cat", format="kohya"),
    "concepts.attestation": lambda client: client.concepts.attestation("cat"),
    "concepts.bundle": lambda client: client.concepts.bundle("cat"),
    "protected.list": lambda client: client.protected.list(),
    "protected.get": lambda client: client.protected.get("logo"),
    "protected.put": lambda client: client.protected.put("logo", ["Acme"], case="1", reason="ours"),
    "protected.delete": lambda client: client.protected.delete("logo", case="1"),
    "jobs.list": lambda client: client.jobs.list(state="queued", kind="erase", concept="cat", case="1"),
    "jobs.get": lambda client: client.jobs.get("job"),
    "jobs.cancel": lambda client: client.jobs.cancel("job"),
    "images.get": lambda client: client.images.get("picture"),
    "images.record": lambda client: client.images.record("picture"),
    "images.bundle": lambda client: client.images.bundle("picture"),
    "images.inspect": lambda client: client.images.inspect(b"no picture"),
    "audit.list": lambda client: client.audit.list(concept="cat", case="1", order="newest"),
    "keys.list": lambda client: client.keys.list(),
    "keys.get": lambda client: client.keys.get("shop"),
    "keys.create": lambda client: client.keys.create("shop", []),
    "keys.rotate": lambda client: client.keys.rotate("shop", overlap_seconds=60),
    "keys.revoke": lambda client: client.keys.revoke("shop"),
    "webhooks.list": lambda client: client.webhooks.list(),
    "webhooks.get": lambda client: client.webhooks.get("shop"),
    "webhooks.create": lambda client: client.webhooks.create("shop", "https://127.0.0.1/", events=["job.failed"]),
    "webhooks.delete": lambda client: client.webhooks.delete("shop"),
    "webhooks.enable": lambda client: client.webhooks.enable("shop"),
    "webhooks.rotate": lambda client: client.webhooks.rotate("shop", overlap_seconds=60),
    "webhooks.test": lambda client: client.webhooks.test("shop"),
    "problems.list": lambda client: client.problems.list(),
    "problems.get": lambda client: client.problems.get("too-many"),
    "health.live": lambda client: client.health.live(),
    "health.ready": lambda client: client.health.ready(full=True),
}
FROM_A_JOB = {"GET /jobs/{job_id}/events": "jobs.events"}


@pytest.fixture
def application(settings: Settings, engine: Engine) -> Iterator[ASGIApp]:
    del engine  # it has announced a model
    application = create_app(settings)
    yield application
    application.state.services.close()


def test_every_operation_is_asked_for_as_the_service_takes_it(application: ASGIApp) -> None:
    """What the service answers does not matter here, but that it knows path, parameters and members of the body."""
    reached: set[str] = set()
    refused: dict[str, Any] = {}

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        await application(scope, receive, send)
        if "route" in scope:
            reached.add(f"{scope['method']} {documented(scope['route'].path)}")

    async def ask_everything() -> None:
        transport = httpx.ASGITransport(noting, client=("127.0.0.1", 1))
        async with AsyncClient("http://127.0.0.1", transport=transport, retries=0) as client:
            for name, call in CALLS.items():
                try:
                    await everything(call(client))
                except SepmeError as error:
                    if getattr(error, "slug", "") in {"invalid-request", "malformed-json", "path-not-found"}:
                        refused[name] = error
            job = await client.concepts.erase("dog", wait=False)
            await job.cancel()
            assert [event.kind async for event in job.events()] == ["cancelled"]

    asyncio.run(ask_everything())
    # An empty list of scopes and an address of this machine are refused; so nothing is made that closes the service.
    assert set(refused) == {"keys.create", "webhooks.create"}
    assert {field["pointer"] for error in refused.values() for field in error.errors} == {"#/scopes", "#/url"}
    assert reached == published()


async def everything(asked: Any) -> None:
    if isinstance(asked, Awaitable):
        await asked
    else:
        async for _ in asked:
            pass


def published() -> set[str]:
    """Every operation of the contract that is a client's."""
    document = json.loads((CHECKOUT / "docs/openapi.json").read_text(encoding="utf-8"))
    operations = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert operations.keys() >= NOT_A_CLIENTS.keys()
    return {route for name, route in operations.items() if name not in NOT_A_CLIENTS}


def test_every_method_of_the_client_is_among_those() -> None:
    assert set(methods(Service)) == CALLS.keys()


def methods(kind: type, prefix: str = "") -> Iterator[str]:
    """The methods that ask, of a client and of what stands below it."""
    for name, member in inspect.getmembers_static(kind):
        if isinstance(member, operation | listing):
            yield prefix + name
        elif isinstance(member, property) and not prefix:
            below = inspect.signature(member.fget).return_annotation.__origin__  # type: ignore[arg-type]
            assert issubclass(below, Bound)
            yield from methods(below, f"{name}.")
