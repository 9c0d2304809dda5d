"""Draw the pictures of one request under its mask and publish them."""

from collections.abc import Mapping
from typing import Any, cast

from sepme_core.documents.requests import MaskDocument, PinnedMask
from sepme_core.drawing.draw import generate as draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.models.prompts import warnings_of
from sepme_core.registry import concepts, jobs
from sepme_core.registry.database import reading
from worker import problems
from worker.lease import Lease, LeaseLost
from worker.process import WorkerProcess, store_picture, usable_increments
from worker.trouble import insist


def run(worker: WorkerProcess, lease: Lease) -> None:
    """Do a generate job from the claim to the published pictures.

    Raises:
        Refused: an increment of the mask cannot be applied.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    mask = _mask(worker, cast("PinnedMask", lease.claim.pinned))
    increments = usable_increments(worker.increments, mask["concepts"])
    asked: Mapping[str, Any] = lease.claim.request
    request = PictureRequest(**{name: asked[name] for name in PictureRequest.__dataclass_fields__})
    pictures = draw(
        worker.base, request, increments, lambda step, of: lease.step(step, of, f"denoising step {step} of {of}")
    )
    records = [store_picture(worker.blobs, picture) for picture in pictures]
    warnings = warnings_of(worker.base, request.prompt, request.negative_prompt)
    published = insist(
        worker.engine,
        lambda session: jobs.publish_pictures(
            session, lease.claim, images=records, mask=mask, base_digest=worker.base.digest, warnings=warnings
        ),
    )
    if not published:  # or something was erased for good meanwhile, and the job is queued again to be drawn with it
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
