"""GET /docs."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.documentation.page import page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_documentation(request: Request) -> HTMLResponse:
    """The calls, for people. Swagger's page would have to be loaded from elsewhere, which many places cannot."""
    return HTMLResponse(page(request.app.openapi()))
