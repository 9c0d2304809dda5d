"""What a worker does while nobody wants anything of it: it looks ahead, and gives way to every job."""

import logging
import threading
from collections.abc import Iterator

logger = logging.getLogger(__name__)


class Preparation:
    """Work in small pieces, done in a thread between jobs. To be started and stopped from one thread at a time.

    Args:
        pieces: does a piece of the work at every step.
    """

    def __init__(self, pieces: Iterator[None]) -> None:
        self._pieces = pieces
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._done = False

    def start(self) -> None:
        """Begin, or go on where it was left; nothing where all is done."""
        if self._done:
            return
        self._over.clear()
        self._thread = threading.Thread(target=self._work, name="preparation", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return once the piece under way is done, with nothing under way."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            while not self._over.is_set():
                next(self._pieces)
        except StopIteration:
            self._done = True
        except Exception:  # the jobs make what is missing, and say what is wrong
            self._done = True
            logger.exception("The worker could not look ahead at what erasures have in common.")
