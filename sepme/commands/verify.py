"""`sepme verify`: what the registry holds, or a bundle. No service need run, and one may."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sepme.commands import machine
from sepme.commands.endings import CannotDo
from sepme.commands.options import AsJson, Home, Model, Trust

if TYPE_CHECKING:
    from sepme_core.settings import Settings

PROGRAM = "worker.verify"


def verify(
    concept: Annotated[str | None, typer.Option(metavar="NAME", help="Check this concept alone.")] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check this bundle of `sepme bundle` alone: no service, no model."),
    ] = None,
    trust: Trust = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="A picture that is to be the one which the bundle is of."),
    ] = None,
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Draw the bundle's pictures again, too: with the model of SEPME_MODEL.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Ask for jobs that make lost or damaged increments again; a service does them."),
    ] = False,
    home: Home = None,
    model: Model = None,
    as_json: AsJson = False,
) -> int:
    """Check that what is erased is still erased, and what is restored is as it was.

    It measures and draws again what the registry of this machine holds, without a service or beside one. The exit
    status is 0 where all holds, 1 where something does not, and 2 where that cannot be told.
    """
    if bundle is None:
        if trust is not None or redraw or picture is not None:
            raise CannotDo("--trust, --picture and --redraw are for --bundle: name the bundle")
        settings = machine.settings_of_worker(home=home, model=model)
        named = [] if concept is None else ["--concept", concept]
        return _measure(settings, *named, *(["--json"] if as_json else []), *(["--repair"] if repair else []))
    if concept or repair:
        raise CannotDo("--bundle looks at a file alone: leave --concept and --repair out")
    if as_json and redraw:
        raise CannotDo("--json gives one document: ask without --redraw first")
    from sepme.bundle import verify_bundle

    status = verify_bundle(bundle, trust, picture=picture, as_json=as_json)
    if status or not redraw:
        return status
    return _measure(machine.settings_of_worker(home=home, model=model), "--bundle", str(bundle))


def _measure(settings: "Settings", *arguments: str) -> int:
    from sepme.serve.processes import child_environment

    return machine.run(PROGRAM, *arguments, environment=child_environment(settings, settings.home.resolve()))
