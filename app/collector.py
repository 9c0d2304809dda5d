"""The collector: a thread in every API process that deletes what was kept for as long as the settings say.

Bytes that nothing refers to are marked first, and deleted once they have been marked and have lain there untouched for
the grace period; whether something refers to them is looked up again in the transaction that deletes. Storing bytes
anew touches them, so what a worker is about to publish is never taken. Lists of what was known once, which no row pins,
go likewise (`retention`). Several collectors at once are harmless.

`python -m app.collector` collects once: for cron, where the service itself is not to.
"""

import logging
import sys
from collections.abc import Iterator
from itertools import islice
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from app.services import Services, open_services
from sepme_core import logs
from sepme_core.registry import database, retention
from sepme_core.settings import Settings

FIRST_SECONDS = 60.0
"""The start of a service is busy enough."""
EVERY_SECONDS = 3600.0
PATIENCE_SECONDS = 5.0
BLOBS_AT_ONCE = 200
DAY_SECONDS = 86400.0

logger = logging.getLogger(__name__)


class Collector:
    """Collects every hour, from `start` to `stop`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="collector", daemon=True)

    def start(self) -> None:
        """Begin to collect, in a minute."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch under way; one that hangs is not waited for."""
        self._stopping.set()
        self._thread.join(PATIENCE_SECONDS)

    def collect(self) -> None:
        """Delete finished jobs, what they alone pinned, and bytes whose time has come."""
        collected = self._services.measures.collected
        for count in self._forget_jobs():
            collected.labels("jobs").inc(count)
        for count in self._forget_knowledge():
            collected.labels("knowledge").inc(count)
        for count in self._delete_blobs():
            collected.labels("blobs").inc(count)

    def _forget_jobs(self) -> Iterator[int]:
        while not self._stopping.is_set():
            with database.writing(self._services.engine) as session:
                count = retention.forget_jobs(session, self._services.settings.keep_jobs_days)
            yield count
            if count < retention.JOBS_AT_ONCE:
                return

    def _forget_knowledge(self) -> Iterator[int]:
        services, grace = self._services, self._services.settings.orphan_days * DAY_SECONDS
        while not self._stopping.is_set():
            with services.reading() as session:
                found = retention.find(session, grace)
            if found.asks_for_nothing:
                return
            with database.writing(services.engine) as session:
                count = retention.forget(session, found)
            yield count
            if count < retention.AT_ONCE:
                return

    def _delete_blobs(self) -> Iterator[int]:
        services, grace = self._services, self._services.settings.orphan_days * DAY_SECONDS
        with services.reading() as session:
            mark = retention.registry_mark(session)
        if mark is None or not services.blobs.belong_to(mark):
            logger.warning(
                "Nothing is deleted from %s: it is not known to be this registry's.", services.settings.blob_url
            )
            return
        untouched = services.blobs.untouched(grace)
        while not self._stopping.is_set() and (digests := set(islice(untouched, BLOBS_AT_ONCE))):
            yield self._delete(digests, grace)

    def _delete(self, digests: set[str], grace: float) -> int:
        """The lock of the database is held for a batch: nothing comes to refer to it meanwhile."""
        services, days = self._services, self._services.settings.keep_pictures_days
        with services.reading() as session:
            leaving = retention.unreferenced(session, digests, days)
        for digest in digests - leaving:
            services.blobs.stay(digest)
        due = {digest for digest in leaving if services.blobs.leave(digest) >= grace}
        if not due:
            return 0
        with database.writing(services.engine) as session:
            database.serialise(session)
            still = retention.unreferenced(session, due, days)
            return sum(services.blobs.delete_untouched(digest, grace) for digest in still)

    def _run(self) -> None:
        pause = FIRST_SECONDS
        while not self._stopping.wait(pause):
            pause = EVERY_SECONDS
            try:
                self.collect()
            except SQLAlchemyError as error:
                logger.warning("The collector cannot use the database: %s", error)
            except Exception:  # the thread must outlive whatever happens
                logger.exception("The collector failed.")


def main() -> int:
    """Collect once.

    Returns: the exit status: 0, or 2 where the registry cannot be used.
    """
    settings = Settings()
    logs.configure(settings)
    services = open_services(settings)
    try:
        Collector(services).collect()
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip()
        print(f"sepme: the registry cannot be used ({cause}); a service of this release migrates it", file=sys.stderr)
        return 2
    finally:
        services.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
