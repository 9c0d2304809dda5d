"""What a worker process keeps from its start to its end: the model, the registry, its name."""

import logging
import os
from dataclasses import dataclass, field

import diffusers
import transformers
from sqlalchemy import Engine

from sepme_core.base import Base, BaseNotSupported, load_base, model_folder
from sepme_core.erasure import Shared
from sepme_core.evaluation.classifier import Classifier, open_classifier
from sepme_core.loading import first_line
from sepme_core.registry import audit_heads
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine, migrate
from sepme_core.settings import Settings
from sepme_core.trial import check_draws
from worker.drain import Drain
from worker.groups import LastGroup
from worker.increments import IncrementCache

logger = logging.getLogger(__name__)


class ClassifierNotUsable(ValueError):
    """What is to look at pictures cannot be loaded; says why and what to do."""


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
        BaseNotSupported: the model cannot be loaded, or cannot draw.
        ClassifierNotUsable: the classifier cannot be loaded.
        sqlalchemy.exc.SQLAlchemyError: the database is not usable.
    """
    engine = make_engine(settings.database_url)
    audit_heads.keep(engine, settings.audit_heads)
    migrate(engine)
    blobs = open_blobs(settings.blob_url)
    base = load_model(settings)
    logger.info("Loaded %s (%s) on %s.", base.name, base.digest, base.device)
    return Resident(
        name=f"{node}:{os.getpid()}",  # two state folders on one host have equal nodes
        queue=queue,
        settings=settings,
        engine=engine,
        blobs=blobs,
        base=base,
        increments=IncrementCache(blobs, base),
        shared=Shared(base, load_classifier(settings)),
        drain=Drain(settings.drain_seconds),
    )


def load_model(settings: Settings) -> Base:
    """The model that the settings name, once it has drawn a trial picture.

    Raises:
        BaseNotSupported: it cannot be loaded, or cannot draw.
    """
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()  # a log is no terminal
        library.utils.logging.set_verbosity_error()  # what matters of their warnings is an error here
    base = load_base(
        settings.model, revision=settings.model_revision, variant=settings.model_variant, device=settings.device
    )
    check_draws(base)
    try:
        base.describe()  # what the front end is told must be there to be told
    except Exception as error:
        raise BaseNotSupported(f"The model {base.name} cannot be described ({first_line(error)}).") from error
    return base


def load_classifier(settings: Settings) -> Classifier | None:
    """The classifier that the settings name, or that lies beside the model.

    Raises:
        ClassifierNotUsable: it cannot be loaded.
    """
    try:
        return open_classifier(settings.classifier, model_folder(settings.model))
    except Exception as error:  # a library's own, of whatever kind
        place = settings.classifier or model_folder(settings.model) / "judge"
        raise ClassifierNotUsable(
            f"The classifier in {place} cannot be loaded ({first_line(error)});"
            " set SEPME_CLASSIFIER to the folder of a CLIP model in safetensors, or unset it."
        ) from error
