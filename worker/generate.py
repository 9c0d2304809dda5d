"""Draw the pictures of one request under its mask and publish them."""

from collections.abc import Mapping
from typing import Any

from sepme_core.generation import Picture, PictureRequest
from sepme_core.generation import generate as draw
from sepme_core.increment import Increment, IncrementDamaged, IncrementForAnotherBase
from sepme_core.registry import concepts, jobs
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from sepme_core.registry.images import PictureRecord
from worker import problems
from worker.increments import IncrementCache
from worker.lease import Lease, LeaseLost
from worker.resident import Resident

Masked = Mapping[str, Any]  # {"name", "version", "digest"} of a concept in the mask


def run(resident: Resident, lease: Lease) -> None:
    """Do a generate job from the claim to the published pictures.

    Raises:
        Refused: an increment of the mask cannot be applied.
        Interrupted: the lease was lost, the job cancelled, or the worker is stopping.
    """
    mask = _mask(resident, lease.claim)
    increments = [_increment(resident.increments, concept) for concept in mask["concepts"]]
    request = PictureRequest(**{name: lease.claim.request[name] for name in PictureRequest.__dataclass_fields__})
    pictures = draw(
        resident.base, request, increments, lambda step, of: lease.step(step, of, f"denoising step {step} of {of}")
    )
    records = [_store(resident.blobs, picture) for picture in pictures]
    with writing(resident.engine) as session:
        published = jobs.publish_pictures(
            session, lease.claim, images=records, mask=mask, base_digest=resident.base.digest
        )
    if not published:
        raise LeaseLost


def _mask(resident: Resident, claim: jobs.Claim) -> dict[str, Any]:
    """The mask pinned when the request was accepted, and what has been erased irrevocably since."""
    if claim.pinned["base_digest"] != resident.base.digest:
        names = [concept["name"] for concept in claim.pinned["mask"]["concepts"]]
        detail = (
            f"The request was accepted for the base {claim.pinned['base_digest']}, and this worker has loaded "
            f"{resident.base.digest}."
        )
        raise problems.Refused(problems.of_another_base(detail, names))
    with reading(resident.engine) as session:
        added = concepts.irrevocable_since(session, claim.pinned)
    return concepts.mask_document([*claim.pinned["mask"]["concepts"], *added])


def _increment(cache: IncrementCache, concept: Masked) -> Increment:
    name = concept["name"]
    try:
        return cache.get(concept["digest"])
    except IncrementForAnotherBase as error:
        raise problems.Refused(problems.of_another_base(str(error), [name])) from error
    except (BlobMissing, BlobDamaged, IncrementDamaged) as error:
        detail = f"The increment of {name!r} cannot be used: {error}."
        raise problems.Refused(problems.of_damaged_increment(detail, name)) from error


def _store(blobs: Blobs, picture: Picture) -> PictureRecord:
    png = picture.to_png()
    return PictureRecord(
        digest=blobs.put(png),
        bytes=len(png),
        sha256=picture.sha256,
        seed=picture.seed,
        width=picture.width,
        height=picture.height,
        record=picture.record,
    )
