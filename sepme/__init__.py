"""What users type: the `sepme` command. It starts the other rooms as processes and imports none of them."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("sepme")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
