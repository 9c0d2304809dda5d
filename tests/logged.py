"""What this process logs, written as when it runs alone."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sepme_core import logs
from sepme_core.settings import Settings


@contextmanager
def logged(settings: Settings) -> Iterator[io.StringIO]:
    """All that is logged meanwhile, from `info` up."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.formatter(settings))
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield written
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
