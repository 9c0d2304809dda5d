"""An application behind a real uvicorn, in a thread of the test."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import httpx
import uvicorn
from fastapi import FastAPI

from app.main import create_app
from app.server import configuration
from app.services import Services
from sepme_core.settings import Settings

PATIENCE = 20.0


@dataclass(frozen=True)
class RunningService:
    """Where the service listens, and its parts."""

    url: str
    application: FastAPI

    @property
    def services(self) -> Services:
        services: Services = self.application.state.services
        return services

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self) -> httpx.Client:
        # No certificates: reading them takes longer than most tests.
        return httpx.Client(base_url=self.url, timeout=PATIENCE, verify=False)


@contextmanager
def running(settings: Settings) -> Iterator[RunningService]:
    application = create_app(settings)
    config = configuration(application, settings.model_copy(update={"port": 0, "log_level": "warning"}))
    config.timeout_graceful_shutdown = 2
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while not server.started:
            assert thread.is_alive(), "uvicorn did not start"
            assert time.monotonic() < deadline, "uvicorn did not start in time"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield RunningService(f"http://127.0.0.1:{port}", application)
    finally:
        server.should_exit = True
        thread.join()
