"""What an installation may lack: without extras it is the front end and the command line. No torch."""

from collections.abc import Sequence
from importlib.util import find_spec

OF_WORKERS = ("torch", "diffusers", "transformers", "c2pa")
OF_INSPECTING = ("c2pa", "PIL")


def worker_lacking() -> str:
    """Why no worker can run in this installation, and what to do; empty where one can."""
    return _lacking(OF_WORKERS, "a worker needs that")


def inspecting_lacking() -> str:
    """The same of looking at the manifests of pictures."""
    return _lacking(OF_INSPECTING, "to read the manifests of pictures takes that")


def _lacking(wanted: Sequence[str], why: str) -> str:
    missing = [name for name in wanted if find_spec(name) is None]
    return f"{', '.join(missing)}: not installed, and {why}. Install it: pip install 'sepme[worker]'" if missing else ""
