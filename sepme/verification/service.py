"""Is what must be erased erased? Asked of a service over its public contract alone, with neither registry nor home."""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sepme.client import ProblemError, SepmeError
from sepme.commands import problems
from sepme.commands.endings import DONE, FINDING, SERVICE, USAGE
from sepme.verification.checks import Check
from sepme.verification.drawing import FIRST_SEED, UNSEEN_KINDS, NewPictures, Redrawn, draw_new, redraw
from sepme.verification.judging import Looked, ToLookAt, look
from sepme_core.provenance import bundle
from sepme_core.provenance.concept_walk import ConceptBundle
from sepme_core.provenance.walk import opened, walk
from sepme_core.terms import is_slug

if TYPE_CHECKING:
    from cryptography import x509

    from sepme.client import Client
    from sepme_core.documents.answers import ConceptDocument

STATE, BUNDLE, EVIDENCE, MASK, SEEN = "state", "bundle", "evidence drawn again", "mask", "new pictures looked at"
TIMES = 3
"""So often evidence is drawn again of an increment that is made anew meanwhile, since others became known."""
ERASE_AGAIN = "Erase it again: `sepme erase {name}`, and look who restored it: `sepme audit --concept {name}`."
DO_NOT_RELY = "Do not rely on it: compare with an earlier bundle, and ask whoever runs the service."
COMPARE = "Somebody may have changed increments or pictures: run `sepme verify` on the service's own machine."
NEEDED = "It takes a key of floor `none` with the scopes generate, mask:choose and evidence:read; or pass {option}."


@dataclass(frozen=True)
class Asked:
    """What is to be verified.

    Attributes:
        concept: This one alone, besides what is expected; None: all that is erased.
        expected: What must be erased, whatever else is.
        trusted: Whose signatures are good; none: whoever signed is taken for good, which is said.
        pictures: The folder for pictures; None: none is kept.
        redraw: Whether evidence is drawn again.
        look: Whether new pictures are looked at.
        seed: Of the first new picture.
    """

    concept: str | None = None
    expected: Sequence[str] = ()
    trusted: "Sequence[x509.Certificate]" = field(default=())
    pictures: Path | None = None
    redraw: bool = True
    look: bool = True
    seed: int = FIRST_SEED


@dataclass(frozen=True)
class Drawn:
    """A concept's new pictures, and whether their files stay."""

    concept: "ConceptDocument"
    pictures: NewPictures
    kept: bool

    @property
    def files(self) -> tuple[str, ...]:
        """Those that stay."""
        return tuple(map(str, self.pictures.files)) if self.kept else ()


def verify(client: "Client", asked: Asked) -> Iterator[Check]:
    """All checks, as they are made. What cannot be told is a check that says so, and never one that holds."""
    try:
        base_digest = client.model()["base_digest"]
        concepts = {concept["name"]: concept for concept in client.concepts.list(page_size=200)}
    except SepmeError as error:
        yield _untold(None, "service", error)
        return
    names = to_verify(concepts, asked)
    if not names:
        detail = "nothing is erased there, and nothing was said to be: there is nothing to verify"
        yield Check(None, "concepts", USAGE, detail, "Say with --expect what must be erased.")
    drawn: list[Drawn] = []
    with TemporaryDirectory(prefix="sepme-verify-") as folder:
        for name in names:
            yield from _verify_concept(client, asked, name, concepts.get(name), base_digest, Path(folder), drawn)
        if asked.look and drawn:
            yield from check_looks(base_digest, drawn)


def to_verify(concepts: "Mapping[str, ConceptDocument]", asked: Asked) -> list[str]:
    """The names of what must be erased, each once; further names are those of their concepts."""
    own = {further["name"]: name for name, concept in concepts.items() for further in concept["further_names"]}
    erased = [name for name, concept in concepts.items() if concept["state"] == "erased"]
    wanted = [*asked.expected, *([asked.concept] if asked.concept else erased)]
    return sorted({own.get(name, name) for name in wanted})


