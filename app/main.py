"""The application: one process, settings from the environment. `python -m app` serves it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app import audit, health, holders, inspections, model, pages, rate_limits, request_ids
from app.attestations import routes as attestations
from app.collector import Collector
from app.concepts import routes as concepts
from app.generation import openai
from app.generation import routes as generation
from app.images import routes as images
from app.jobs import routes as jobs
from app.keys import routes as keys
from app.middleware import (
    BodyMiddleware,
    CrossOriginMiddleware,
    HeadersMiddleware,
    HeadMiddleware,
    HostMiddleware,
    MetricsMiddleware,
)
from app.problems import handlers, refusals
from app.problems import routes as problems
from app.problems.handlers import IncidentMiddleware
from app.problems.problem import move_to_problem_type
from app.protected import routes as protected
from app.reaper import Reaper
from app.services import Services, open_services
from app.studio import assets, drawing
from app.studio import audit as studio_audit
from app.studio import concepts as studio_concepts
from app.studio import jobs as studio_jobs
from app.studio import keys as studio_keys
from app.webhooks import routes as webhooks
from app.webhooks import targets
from app.webhooks.sender import Sender
from sepme_core.pulse import BEAT_SECONDS, touch
from sepme_core.settings import Settings

ROUTERS = (
    concepts.router,
    attestations.router,
    protected.router,
    generation.router,
    openai.router,
    jobs.router,
    images.router,
    inspections.router,
    model.router,
    audit.router,
    keys.router,
    webhooks.router,
    problems.router,
    health.router,
    pages.router,
    assets.router,
    drawing.router,
    studio_concepts.router,
    studio_jobs.router,
    studio_audit.router,
    studio_keys.router,
)

CONTRACT_VERSION = "1.0.0"
"""Of what clients may rely on: fields may be added, never renamed."""

SUMMARY = "Erases concepts from a text-to-image diffusion model and gives them back."
DESCRIPTION = """\
Long work is a job: requests answer 202 with its `Location`, or hold the line with `Prefer: wait=N`. Errors are problem
documents (RFC 9457), their types are listed at `/problems`. Every POST and PUT takes an `Idempotency-Key`,
except those below `/keys` and `/webhooks`, since what shows a key or a secret is kept nowhere, and `/inspections`
and previews, which keep nothing.
A request may be sent with an `X-Request-Id`: its answer, its jobs and the log tell it by that.
"""


def create_app(settings: Settings) -> FastAPI:
    """Make the application. Nothing need be up: without a database it answers 503, without a broker jobs wait.

    Raises:
        targets.Refused: the settings name webhooks that cannot be.
    """
    named = targets.read(settings)
    services = open_services(settings)
    application = FastAPI(
        title="sepme",
        summary=SUMMARY,
        description=DESCRIPTION,
        version=CONTRACT_VERSION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        dependencies=[Depends(holders.check_scope)],
    )
    application.state.services = services
    application.state.targets = named
    application.state.refused = None
    for router in ROUTERS:
        application.include_router(router)
    handlers.install(application)
    refusals.install(application)
    _add_middleware(application, services)
    _describe(application)
    return application


def _describe(application: FastAPI) -> None:
    """Let the application answer `/openapi.json` with its problems under their media type."""

    def openapi() -> dict[str, Any]:
        if application.openapi_schema is None:
            document = get_openapi(
                title=application.title,
                version=application.version,
                summary=application.summary,
                description=application.description,
                license_info=application.license_info,
                routes=application.routes,
            )
            application.openapi_schema = _described(move_to_problem_type(document))
        return application.openapi_schema

    application.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def _described(document: dict[str, Any]) -> dict[str, Any]:
    """With what routes do not say themselves."""
    for describe in (rate_limits.describe, holders.describe, request_ids.describe):
        document = describe(document)
    return document


def _add_middleware(application: FastAPI, services: Services) -> None:
    """The one added last is outermost: metrics see every answer, the incident's included."""
    application.add_middleware(BodyMiddleware)
    application.add_middleware(holders.HolderMiddleware, services=services)
    application.add_middleware(CrossOriginMiddleware)
    application.add_middleware(HostMiddleware, settings=services.settings)
    application.add_middleware(IncidentMiddleware)
    application.add_middleware(rate_limits.RateLimitMiddleware, settings=services.settings)
    application.add_middleware(HeadersMiddleware)
    application.add_middleware(MetricsMiddleware, measures=services.measures)
    application.add_middleware(HeadMiddleware)
    application.add_middleware(request_ids.RequestIdMiddleware)


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    services: Services = application.state.services
    reaper, collector, sender = Reaper(services), Collector(services), Sender(services, application.state.targets)
    if await to_thread.run_sync(reaper.migrate):
        await _follow(application, sender)
    reaper.start()
    pulse = asyncio.create_task(_pulse(services.settings.pulse_file))
    collector.start()
    sender.start()
    try:
        yield
    finally:
        pulse.cancel()
        services.watcher.stop()
        await to_thread.run_sync(reaper.stop)
        await to_thread.run_sync(collector.stop)
        await to_thread.run_sync(sender.stop)
        await to_thread.run_sync(services.close)


async def _follow(application: FastAPI, sender: Sender) -> None:
    """Uvicorn takes any exception for a failure of the program; the reason is kept for whoever runs it."""
    try:
        await to_thread.run_sync(sender.follow)
    except targets.Refused as reason:
        application.state.refused = reason
        await to_thread.run_sync(application.state.services.close)
        raise


async def _pulse(file: Path | None) -> None:
    """Say that the event loop turns, for whoever supervises this process."""
    while file is not None:
        touch(file)
        await asyncio.sleep(BEAT_SECONDS)


def _operation_id(route: APIRoute) -> str:
    return route.name
