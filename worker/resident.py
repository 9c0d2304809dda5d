"""What a worker process keeps from its start to its end: the model, the registry, its name."""

import logging
import os
from dataclasses import dataclass, field

import diffusers
import transformers
from sqlalchemy import Engine

from sepme_core.base import Base, load_base, model_folder
from sepme_core.erasure import Shared
from sepme_core.evaluation.classifier import open_classifier
from sepme_core.registry import audit_heads
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine, migrate
from sepme_core.settings import Settings
from worker.drain import Drain
from worker.groups import LastGroup
from worker.increments import IncrementCache

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resident:
    """One worker process."""

    name: str
    queue: str
    settings: Settings
    engine: Engine
    blobs: Blobs
    base: Base
    increments: IncrementCache
    shared: Shared
    drain: Drain
    last_group: LastGroup = field(default_factory=LastGroup)


def load(settings: Settings, node: str, queue: str) -> Resident:
    """Open the registry and load the model; seconds for the demo model, minutes for one that must be fetched.

    Args:
        settings: the process's settings.
        node: Celery's name for this worker, such as ``erase@host``.
        queue: the queue it serves, ``erase`` or ``generate``.

    Raises:
        BaseNotSupported, OSError: the model, or the classifier, cannot be loaded.
        sqlalchemy.exc.SQLAlchemyError: the database is not usable.
    """
    engine = make_engine(settings.database_url)
    audit_heads.keep(engine, settings.audit_heads)
    migrate(engine)
    blobs = open_blobs(settings.blob_url)
    _disable_progress_bars()
    base = load_base(settings.model, revision=settings.model_revision, device=settings.device)
    logger.info("Loaded %s (%s) on %s.", base.name, base.digest, base.device)
    return Resident(
        name=f"{node}:{os.getpid()}",  # two state folders on one host have equal nodes
        queue=queue,
        settings=settings,
        engine=engine,
        blobs=blobs,
        base=base,
        increments=IncrementCache(blobs, base),
        shared=Shared(base, open_classifier(settings.classifier, model_folder(settings.model))),
        drain=Drain(settings.drain_seconds),
    )


def _disable_progress_bars() -> None:
    """A log is no terminal."""
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
