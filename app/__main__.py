"""The front end as a process of its own: `python -m app`, settings from the environment."""

import gc
import os
import sys

import uvicorn

from app.main import create_app
from app.server import configuration
from app.webhooks.targets import Refused
from sepme_core import logs
from sepme_core.settings import Settings


def main() -> int:
    """Serve until told to stop.

    Returns: the exit status; EX_CONFIG, with the reason in the last line, where the settings name what cannot be.
    """
    settings = Settings()
    logs.configure(settings)
    try:
        application = create_app(settings)
    except Refused as reason:
        return _give_up(reason)
    gc.collect()
    gc.freeze()  # all of this stays: to look through it for garbage would hold up answers by a tenth of a second
    try:
        uvicorn.Server(configuration(application, settings)).run()
    except SystemExit:  # uvicorn's, where it could not start
        if application.state.refused is None:
            raise
        return _give_up(application.state.refused)
    return os.EX_OK


def _give_up(reason: Refused) -> int:
    print(f"sepme: {reason}", file=sys.__stderr__, flush=True)
    return os.EX_CONFIG


if __name__ == "__main__":
    sys.exit(main())
