"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]
Home = Annotated[str | None, typer.Option(metavar="FOLDER", help="The state folder (SEPME_HOME).")]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="A Stable Diffusion 1.x or 2.x folder or hub id (SEPME_MODEL; else the demo model)."
    ),
]
Trust = Annotated[
    Path | None,
    typer.Option(metavar="CA.PEM", help="Whose signatures are good: the certificates (PEM) of authorities."),
]
Local = Annotated[
    bool, typer.Option("--local", help="On this machine's registry, whatever service the environment names.")
]
Case = Annotated[
    str | None,
    typer.Option(metavar="CASE", help="Under which it is filed, such as a notice's number (the audit has it)."),
]
Reason = Annotated[str | None, typer.Option(metavar="TEXT", help="Why, in one line; kept likewise.")]
