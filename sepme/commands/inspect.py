"""`sepme inspect`: who signed a picture, and what it states."""

from pathlib import Path
from typing import Annotated

import typer

from sepme.commands.options import AsJson, Trust


def inspect(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE.png")], trust: Trust = None, as_json: AsJson = False
) -> int:
    """Say who signed a picture, whether that holds, and what it states.

    It reads the signed manifest (C2PA): no service, model or network is needed. The exit status is 0 where it is
    valid, 1 where it is not or there is none, and 2 where that cannot be told.
    """
    from sepme import inspecting

    return inspecting.inspect(picture, trust=trust, as_json=as_json)
