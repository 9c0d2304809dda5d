"""GET /metrics, in the format of Prometheus (or OpenMetrics, where it is asked for)."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header
from fastapi.responses import Response
from prometheus_client.exposition import choose_encoder

from app.problems.responses import PROBLEM_RESPONSE
from app.services import ServicesDependency

router = APIRouter(tags=["health"], responses=PROBLEM_RESPONSE)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(
    services: ServicesDependency, accept: Annotated[str, Header(include_in_schema=False)] = ""
) -> Response:
    """Requests, rings and sweeps of this process, and the registry's jobs and workers."""
    encode, content_type = choose_encoder(accept)
    body = await to_thread.run_sync(encode, services.measures.registry)
    return Response(body, headers={"Content-Type": content_type})
