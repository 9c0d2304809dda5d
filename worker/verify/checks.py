"""The checks: files, bases, effects, leaks and pictures of what is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from sepme_core.documents.certificates import Certificate, FreshMeasurements, SightDocument
from sepme_core.documents.requests import ErasureRequestDocument, Pinned
from sepme_core.drawing.draw import generate_each
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import ErasureCache, KnownConcept, look_under, recertify
from sepme_core.erasure.evidence import UNSEEN_KINDS
from sepme_core.evaluation.similarity import structural_similarity
from sepme_core.increments.increment import Increment, IncrementDamaged, IncrementForAnotherBase
from sepme_core.problems import INCREMENT_FOR_ANOTHER_BASE
from sepme_core.registry import audit_heads
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.errors import BlobDamaged, BlobMissing
from sepme_core.registry.knowledge import missing_from
from sepme_core.registry.tables import Increment as Version
from sepme_core.wordings import listed
from worker.driving import as_known
from worker.process import IncrementCache
from worker.verify.pictures import Likeness, draw_again
from worker.verify.stored import StoredConcept

LOSS_MARGIN = 0.02
"""A certificate may come out so much worse where another device rounds otherwise."""
LEAK_MARGIN = 0.002
LEAST_LIKENESS = 0.99
"""Of evidence drawn again by another device or other libraries."""
LEAST_MEAN, LEAST_WORST = 0.99, 0.97
"""SSIM of a restored concept's pictures under everything that is erased, against those under nothing."""
PICTURES = 4

ERASE_AGAIN = "Erase the concept again with another `options.seed`."
COMPARE_BACKUP = (
    "Compare GET /audit with a backup of the database, and find out who can write to it. "
    "Where an older backup was put back on purpose, move the file of SEPME_AUDIT_HEADS aside, and keep it."
)
CHECK_DISK = (
    "Run `sepme verify --repair`, or send the same erasure again, and check the disk the blobs are on; where the file "
    "is whole and still no increment, erase the concept again with another `options.seed`."
)


@dataclass(frozen=True)
class Check:
    """One thing that holds or does not, with its numbers, and what to do where it does not.

    `concept` is None for what is checked of the registry as a whole.
    """

    concept: str | None
    name: str
    holds: bool
    detail: str
    remedy: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Verifier:
    """What the checks work with. For one thread at a time."""

    def __init__(self, cache: ErasureCache, blobs: Blobs, stored: Mapping[str, StoredConcept]) -> None:
        self.base, self.blobs, self.stored = cache.base, blobs, stored
        self._increments = IncrementCache(blobs, cache.base)
        self.cache = cache
        self._measured: dict[str, FreshMeasurements] = {}

    @property
    def serving(self) -> list[StoredConcept]:
        """What is erased now."""
        return [each for each in self.stored.values() if each.erased]

    def increment(self, version: Version) -> Increment:
        """The increment of a version; raises why it cannot be used (`UNUSABLE`)."""
        increment = self._increments.get(version.digest)
        if increment.concept != version.concept:
            raise IncrementDamaged(f"increment {version.digest}: it erases {increment.concept!r}")
        return increment

    def measure(self, version: Version) -> FreshMeasurements:
        """Its certificate, measured afresh with what it was made to leave alone, once a version; raises `UNUSABLE`."""
        if version.digest not in self._measured:
            increment = self.increment(version)
            pinned: Pinned = version.pinned
            known, protected = known_when_made(version), as_known(pinned["protected"])
            try:
                self._measured[version.digest] = recertify(self.base, increment, known, protected, self.cache)
            except (KeyError, ValueError) as error:
                raise IncrementDamaged(f"increment {version.digest}: its metadata lacks {error}") from error
        return self._measured[version.digest]


UNUSABLE = (BlobMissing, BlobDamaged, IncrementDamaged, IncrementForAnotherBase)


def known_when_made(version: Version) -> list[KnownConcept]:
    """What a version was made to leave alone; those optimised together with it are not among its pins."""
    request: ErasureRequestDocument = version.request
    pinned: Pinned = version.pinned
    together = request.get("group", []) if version.reason == "erased" else []
    return as_known([*pinned["known"], *(each for each in together if each["name"] != version.concept)])


