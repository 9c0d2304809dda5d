"""The pictures of one request under its mask: from the claim to rows to be denoised, and from these to its result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sepme_core.documents.requests import MaskDocument, PinnedMask
from sepme_core.drawing.batch import Row, begin
from sepme_core.drawing.request import Picture, PictureRequest
from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import reading
from worker import problems
from worker.lease import Lease, LeaseLost
from worker.process import WorkerProcess, usable_increments
from worker.signing import store_picture
from worker.trouble import insist


@dataclass(eq=False)
class Drawing:
    """A request under way.

    Attributes:
        lease: The hold on its job.
        request: What is asked for.
        mask: What is erased, as the result says it.
        rows: Its pictures in the making, all of them, in the order of the request.
        waiting: Those that are in no batch yet.
        pictures: Those that are drawn, by their number.
    """

    lease: Lease
    request: PictureRequest
    mask: MaskDocument
    rows: Sequence[Row]
    waiting: list[Row] = field(init=False)
    pictures: dict[int, Picture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waiting = list(self.rows)

    @property
    def alone(self) -> bool:
        """Whether it is drawn by itself: a worker was lost over it, and perhaps by its fault."""
        return self.lease.claim.losses > 0

    @property
    def complete(self) -> bool:
        """Whether all are drawn."""
        return len(self.pictures) == len(self.rows)

    @property
    def progress(self) -> tuple[int, int, str]:
        """The step it is at, of how many, in the mean of its pictures, and that in words."""
        of = self.rows[0].steps
        step = sum(row.done for row in self.rows) // len(self.rows)
        return step, of, f"denoising step {step} of {of}"


def prepare(worker: WorkerProcess, lease: Lease) -> Drawing:
    """Make the rows of a claimed request.

    Raises:
        Refused: an increment of the mask cannot be applied.
    """
    mask = _mask(worker, cast("PinnedMask", lease.claim.pinned))
    increments = usable_increments(worker.increments, mask["concepts"])
    asked: Mapping[str, Any] = {"batches": (), **lease.claim.request}
    request = PictureRequest(**{name: asked[name] for name in PictureRequest.__dataclass_fields__})
    return Drawing(lease, request, mask, begin(worker.base, worker.conditioner, request, worker.masks.get(increments)))


def publish(worker: WorkerProcess, drawing: Drawing) -> None:
    """End the job with its pictures.

    Raises:
        Refused: a picture cannot be signed, and may not be published without.
        LeaseLost: nothing was published: another attempt has begun, or something was erased for good meanwhile and the
            job is queued again to be drawn with it.
    """
    pictures = [drawing.pictures[place] for place in range(len(drawing.rows))]
    job_id = drawing.lease.claim.job_id
    records = [store_picture(worker, picture, drawing.mask, job_id) for picture in pictures]
    warnings = list(dict.fromkeys(warning for each in records for warning in each.record.get("warnings", ())))
    published = insist(
        worker.engine,
        lambda session: jobs.publish_pictures(
            session,
            drawing.lease.claim,
            images=records,
            mask=drawing.mask,
            base_digest=worker.base.digest,
            warnings=warnings,
            said=drawing.progress,
        ),
    )
    if not published:
        raise LeaseLost


def _mask(worker: WorkerProcess, pinned: PinnedMask) -> MaskDocument:
    """The mask pinned when the request was accepted, and whatever is erased for good by now."""
    if pinned["base_digest"] != worker.base.digest:
        names = [concept["name"] for concept in pinned["mask"]["concepts"]]
        detail = (
            f"The request was accepted for the base {pinned['base_digest']}, and this worker has loaded "
            f"{worker.base.digest}."
        )
        raise problems.Refused(problems.of_another_base(detail, names))
    with reading(worker.engine) as session:
        added = concepts.irrevocable_besides(session, pinned["mask"])
    return concepts.mask_document([*pinned["mask"]["concepts"], *added])
