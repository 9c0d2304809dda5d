"""The reaper: a thread in every API process that looks for rows nobody works on.

Where jobs wait, or have lost their worker, their queue is rung for, unless a ring waits there already; a job that lost
its worker too often is ended as failed. Several reapers at once are harmless: a job is claimed once.
"""

import logging
from threading import Event, Thread

from sqlalchemy.exc import OperationalError

from app.services import Services
from sepme_core.registry import database, idempotency, jobs

PATIENCE_SECONDS = 5.0
KEY_SECONDS = 24 * 3600.0
"""How long an idempotency key is remembered."""
OTHER_BASE_SECONDS = 60.0
"""How long a job for another base than the one served waits for a worker that has it loaded."""

logger = logging.getLogger(__name__)


class Reaper:
    """Sweeps every `sweep_seconds` of the settings, from `start` to `stop`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = Event()
        self._migrated = False
        self._looked_at: jobs.Occasion | None = None
        self._thread = Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin to sweep, at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep under way; one that hangs is not waited for."""
        self._stopping.set()
        self._thread.join(PATIENCE_SECONDS)

    def migrate(self) -> bool:
        """Bring the database to this release's tables, once. False where it cannot be reached; sweeps try again."""
        if not self._migrated:
            try:
                database.migrate(self._services.engine)
            except OperationalError as error:
                logger.warning("The database is not usable yet: %s", error.orig)
                return False
            self._migrated = True
        return True

    def sweep(self) -> None:
        """End what lost its worker too often, forget old idempotency keys, ring where anything waits.

        Re-projections are asked for where something becomes known; what a cancelled or failed erasure left behind, or a
        change of the model, is found here.
        """
        settings = self._services.settings
        with database.writing(self._services.engine) as session:
            occasion = jobs.occasion(session)
            if occasion != self._looked_at:
                jobs.enqueue_reprojections(session)
            parked = jobs.park_exhausted(session, settings.job_attempts)
            refused = jobs.refuse_another_base(session, OTHER_BASE_SECONDS)
            waiting = jobs.waiting_queues(session)
            idempotency.forget(session, KEY_SECONDS)
        self._looked_at = occasion
        for job_id in parked:
            logger.error("Job %s lost its worker %d times and was given up.", job_id, settings.job_attempts)
        for job_id in refused:
            logger.warning("Job %s was for a base that nobody serves any more.", job_id)
        self._services.measures.parked_jobs.inc(len(parked))
        for queue in waiting:
            self._services.doorbell.ring(queue)

    def _run(self) -> None:
        sweeps = self._services.measures.sweeps
        while True:
            try:
                if self.migrate():
                    self.sweep()
                    sweeps.labels("done").inc()
                else:
                    sweeps.labels("failed").inc()
            except OperationalError as error:
                sweeps.labels("failed").inc()
                logger.warning("The reaper cannot use the database: %s", error.orig)
            except Exception:  # the thread must outlive whatever happens
                sweeps.labels("failed").inc()
                logger.exception("The reaper's sweep failed.")
            if self._stopping.wait(self._services.settings.sweep_seconds):
                return
