"""The application: `uvicorn --factory app.main:application`, one process, settings from the environment."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
import app.problems.routes
import app.protected.routes
from app import registry_problems
from app.body_limits import BodyMiddleware
from app.cross_origin import CrossOriginMiddleware
from app.head_requests import HeadMiddleware
from app.metrics.middleware import MetricsMiddleware
from app.openapi import describe
from app.problems import handlers
from app.problems.handlers import IncidentMiddleware
from app.reaper import Reaper
from app.response_headers import HeadersMiddleware
from app.services import Services, open_services
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


def application() -> FastAPI:
    """What uvicorn calls: the application by the environment's settings."""
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return create_app(settings)


def _add_middleware(application: FastAPI, services: Services) -> None:
    """The one added last is outermost: metrics see every answer, the incident's included."""
    application.add_middleware(BodyMiddleware)
    application.add_middleware(CrossOriginMiddleware)
    application.add_middleware(IncidentMiddleware)
    application.add_middleware(HeadersMiddleware)
    application.add_middleware(MetricsMiddleware, measures=services.measures)
    application.add_middleware(HeadMiddleware)


@asynccontextmanager
async def _lifespan(application: FastAPI) -> AsyncIterator[None]:
    services: Services = application.state.services
    reaper = Reaper(services)
    await to_thread.run_sync(reaper.migrate)
    reaper.start()
    try:
        yield
    finally:
        services.watcher.stop()
        await to_thread.run_sync(reaper.stop)
        await to_thread.run_sync(services.close)


def _operation_id(route: APIRoute) -> str:
    return route.name
