"""What an installation may lack: without the extra it is the front end and the command line. No torch."""

from importlib.util import find_spec

OF_WORKERS = ("torch", "diffusers", "transformers")


def worker_lacking() -> str:
    """Why no worker can run in this installation, and what to do; empty where one can."""
    missing = [name for name in OF_WORKERS if find_spec(name) is None]
    if not missing:
        return ""
    return f"{', '.join(missing)}: not installed, and a worker needs that. Install it: pip install 'sepme[worker]'"
