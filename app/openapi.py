"""The OpenAPI document, served at `/openapi.json` and committed: `python -m app.openapi` writes `docs/openapi.json`."""

import json
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app import rate_limits
from app.problems.problem import move_to_problem_type

COMMITTED = Path(__file__).parents[1] / "docs" / "openapi.json"


def describe(application: FastAPI) -> None:
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
            application.openapi_schema = rate_limits.describe(move_to_problem_type(document))
        return application.openapi_schema

    application.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents


def text(document: dict[str, Any]) -> str:
    """The document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(place: Path = COMMITTED) -> None:
    """Write the document of an application that is made for it and never started."""
    from app.main import create_app
    from sepme_core.settings import Settings

    with tempfile.TemporaryDirectory() as home:
        place.parent.mkdir(exist_ok=True)
        place.write_text(text(create_app(Settings(home=Path(home))).openapi()), encoding="utf-8")


if __name__ == "__main__":
    write()