def _verify_concept(
    client: "Client",
    asked: Asked,
    name: str,
    concept: "ConceptDocument | None",
    base_digest: str,
    folder: Path,
    drawn: list[Drawn],
) -> Iterator[Check]:
    state = check_state(name, concept, base_digest)
    yield state
    if concept is None or not state.holds:
        return
    kept = asked.pictures is not None and concept["kind"] not in UNSEEN_KINDS
    place = (asked.pictures if asked.pictures is not None and kept else folder) / name
    yield check_bundle(client, concept, asked.trusted)
    if asked.redraw:
        yield check_evidence(client, concept, place if kept else None)
    try:
        new = Drawn(concept, draw_new(client, concept, place, asked.seed), kept)
        yield check_mask(client, new)
    except SepmeError as error:
        yield _untold(name, MASK, error)
        return
    drawn.append(new)


def check_state(name: str, concept: "ConceptDocument | None", base_digest: str) -> Check:
    """It is there, erased, by an increment for the model that is served."""
    remedy = ERASE_AGAIN.format(name=name)
    if not is_slug(name):  # it is to be a folder's name, too
        return Check(name, STATE, FINDING, "no concept can have this name", "Names are of a-z, 0-9 and hyphens.")
    if concept is None or concept["state"] == "never-erased":
        return Check(name, STATE, FINDING, "it was to be erased, and was never erased there", f"`sepme erase {name}`.")
    if concept["state"] != "erased":
        detail = f"it was to be erased, and is {concept['state']} (since {concept['updated_at']})"
        return Check(name, STATE, FINDING, detail, remedy)
    if concept["base_digest"] != base_digest:
        detail = f"its increment is for {concept['base_digest']}, and {base_digest} is served"
        return Check(name, STATE, FINDING, detail, "Erase everything again for this model: POST /erasures/again.")
    numbers = {"version": concept["version"], "digest": concept["digest"]}
    return Check(name, STATE, DONE, f"erased by version {concept['version']}, {concept['digest']}", None, numbers)


def check_bundle(client: "Client", concept: "ConceptDocument", trusted: "Sequence[x509.Certificate]") -> Check:
    """Its bundle holds link by link, and attests what the service says of it."""
    name = concept["name"]
    try:
        files = bundle.unzipped(io.BytesIO(client.concepts.bundle(name).content))
    except bundle.BundleUnreadable as reason:
        return Check(name, BUNDLE, FINDING, f"what the service gives for it is no bundle: {reason}", DO_NOT_RELY)
    except SepmeError as error:
        return _untold(name, BUNDLE, error)
    links = list(walk(files, trusted))
    if not links[-1].holds:
        return Check(name, BUNDLE, FINDING, f"{links[-1].name}: {links[-1].detail}", DO_NOT_RELY)
    held = opened(files, trusted)
    if not isinstance(held, ConceptBundle):
        return Check(name, BUNDLE, FINDING, "what the service gives for it is a picture's bundle", DO_NOT_RELY)
    attested = held.attested
    if (attested["concept"], attested["state"]) != (name, "erased"):
        detail = f"what it attests is that {attested['concept']} is {attested['state']}"
        return Check(name, BUNDLE, FINDING, detail, DO_NOT_RELY)
    whose = "" if trusted else "; nobody said whose signature is good (--trust)"
    since = f"erased since {attested['since']['at']} by {held.increment}"
    return Check(name, BUNDLE, DONE, f"{len(links)} links, all hold: {since}{whose}")


def check_evidence(client: "Client", concept: "ConceptDocument", folder: Path | None) -> Check:
    """The pictures that were drawn with its increment, asked for again, are the same."""
    name = concept["name"]
    if concept["kind"] in UNSEEN_KINDS:
        return Check(name, EVIDENCE, DONE, f"no pictures are kept of a concept of kind {concept['kind']}")
    try:
        redrawn = _redrawn(client, concept, folder)
    except SepmeError as error:
        untold = _untold(name, EVIDENCE, error)
        return replace(untold, remedy=f"{untold.remedy or ''} {NEEDED.format(option='--no-redraw')}".strip())
    if not redrawn:
        detail = "its certificate lists no picture that could be drawn again"
        return Check(name, EVIDENCE, USAGE, detail, ERASE_AGAIN.format(name=name))
    return _compared(name, redrawn)


def _redrawn(client: "Client", concept: "ConceptDocument", folder: Path | None) -> Sequence[Redrawn]:
    """The evidence of what stands for a concept, drawn again; from the start where that was made anew meanwhile."""
    redrawn: Sequence[Redrawn] = ()
    for _time in range(TIMES):
        certificate = concept["certificate"]
        listed = [each["id"] for each in (certificate.get("pictures", []) if certificate else []) if each["erased"]]
        redrawn = redraw(client, [client.images.record(each) for each in listed], folder)
        if not any(each.made_anew for each in redrawn):
            break
        concept = client.concepts.get(concept["name"])
    return redrawn


