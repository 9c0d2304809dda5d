"""The front end as a process of its own: `python -m app`, settings from the environment."""

import logging

import uvicorn

from app.main import create_app
from app.server import configuration
from sepme_core.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    uvicorn.Server(configuration(create_app(settings), settings)).run()


if __name__ == "__main__":
    main()
