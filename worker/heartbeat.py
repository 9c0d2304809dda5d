"""Tell the registry, every two seconds, that this worker lives."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sepme_core.documents.answers import Capacity, ModelDescription
from sepme_core.documents.requests import KnownDocument
from sepme_core.erasure import ErasureSettings, measure_capacity
from sepme_core.registry import concepts, serving
from sepme_core.registry.database import reading, writing
from worker import signing
from worker.driving import as_known
from worker.process import WorkerProcess

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
PATIENCE_SECONDS = 5.0


class Heartbeat:
    """Announces the worker, and the model with its capacity, from a thread each, until it is stopped.

    Measuring the capacity takes time, in which the worker is to be seen alive. A worker announces the model when it
    comes up. What it is once more or fewer prompts are protected, one of the workers of a base says for all: the
    measuring takes seconds that those who optimise could use.
    """

    def __init__(self, worker: WorkerProcess, beat_seconds: float = BEAT_SECONDS) -> None:
        self._worker = worker
        self._beat_seconds = beat_seconds
        self._over = threading.Event()
        self._settled = False  # whether what it announced last was not out of date by then
        self._counted = (0, 0)
        self._announced_for: tuple[list[KnownDocument], list[KnownDocument]] | None = None
        self._alive = threading.Thread(target=self._repeat, args=(self._say_alive,), name="heartbeat", daemon=True)
        self._served = threading.Thread(target=self._repeat, args=(self._say_model,), name="capacity", daemon=True)

    def start(self) -> None:
        """Begin; the first beat comes at once."""
        self._alive.start()
        self._served.start()

    def stop(self) -> None:
        """End, and say that the worker is no more."""
        self._over.set()
        self._alive.join()
        self._served.join(PATIENCE_SECONDS)
        try:
            with writing(self._worker.engine) as session:
                self._count(session)
                serving.withdraw_worker(session, self._worker.name)
        except SQLAlchemyError as trouble:  # it is forgotten by itself when it is not seen for a while
            logger.warning("The worker could not be withdrawn: %s", trouble)

    def _repeat(self, announce: Callable[[], None]) -> None:
        failures = 0
        while True:
            try:
                announce()
            except Exception as trouble:  # noqa: BLE001  (whatever it is, the thread must outlive it)
                failures += 1
                name = threading.current_thread().name
                logger.warning("The %s of this worker could not be told (%d times by now): %s", name, failures, trouble)
            if self._over.wait(self._beat_seconds):
                return

    def _say_alive(self) -> None:
        worker = self._worker
        with writing(worker.engine) as session:
            held_bytes = worker.conditioner.held_bytes
            serving.announce_worker(session, worker.name, worker.queue, worker.base.digest, held_bytes)
            counted = self._count(session)
        self._counted = counted  # only once it is stored: else the next beat says it

    def _count(self, session: Session) -> tuple[int, int]:
        """Add what prompts hit and missed since it was stored last; give what they did in all."""
        hits, misses = self._worker.conditioner.hits, self._worker.conditioner.misses
        if (hits, misses) != self._counted:
            before_hits, before_misses = self._counted
            serving.count_conditioning(session, self._worker.queue, hits - before_hits, misses - before_misses)
        return hits, misses

    def _say_model(self) -> None:
        worker = self._worker
        with reading(worker.engine) as session:
            left_alone = _left_alone(session)
            if left_alone == self._announced_for:
                return
            if self._settled and not self._is_first(session):
                self._announced_for = None  # another one announces; should that one end, this one says it again
                return
        description: ModelDescription = {
            **worker.base.describe(),
            "capacity": self._capacity(*left_alone),
            "signing": signing.announced(worker.settings),
        }
        with writing(worker.engine) as session:
            serving.announce_model(session, description)
        with reading(worker.engine) as session:
            self._settled = (
                _left_alone(session) == left_alone
            )  # if not, it may have written over what another said of the change
        self._announced_for = left_alone

    def _is_first(self, session: Session) -> bool:
        digest = self._worker.base.digest
        alive = [each.name for each in serving.workers(session) if each.base_digest == digest]
        return alive[:1] == [self._worker.name]

    def _capacity(self, known: Sequence[KnownDocument], protected: Sequence[KnownDocument]) -> Capacity:
        """What the model's room is once all of this is protected; measured again only when it changes."""
        asked = (self._worker.cache, as_known(known), as_known(protected), ErasureSettings().tolerance)
        with ThreadPoolExecutor(
            1, f"measuring of {self._worker.name}"
        ) as passing:  # it ends: see `worker.application.Started`
            return passing.submit(measure_capacity, *asked).result()


def _left_alone(session: Session) -> tuple[list[KnownDocument], list[KnownDocument]]:
    return concepts.decided_concepts(session), concepts.protected_prompts(session)
