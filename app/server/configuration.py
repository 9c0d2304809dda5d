"""How the application is served."""

import uvicorn
from fastapi import FastAPI

from app.server.protocol import bounded
from sepme_core.settings import Settings

CLOSING_SECONDS = 5
"""How long answers under way may take to end once the process was told to stop."""

BACKLOG = 128
"""How many connections the loop accepts at one go: fewer than there may be, so that room is made before the next."""


def configuration(application: FastAPI, settings: Settings) -> uvicorn.Config:
    """uvicorn's configuration by the settings. Forwarded headers are read of named proxies alone."""
    return uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        http=bounded(settings.connections, settings.request_seconds),
        ws="none",
        lifespan="on",
        log_level=settings.log_level,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        backlog=BACKLOG,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