def check(verifier: Verifier, concept: StoredConcept) -> Iterator[Check]:
    """Everything that is to hold of a concept; beyond its files only where its increment can be used at all."""
    yield from (check_file(verifier, version) for version in concept.versions)
    usable = check_usable(verifier, concept)
    yield usable
    if not usable.holds:
        return
    if concept.erased:
        yield from check_effect(verifier, concept.current)
        yield check_under_all(verifier, concept)
    else:
        yield from (check_leak_on(verifier, serving.current, concept) for serving in verifier.serving)
        yield check_unchanged(verifier, concept)
    yield check_evidence(verifier, concept)


def check_audit(engine: Engine, heads: Path) -> Check:
    """The audit's chain is whole, and has every end that was noted outside the database."""
    found = audit_heads.examine(engine, heads)
    numbers = {"entries": found.entries, "head": found.head}
    detail = found.complaint or f"{found.entries} entries, the last {found.head}"
    return Check(None, "audit", found.complaint is None, detail, COMPARE_BACKUP, numbers)


def check_file(verifier: Verifier, version: Version) -> Check:
    """A version's file is there, whole."""
    name = f"file of version {version.version}"
    try:
        verifier.blobs.get(version.digest)
    except (BlobMissing, BlobDamaged) as error:
        return Check(version.concept, name, False, f"{error}", CHECK_DISK, {"digest": version.digest})
    return Check(version.concept, name, True, version.digest, numbers={"digest": version.digest})


def check_usable(verifier: Verifier, concept: StoredConcept) -> Check:
    """The current version is an increment of this concept for the base that is loaded; one that serves is measured."""
    version = concept.current
    numbers = {"base_digest": version.base_digest}
    try:
        verifier.increment(version)
        if concept.erased:
            verifier.measure(version)
    except UNUSABLE as error:
        remedy = INCREMENT_FOR_ANOTHER_BASE.remedy if isinstance(error, IncrementForAnotherBase) else CHECK_DISK
        return Check(version.concept, "increment", False, f"{error}", remedy, numbers)
    return Check(version.concept, "increment", True, f"made for the base {version.base_digest}", numbers=numbers)


def check_effect(verifier: Verifier, version: Version) -> Iterator[Check]:
    """It still erases its concept, to the eye and by the loss, and leaves the others alone, as its file certifies."""
    now, then = verifier.measure(version), verifier.increment(version).certificate
    yield check_sight(version, "forgotten", now["forgotten"], then)
    loss, certified = now["relative_loss"], then["relative_loss"]
    yield Check(
        version.concept,
        "loss",
        abs(loss - certified) <= LOSS_MARGIN,
        f"{loss:.4f} of the correlation is left; certified {certified:.4f}",
        ERASE_AGAIN,
        {"relative_loss": loss, "certified": certified},
    )
    leak, certified = now["leak"]["max"], then["leak"]["max"]
    yield Check(
        version.concept,
        "leak",
        leak <= certified + LEAK_MARGIN,
        f"the prompts of {now['leak']['concept'] or 'others'} are moved by {leak:.4f}; certified {certified:.4f}",
        ERASE_AGAIN,
        {"leak": leak, "certified": certified},
    )


def check_sight(version: Version, name: str, sight: SightDocument, then: Certificate) -> Check:
    """The concept is not seen in pictures of its own sentences, whatever digests and correlations say."""
    by = " and ".join(sight["by"])
    detail = f"seen in {sight['seen']} of {sight['pictures']} pictures by {by}; at most {sight['limit']} may be"
    if not sight["forgotten"] and "not-forgotten" in then.get("overridden", ()):
        detail += "; it was published so with override: true"
    return Check(version.concept, name, sight["forgotten"], detail, ERASE_AGAIN, dict(sight))


def check_under_all(verifier: Verifier, concept: StoredConcept) -> Check:
    """It is not seen under everything that is erased either: increments may work against each other."""
    name = "forgotten under all that is erased"
    try:
        mask = [verifier.increment(each.current) for each in verifier.serving]
        sight = look_under(verifier.cache, verifier.increment(concept.current), mask)
    except UNUSABLE as error:
        return Check(concept.name, name, False, f"the mask cannot be applied: {error}", CHECK_DISK)
    return check_sight(concept.current, name, sight, verifier.increment(concept.current).certificate)


