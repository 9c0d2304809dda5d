"""GET /: what this is, and where the documentation is."""

from html import escape
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.hosts import root_of

router = APIRouter(include_in_schema=False)

PAGE = (Path(__file__).parent / "page.html").read_text(encoding="utf-8")


@router.get("/")
async def get_home(request: Request) -> HTMLResponse:
    """A short page; it loads nothing from elsewhere."""
    return HTMLResponse(PAGE.replace("{root}", escape(root_of(request))))
