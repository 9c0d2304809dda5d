"""The front end as a process of its own: `python -m app`, settings from the environment."""

import gc

import uvicorn

from app.main import create_app
from app.server import configuration
from sepme_core import logs
from sepme_core.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    logs.configure(settings)
    application = create_app(settings)
    gc.collect()
    gc.freeze()  # all of this stays: to look through it for garbage would hold up answers by a tenth of a second
    uvicorn.Server(configuration(application, settings)).run()


if __name__ == "__main__":
    main()
