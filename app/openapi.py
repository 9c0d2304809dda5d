"""The OpenAPI document as it is committed: `python -m app.openapi` writes `docs/openapi.json`."""

import json
import tempfile
from pathlib import Path
from typing import Any

from app.main import create_app
from sepme_core.settings import Settings

COMMITTED = Path(__file__).parents[1] / "docs" / "openapi.json"


def text(document: dict[str, Any]) -> str:
    """The document as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(place: Path = COMMITTED) -> None:
    """Write the document of an application that is made for it and never started."""
    with tempfile.TemporaryDirectory() as home:
        place.parent.mkdir(exist_ok=True)
        place.write_text(text(create_app(Settings(home=Path(home))).openapi()), encoding="utf-8")


if __name__ == "__main__":
    write()
