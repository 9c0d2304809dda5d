"""The model that is served, as a worker announced it."""

import asyncio
from time import monotonic
from typing import Any

from fastapi import Request
from sqlalchemy.orm import Session

from app.draining import is_draining
from app.problems import Problem, catalogue
from app.services import Services
from sepme_core.registry import serving

RETRY_SECONDS = 5
PAUSE_SECONDS = 0.5


def served_model(session: Session) -> dict[str, Any]:
    """The description of the model that is served.

    Raises:
        Problem: `model-not-ready` where no worker has announced one yet.
    """
    model = serving.current_model(session)
    if model is None:
        detail = "No worker has loaded a model yet, so its limits are not known."
        raise Problem(catalogue.MODEL_NOT_READY, detail, headers={"Retry-After": str(RETRY_SECONDS)})
    return model


async def wait_for_model(services: Services, request: Request, deadline: float) -> dict[str, Any]:
    """The same, waiting for a worker to announce one until `deadline` (`time.monotonic`).

    Raises:
        Problem: `model-not-ready` where none has by then, or the client has gone.
    """
    while True:
        try:
            return await services.read(served_model)
        except Problem:
            left = deadline - monotonic()
            if left <= 0 or is_draining() or await request.is_disconnected():
                raise
            await asyncio.sleep(min(PAUSE_SECONDS, left))
