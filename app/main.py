"""The application: one process, settings from the environment. `python -m app` serves it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from fastapi.routing import APIRoute

import app.audit.routes
import app.concepts.routes
import app.documentation.routes
import app.erasures.routes
import app.generation.routes
import app.health.routes
import app.home.routes
import app.images.routes
import app.jobs.routes
import app.metrics.routes
import app.model.routes
import app.openai_images.routes
import app.openai_models.routes
import app.problems.routes
import app.protected.routes
from app import rate_limits, registry_problems
from app.body_limits import BodyMiddleware
from app.collector import Collector
from app.cross_origin import CrossOriginMiddleware
from app.head_requests import HeadMiddleware
from app.hosts import HostMiddleware
from app.metrics.middleware import MetricsMiddleware
from app.openapi import describe
from app.problems import handlers
from app.problems.handlers import IncidentMiddleware
from app.reaper import Reaper
from app.response_headers import HeadersMiddleware
from app.services import Services, open_services
from sepme_core.pulse import BEAT_SECONDS, touch
from sepme_core.settings import Settings

ROUTERS = (
    app.concepts.routes.router,
    app.erasures.routes.router,
    app.protected.routes.router,
    app.generation.routes.router,
    app.openai_images.routes.router,
    app.jobs.routes.router,
    app.images.routes.router,
    app.model.routes.router,
    app.openai_models.routes.router,
    app.audit.routes.router,
    app.problems.routes.router,
    app.health.routes.router,
    app.metrics.routes.router,
    app.documentation.routes.router,
    app.home.routes.router,
)

CONTRACT_VERSION = "1.0.0"
"""Of what clients may rely on: fields may be added, never renamed."""

SUMMARY = "Erases concepts from a text-to-image diffusion model and gives them back."
DESCRIPTION = """\
Long work is a job: requests answer 202 with its `Location`, or hold the line with `Prefer: wait=N`. Errors are problem
documents (RFC 9457), their types are listed at `/problems`. Every POST and PUT takes an `Idempotency-Key`.
"""


def create_app(settings: Settings) -> FastAPI:
    """Make the application. Nothing need be up: without a database it answers 503, without a broker jobs wait."""
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
    )
    application.state.services = services
    for router in ROUTERS:
        application.include_router(router)
    handlers.install(application)
    registry_problems.install(application)
    _add_middleware(application, services)
    describe(application)
    return application


def _add_middleware(application: FastAPI, services: Services) -> None:
    """The one added last is outermost: metrics see every answer, the incident's included."""
    application.add_middleware(BodyMiddleware)
    application.add_middleware(CrossOriginMiddleware)
    application.add_middleware(HostMiddleware, settings=services.settings)
    application.add_middleware(IncidentMiddleware)
    application.add_middleware(rate_limits.RateLimitMiddleware, settings=services.settings)
    application.add_middleware(HeadersMiddleware)
    application.add_middleware(MetricsMiddleware, measures=services.measures)
    application.add_middleware(HeadMiddleware)


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    services: Services = application.state.services
    reaper, collector = Reaper(services), Collector(services)
    await to_thread.run_sync(reaper.migrate)
    reaper.start()
    pulse = asyncio.create_task(_pulse(services.settings.pulse_file))
    collector.start()
    try:
        yield
    finally:
        pulse.cancel()
        services.watcher.stop()
        await to_thread.run_sync(reaper.stop)
        await to_thread.run_sync(collector.stop)
        await to_thread.run_sync(services.close)


async def _pulse(file: Path | None) -> None:
    """Say that the event loop turns, for whoever supervises this process."""
    while file is not None:
        touch(file)
        await asyncio.sleep(BEAT_SECONDS)


def _operation_id(route: APIRoute) -> str:
    return route.name
