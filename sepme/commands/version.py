"""`sepme version`."""

import json

from sepme import __version__
from sepme.commands.endings import DONE
from sepme.commands.options import AsJson


def version(as_json: AsJson = False) -> int:
    """Print the version."""
    print(json.dumps({"version": __version__}) if as_json else f"sepme {__version__}")
    return DONE
