"""The command `sepme`: its commands by name, and how each ends. It starts the other rooms as processes."""

import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.main import get_command

from sepme.commands.audit import audit
from sepme.commands.bundle import bundle
from sepme.commands.concepts import concepts
from sepme.commands.doctor import doctor
from sepme.commands.endings import DONE, INTERRUPTED, SAID, USAGE, CannotDo
from sepme.commands.erase import erase
from sepme.commands.generate import generate
from sepme.commands.inspect import inspect
from sepme.commands.jobs import events, jobs
from sepme.commands.keys import keys
from sepme.commands.protected import protected
from sepme.commands.restore import purge, restore
from sepme.commands.serve import serve
from sepme.commands.service import ORDER
from sepme.commands.verify import verify
from sepme.commands.version import version

Command = Callable[..., int]
CONCEPTS, WORK, EVIDENCE, SERVICE = "Concepts and pictures", "Work", "Evidence", "The service"

application = typer.Typer(
    help="Erase concepts from a text-to-image diffusion model, and give them back.",
    epilog=f"{ORDER}\n\n{SAID}",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        raise typer.Exit(version())


@application.callback()
def _before(
    asked_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Nothing is done before a command."""


BY_PANEL: Sequence[tuple[str, Sequence[Command], Sequence[Command]]] = (
    (CONCEPTS, (erase, restore, purge, generate, concepts), ()),
    (WORK, (jobs, events), ()),
    (EVIDENCE, (audit, bundle, verify), (inspect,)),
    (SERVICE, (), (serve, doctor, version)),
)
"""What speaks to a service, and what does not, in the order in which help lists them."""
for panel, at_service, on_machine in BY_PANEL:
    for function in at_service:
        application.command(rich_help_panel=panel, epilog=f"{ORDER}\n\n{SAID}")(function)
    for function in on_machine:
        application.command(rich_help_panel=panel, epilog=SAID)(function)
application.add_typer(protected, name="protected", rich_help_panel=CONCEPTS, epilog=f"{ORDER}\n\n{SAID}")
application.add_typer(keys, name="keys", rich_help_panel=SERVICE, epilog=f"{ORDER}\n\n{SAID}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns: the exit status, as `endings` has it.
    """
    asked = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a character shows another, and nothing fails
    try:
        ended = get_command(application).main(asked, prog_name="sepme", standalone_mode=False)
    except CannotDo as reason:
        return _refuse(str(reason), reason.status)
    except typer.TyperException as reason:
        return _refuse(_usage(reason), USAGE)
    except typer.Abort:
        return INTERRUPTED
    return ended if isinstance(ended, int) else DONE


def _usage(reason: typer.TyperException) -> str:
    """What is wrong with what was typed, and where its help is; "" where the help was shown for want of a command."""
    said, context = reason.format_message(), getattr(reason, "ctx", None)
    return f"{said.rstrip('.')}. See: {context.command_path} --help" if said and context is not None else said


def _refuse(reason: str, status: int) -> int:
    if reason:
        print(f"sepme: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
