"""What a worker process keeps from its start to its end: the model, the registry, loaded increments, its name."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import diffusers
import transformers
from sqlalchemy import Engine

from sepme_core.bounded import BoundedCache
from sepme_core.canonical import digest_of
from sepme_core.documents.requests import NamedIncrement, ServingDocument
from sepme_core.drawing.conditioning import Conditioner
from sepme_core.drawing.trial import check_draws
from sepme_core.erasure import ErasureCache, MadeIncrement
from sepme_core.evaluation.classifier import Classifier, open_classifier
from sepme_core.increments.increment import Increment, IncrementDamaged, IncrementForAnotherBase
from sepme_core.increments.mask import MaskCache
from sepme_core.models.compiling import compile_blocks
from sepme_core.models.devices import ask_for_the_same_bytes, pick_device
from sepme_core.models.loading import first_line
from sepme_core.models.model import BaseNotSupported, DiffusionModel, load_base, model_folder
from sepme_core.registry import audit_heads, jobs
from sepme_core.registry.blobs import Blobs, open_blobs
from sepme_core.registry.database import make_engine, migrate
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from sepme_core.registry.images import PictureRecord
from sepme_core.settings import Settings
from worker import problems
from worker.lease import Drain, Lease

logger = logging.getLogger(__name__)
INCREMENT_BYTES = 512 * 2**20
"""What increments are kept in: 300 of Stable Diffusion 1.x's size, whose file and factors take 0.9 MB each."""
Members = Mapping[str, MadeIncrement]


class IncrementCache:
    """Increments of one base by their digest, the least recently used dropped first. For one thread at a time."""

    def __init__(self, blobs: Blobs, base: DiffusionModel, most_bytes: int = INCREMENT_BYTES) -> None:
        self._blobs = blobs
        self._base = base
        self._loaded: BoundedCache[str, Increment] = BoundedCache(most_bytes)

    def get(self, digest: str) -> Increment:
        """The increment with this digest, checked when it is read.

        Raises:
            BlobMissing, BlobDamaged: its bytes are not there, or not those that the digest names.
            IncrementDamaged: the bytes are no increment.
            IncrementForAnotherBase: it was made for another base model than the one loaded here.
        """
        increment = self._loaded.get(digest)
        if increment is None:
            increment = Increment.from_bytes(self._blobs.get(digest), digest=digest, base=self._base)
            self._loaded.keep(digest, increment, increment.held_bytes)
        return increment


def usable_increments(cache: IncrementCache, pinned: Sequence[NamedIncrement]) -> list[Increment]:
    """The increments that a job pinned by ``name`` and ``digest``; raises as `usable_increment` does."""
    return [usable_increment(cache, each["name"], each["digest"]) for each in pinned]


def readable_increments(cache: IncrementCache, pinned: Sequence[NamedIncrement | ServingDocument]) -> list[Increment]:
    """Those of them that can be read: a takedown is not held up by the damaged file of another concept."""
    readable = []
    for each in pinned:
        try:
            readable.append(cache.get(each["digest"]))
        except (IncrementForAnotherBase, BlobMissing, BlobDamaged, IncrementDamaged) as error:
            logger.warning("The increment of %s cannot be looked at: %s", each["name"], error)
    return readable


def usable_increment(cache: IncrementCache, concept: str, digest: str) -> Increment:
    """The increment with this digest, for a job.

    Raises:
        Refused: it is for another base, or not there whole; the problem names the concept.
    """
    try:
        return cache.get(digest)
    except IncrementForAnotherBase as error:
        raise problems.Refused(problems.of_another_base(str(error), [concept])) from error
    except (BlobMissing, BlobDamaged, IncrementDamaged) as error:
        detail = f"The increment of {concept!r} cannot be used: {error}."
        raise problems.Refused(problems.of_damaged_increment(detail, concept)) from error


class LastGroup:
    """What the last joint optimisation of this process made. For one thread at a time."""

    def __init__(self) -> None:
        self._key: str | None = None
        self._made: Members = {}

    def get(self, asked: Mapping[str, Any], make: Callable[[], Members]) -> Members:
        """What was made for `asked` (JSON; all that decides the result), or what `make` makes now."""
        key = digest_of(asked)
        if key != self._key:
            self._key, self._made = None, {}  # `make` may be interrupted
            self._made = make()
            self._key = key
        return self._made


def store_increment(
    blobs: Blobs, made: MadeIncrement, seconds: float, evidence: Sequence[PictureRecord] = ()
) -> jobs.StoredIncrement:
    """Store an increment; `seconds` is how long it took to make, `evidence` its pictures, which are stored."""
    data = made.increment.to_bytes()
    return jobs.StoredIncrement(
        digest=blobs.put(data),
        bytes=len(data),
        base_digest=made.increment.base_digest,
        reason=made.reason,
        certificate={**made.increment.certificate, "seconds": round(seconds, 2)},
        settings=dict(made.increment.metadata["settings"]),
        pictures=evidence,
    )


class ClassifierNotUsable(ValueError):
    """What is to look at pictures cannot be loaded; says why and what to do."""


@dataclass(frozen=True)
class WorkerProcess:
    """One worker process."""

    name: str
    queue: str
    settings: Settings
    engine: Engine
    blobs: Blobs
    base: DiffusionModel
    increments: IncrementCache
    masks: MaskCache
    conditioner: Conditioner
    cache: ErasureCache
    drain: Drain
    last_group: LastGroup = field(default_factory=LastGroup)

    def hold(self, claim: jobs.Claim) -> Lease:
        """A hold of this worker on a job that it claimed."""
        settings = self.settings
        return Lease(
            self.engine,
            claim,
            seconds=settings.lease_seconds,
            drain=self.drain,
            hang_seconds=settings.hang_seconds,
        )


def worker_name(node: str) -> str:
    """The name of this process by Celery's: two state folders on one host have equal nodes."""
    return f"{node}:{os.getpid()}"


def load(settings: Settings, node: str, queue: str) -> WorkerProcess:
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
    base = load_model(settings, compiled=settings.compile and queue == "generate")
    logger.info("Loaded %s (%s) on %s.", base.name, base.digest, base.device)
    return WorkerProcess(
        name=worker_name(node),
        queue=queue,
        settings=settings,
        engine=engine,
        blobs=blobs,
        base=base,
        increments=IncrementCache(blobs, base),
        masks=MaskCache(base),
        conditioner=Conditioner(base),
        cache=ErasureCache(base, load_classifier(settings)),
        drain=Drain(settings.drain_seconds),
    )


def load_model(settings: Settings, *, compiled: bool = False) -> DiffusionModel:
    """The model that the settings name, once it has drawn a trial picture, its U-Net compiled or plain.

    Raises:
        BaseNotSupported: it cannot be loaded, cannot draw, or cannot be compiled.
    """
    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()  # a log is no terminal
        library.utils.logging.set_verbosity_error()  # what matters of their warnings is an error here
        library.utils.logging.disable_default_handler()  # and is logged as everything is
        library.utils.logging.enable_propagation()
    ask_for_the_same_bytes(pick_device(settings.device))
    base = load_base(
        settings.model,
        revision=settings.model_revision,
        variant=settings.model_variant,
        device=settings.device,
        dtype=settings.dtype,
    )
    check_draws(base)
    if compiled:
        base = compile_blocks(base)
        check_draws(base, side=base.picture_side)  # what a first picture would wait for is compiled now
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
