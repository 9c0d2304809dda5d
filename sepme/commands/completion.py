"""What the shell completes: names of concepts, where the service tells them at once."""

from pathlib import Path
from threading import Thread

import typer

PATIENCE_SECONDS = 1.5
"""Whoever pressed the key waits no longer than that."""


def concepts(context: typer.Context, incomplete: str) -> list[str]:
    """Names that begin so; none where the service does not tell."""
    found: list[str] = []
    asking = Thread(target=_ask, args=(dict(context.params), incomplete, found), daemon=True)
    asking.start()
    asking.join(PATIENCE_SECONDS)
    return list(found)


def _ask(chosen: dict[str, str | Path | None], incomplete: str, found: list[str]) -> None:
    from sepme.client import Client, SepmeError
    from sepme.commands.endings import CannotDo
    from sepme.commands.service import chosen as service_of

    url, key_file, profile = (chosen.get(name) for name in ("url", "key_file", "profile"))
    try:
        service = service_of(
            str(url) if url else None, Path(key_file) if key_file else None, str(profile) if profile else None
        )
        with Client(service.url, service.key, retries=0, answer_seconds=PATIENCE_SECONDS) as client:
            names = (concept["name"] for concept in client.concepts.list(page_size=200))
            found.extend(name for name in names if name.startswith(incomplete))
    except (SepmeError, CannotDo):
        return