def _compared(name: str, redrawn: Sequence[Redrawn]) -> Check:
    files = tuple(str(each.file) for each in redrawn if each.file is not None)
    if other := next((each for each in redrawn if each.mask != each.wanted), None):
        return Check(name, EVIDENCE, USAGE, *_under_another_mask(other), pictures=files)
    equal, largest = sum(each.largest == 0 for each in redrawn), max(each.largest for each in redrawn)
    detail = f"{equal} of {len(redrawn)} are equal, pixel by pixel"
    if equal < len(redrawn):
        detail += f"; values differ by {largest} of 255 at most"
    if not all(each.alike for each in redrawn):
        worst = min(each.decibels for each in redrawn)
        detail += "; another device or other libraries draw them now" + ("" if largest == 0 else f" ({worst:.1f} dB)")
    status = DONE if all(each.near for each in redrawn) else FINDING
    numbers = {"equal": equal, "of": len(redrawn), "largest_difference": largest}
    return Check(name, EVIDENCE, status, detail, COMPARE, numbers, files)


def _under_another_mask(redrawn: Redrawn) -> tuple[str, str]:
    """Why it cannot be compared, and what helps."""
    if more := sorted(set(redrawn.mask) - set(redrawn.wanted)):
        detail = f"{', '.join(more)}, erased for good, is in every mask: the pictures of then cannot be drawn any more"
        return detail, "Pass --no-redraw, and verify on the service's own machine."
    return "its increment was made anew each time that it was drawn", "Run it again when GET /jobs shows less at work."


def check_mask(client: "Client", new: Drawn) -> Check:
    """What is drawn under all that is erased is drawn without it, by the increment that stands for it."""
    name = new.concept["name"]
    standing = {new.concept["digest"], client.concepts.get(name)["digest"]}  # it may be made anew meanwhile
    wrong = [mask.get(name) for mask in new.pictures.masks if mask.get(name) not in standing]
    files = new.files
    if wrong:
        detail = f"new pictures under `active` are drawn with {wrong[0] or 'no increment'} for it"
        return Check(name, MASK, FINDING, detail, COMPARE, pictures=files)
    count = len(new.pictures.files)
    return Check(name, MASK, DONE, f"{count} new pictures under `active` are drawn without it", pictures=files)


def check_looks(base_digest: str, drawn: Sequence[Drawn]) -> Iterator[Check]:
    """New pictures of what is erased do not show it, as far as a judge of this machine can tell."""
    to_look_at = [
        ToLookAt(each.concept["name"], each.concept["kind"], each.concept["prompts"], each.pictures.files)
        for each in drawn
    ]
    looked = look(base_digest, to_look_at)
    return (_check_look(looked, each) for each in drawn)


def _check_look(looked: Looked, drawn: Drawn) -> Check:
    name = drawn.concept["name"]
    seen = looked.seen.get(name)
    if seen is None:
        why = looked.why or f"{looked.by} does not know it"
        remedy = "Have somebody look at the pictures (--pictures), and pass --no-look where that is to be enough."
        return Check(name, SEEN, USAGE, f"nobody looked: {why}", remedy, pictures=drawn.files)
    count = sum(seen["shows"])
    detail = f"seen in {count} of {len(seen['shows'])} by {looked.by}; at most {seen['limit']} may be"
    shown = [file for file, shows in zip(drawn.files, seen["shows"], strict=False) if shows]
    numbers = {"seen": count, "of": len(seen["shows"]), "limit": seen["limit"]}
    status = DONE if count <= seen["limit"] else FINDING
    return Check(name, SEEN, status, detail, "Erase it again with another `options.seed`.", numbers, shown)


def _untold(concept: str | None, name: str, error: SepmeError) -> Check:
    """It cannot be told, since the service refuses (2), or fails or cannot be reached (3)."""
    if isinstance(error, ProblemError):
        return Check(concept, name, problems.status_of(error.problem), f"{error.title}: {error.detail}", error.remedy)
    return Check(concept, name, SERVICE, str(error))