def check_leak_on(verifier: Verifier, serving: Version, restored: StoredConcept) -> Check:
    """An increment that serves leaves a restored concept alone, as its file certifies."""
    name = f"leak of {serving.concept}"
    try:
        now, then = verifier.measure(serving), verifier.increment(serving).certificate
    except UNUSABLE as error:
        return Check(restored.name, name, False, f"{error}", CHECK_DISK)
    if restored.name in [each["concept"] for each in then["given_up"]]:
        return Check(restored.name, name, True, f"given up when {serving.concept!r} was erased with override: true")
    request: ErasureRequestDocument = serving.request
    pinned: Pinned = serving.pinned
    made_with = [*request.get("group", []), *pinned["known"]]
    if missing_from(made_with, [restored.known]) or restored.name not in now["leak"]["by_concept"]:
        remedy = f"Wait for the re-projection of {serving.concept!r} (GET /jobs), or erase it again."
        return Check(restored.name, name, False, "its increment was made before this concept was known", remedy)
    leak, certified = (measured["leak"]["by_concept"][restored.name] for measured in (now, then))
    return Check(
        restored.name,
        name,
        leak <= certified + LEAK_MARGIN,
        f"the prompts are moved by {leak:.4f}; certified {certified:.4f}",
        f"Erase {serving.concept!r} again.",
        {"leak": leak, "certified": certified},
    )


def check_evidence(verifier: Verifier, concept: StoredConcept) -> Check:
    """The evidence, drawn again: with the increment of a concept that is erased, without of one that is restored."""
    erased = concept.erased
    name = "pictures with the increment" if erased else "pictures without it"
    if concept.concept.kind in UNSEEN_KINDS:
        return Check(concept.name, name, True, f"none are kept or drawn of a concept of kind {concept.concept.kind}")
    rows = [row for row in concept.evidence if bool(row.record["increments"]) == erased]
    kept = sum(listed["erased"] == erased for listed in concept.current.certificate.get("pictures", []))
    if not rows or len(rows) < kept:
        return Check(concept.name, name, False, f"{len(rows)} of {kept} are recorded", ERASE_AGAIN)
    increments = [verifier.increment(concept.current)] if erased else []
    return judge(concept.name, name, draw_again(verifier.base, verifier.blobs, rows, increments))


def judge(concept: str, name: str, alike: Sequence[Likeness]) -> Check:
    """Equal pictures, or nearly equal ones where the device or a library is another than when they were stored."""
    equal = sum(each.equal for each in alike)
    similarities = [each.similarity for each in alike if each.similarity is not None]
    unread = len(alike) - len(similarities)
    near = unread == 0 and min(similarities) >= LEAST_LIKENESS
    comparable = any(each.comparable for each in alike)
    parts = [f"{equal} of {len(alike)} drawn again are equal, pixel by pixel"]
    if equal < len(alike):
        parts += [f"worst SSIM {min(similarities):.4f}"] if similarities else []
        parts += [f"{unread} stored files cannot be read"] if unread else []
        parts += (
            [] if comparable else [f"by another device, library or autoencoder, so SSIM {LEAST_LIKENESS} is enough"]
        )
    return Check(
        concept,
        name,
        equal == len(alike) or (near and not comparable),
        "; ".join(parts),
        f"Compare what differs (GET /concepts/{concept}). {ERASE_AGAIN}",
        {"equal": equal, "of": len(alike), "worst_similarity": min(similarities, default=None)},
    )


def check_unchanged(verifier: Verifier, restored: StoredConcept) -> Check:
    """A restored concept's listed prompts look the same under everything that is erased as under nothing."""
    name, concept = "pictures under all that is erased", restored.concept
    if concept.kind in UNSEEN_KINDS:
        return Check(concept.name, name, True, f"none are drawn of a concept of kind {concept.kind}")
    try:
        mask = [verifier.increment(each.current) for each in verifier.serving]
    except UNUSABLE as error:
        return Check(concept.name, name, False, f"the mask cannot be applied: {error}", CHECK_DISK)
    prompts = listed(concept.kind, concept.prompts)[:PICTURES]
    request = PictureRequest("", **verifier.base.describe()["defaults"])
    without, under = (generate_each(verifier.base, prompts, request, applied) for applied in ([], mask))
    alike = [structural_similarity(a.image, b.image) for a, b in zip(without, under, strict=True)]
    mean, worst = sum(alike) / len(alike), min(alike)
    return Check(
        concept.name,
        name,
        mean >= LEAST_MEAN and worst >= LEAST_WORST,
        f"SSIM {mean:.4f} in the mean and {worst:.4f} at worst; at least {LEAST_MEAN} and {LEAST_WORST}",
        "Erase again what leaks most on it (see `leak` above), or with a smaller `options.tolerance`.",
        {"mean": mean, "worst": worst, "erased": [each.name for each in verifier.serving]},
    )
