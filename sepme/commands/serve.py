"""`sepme serve`: the service on this machine."""

from typing import Annotated

import typer

from sepme.commands import machine
from sepme.commands.endings import DONE, CannotDo
from sepme.commands.options import Home, Model


def serve(
    port: Annotated[str | None, typer.Option(help="The port to listen on (SEPME_PORT; else 8000).")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on (SEPME_HOST; else 127.0.0.1).")] = None,
    home: Home = None,
    model: Model = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Copy the logs of all processes to the terminal.")] = False,
) -> int:
    """Run the service: front end, workers and broker, until Ctrl+C.

    Every option has a variable (SEPME_…), and there are more of them than options: docs/settings.md.
    """
    settings = machine.settings_of_worker(port=port, host=host, home=home, model=model)
    from sepme.serve import run
    from sepme_core import logs

    logs.configure(settings, level="warning")  # what it says itself is said to whoever sits before it
    try:
        run.serve(settings, verbose=verbose)
    except run.CannotServe as refusal:
        raise CannotDo(str(refusal)) from refusal
    return DONE
