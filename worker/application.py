"""The Celery application: `celery -A worker.application worker --pool threads --concurrency 1 -Q erase`.

Celery carries nothing but the word to look: the rows are the truth, and the reaper rings again. A worker that hears it
does what waits in its queue, one job after the other. Messages are acknowledged afterwards: while a worker is busy it
holds the one it is busy with, and takes no other that an idle one could hear. One that comes again is only looked at
again, so the visibility timeout does not matter.
"""

import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_after_setup,
    celeryd_init,
    setup_logging,
    worker_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from pydantic import ValidationError

from sepme_core import logs
from sepme_core.doorbell import task_of
from sepme_core.drawing.memory import keep_freed_memory
from sepme_core.erasure import prepare
from sepme_core.models.model import BaseNotSupported
from sepme_core.pulse import keep_touching
from sepme_core.settings import Settings
from sepme_core.terms import QUEUES
from worker import doorbell, work
from worker.heartbeat import Heartbeat
from worker.process import ClassifierNotUsable, WorkerProcess, load, worker_name
from worker.trouble import is_trouble, said
from worker.work import LookAhead

logger = logging.getLogger(__name__)

VISIBLE_AGAIN_SECONDS = 300
"""When a message whose worker was killed is heard again."""


@dataclass
class Started:
    """What this worker process runs with, from worker_init on.

    The model is loaded, and works, in a thread of its own: the OpenMP of PyTorch's builds for CPUs lets its threads
    wait for each other asleep, at half the speed and less, once two threads of a process have had parallel work to do.
    """

    worker: WorkerProcess | None = None
    model_thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "model"))
    heartbeat: Heartbeat | None = None
    preparation: LookAhead = field(default_factory=lambda: LookAhead(iter(())))


def _give_up(reason: str) -> SystemExit:
    """An end that a supervisor need not answer with a new start: only the operator can mend what it says.

    The reason is the last line, past Celery's logging and its own view of what standard error is.
    """
    print(f"sepme: {reason}", file=sys.__stderr__, flush=True)
    return SystemExit(os.EX_CONFIG)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as refusal:
        named = "; ".join(
            f"SEPME_{'_'.join(map(str, error['loc'])).upper()}: {error['msg'].removeprefix('Value error, ')}"
            for error in refusal.errors()
        )
        raise _give_up(f"These settings cannot be used: {named}") from None


started = Started()
settings = _settings()


def _application(broker_url: str | None) -> Celery:
    if broker_url is None:
        raise _give_up(
            "SEPME_BROKER_URL is not set. `sepme serve` starts a broker of its own; a worker that is started alone "
            "needs to be told where one listens, for example redis://127.0.0.1:6379/0."
        )
    celery = Celery("sepme", broker=broker_url)
    celery.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,  # not worker_disable_prefetch: it leaves a free worker idle for up to a second
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # for ever: a worker without a broker waits for it
        # Never let redis-py retry (retry_on_timeout): it reconnects behind kombu's back, onto a socket that nobody
        # polls, and the worker is deaf for good once its broker was restarted.
        broker_transport_options={"socket_connect_timeout": 5.0, "visibility_timeout": VISIBLE_AGAIN_SECONDS},
    )
    return celery


def look(*_of_earlier_releases: Any) -> None:
    """Do what waits in this worker's queue until nothing is left. All tasks are this: rows say what is to be done."""
    worker = started.worker
    if worker is None:
        raise RuntimeError("the model is loaded when a worker starts; tasks run nowhere else")
    started.model_thread.submit(_work_off, worker).result()


def _work_off(worker: WorkerProcess) -> None:
    started.preparation.stop()
    try:
        while work.do_next(worker, lambda: doorbell.ring(application, worker.queue)):
            pass
    except Exception as error:
        if not is_trouble(error):
            raise
        logger.warning("The queue cannot be looked at, and is when somebody rings again: %s", said(error))
    finally:
        if not worker.drain.begun:
            started.preparation.start()


def _log(sender: str, instance: Any, **_signal: Any) -> None:
    """Log as every process of the service does, from before the model is loaded."""
    logs.configure(settings, worker=worker_name(sender))
    instance.quiet = settings.log_format == "json"  # Celery's banner is no line of a log


def _log_level(loglevel: int, **_signal: Any) -> None:
    """Celery's own set-up of logging is left out where somebody listens to this; its command line has a level."""
    logging.getLogger().setLevel(loglevel)


def _log_prints(**_signal: Any) -> None:
    application.log.redirect_stdouts("WARNING")


def _load(sender: Any, **_signal: Any) -> None:
    """Load the model before the first message is taken. Runs in the main thread, before any pool."""
    if settings.pulse_file is not None:
        keep_touching(settings.pulse_file)
    queue = _queue(sender.app)
    keep_freed_memory()
    try:
        started.worker = started.model_thread.submit(load, settings, sender.hostname, queue).result()
    except (BaseNotSupported, ClassifierNotUsable) as reason:
        raise _give_up(
            f"The worker for {queue} cannot start with SEPME_MODEL={settings.model}: {' '.join(str(reason).split())}"
        ) from None
    except Exception as reason:
        logger.critical(
            "The worker for %s cannot start with SEPME_MODEL=%s: %s: %s",
            queue,
            settings.model,
            type(reason).__name__,
            reason,
        )
        raise SystemExit(1) from reason
    started.heartbeat = Heartbeat(started.worker)
    started.heartbeat.start()


def _look_ahead(**_signal: Any) -> None:
    if started.worker is not None and started.worker.queue == "erase":
        started.preparation = LookAhead(prepare(started.worker.cache))
        started.preparation.start()


def _queue(celery: Celery) -> str:
    chosen = list(celery.amqp.queues.consume_from)
    if len(chosen) != 1 or chosen[0] not in QUEUES:
        raise _give_up(f"A worker serves one queue. Start it with -Q {' or -Q '.join(QUEUES)}, not {chosen}.")
    return str(chosen[0])


def _begin_drain(**_signal: Any) -> None:
    if started.worker is not None:
        started.worker.drain.begin()


def _withdraw(**_signal: Any) -> None:
    started.preparation.stop()
    if started.heartbeat is not None:
        started.heartbeat.stop()


application = _application(settings.broker_url)
for each in QUEUES:
    application.task(look, name=task_of(each))
celeryd_init.connect(_log)
setup_logging.connect(_log_level)
celeryd_after_setup.connect(_log_prints)
worker_init.connect(_load)
worker_ready.connect(_look_ahead)
worker_shutting_down.connect(_begin_drain)
worker_shutdown.connect(_withdraw)
