"""`python -m worker.verify [--concept NAME] [--expect NAME] [--json] [--repair]`, on what the settings name.

With `--bundle FILE` the pictures of that are drawn again, and no registry is read.

The exit status is 0 where all holds, 1 where something does not, and 2 where it cannot be told.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from sepme_core.erasure import ErasureCache
from sepme_core.models.model import BaseNotSupported, DiffusionModel
from sepme_core.registry.blobs import open_blobs
from sepme_core.registry.database import make_engine
from sepme_core.settings import Settings
from worker.process import ClassifierNotUsable, load_classifier, load_model
from worker.verify.bundles import CannotRedraw, open_bundle, redraw
from worker.verify.checks import Check, Verifier, check, check_audit
from worker.verify.stored import Repair, StoredConcept, read_stored, repair

HOLDS, FAILED, CANNOT = 0, 1, 2


class CannotVerify(Exception):
    """It cannot be told whether anything holds; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, and report on the terminal.

    Returns: the exit status.
    """
    chosen = _parser().parse_args(arguments)
    if chosen.bundle is not None:
        return _redraw(chosen.bundle)
    try:
        settings = Settings()
        stored = read_registry(settings)
        concepts = choose(stored, chosen.concept)
        cache = _load(settings)
    except (CannotVerify, ValidationError) as reason:
        print(f"sepme: {reason}", file=sys.stderr)
        return CANNOT
    verifier = Verifier(cache, open_blobs(settings.blob_url), stored)
    made: Iterable[Check] = chain(
        [] if chosen.concept else check_registry(settings),
        check_expected(stored, chosen.expect),
        (each for concept in concepts for each in check(verifier, concept)),
    )
    repairs = repair(settings, concepts) if chosen.repair else []
    if chosen.document is not None:
        made = kept(made, cache.base, repairs, chosen.document)
    failed = report_json(cache.base, made, repairs) if chosen.json else report(made, repairs)
    return FAILED if failed else HOLDS


def read_registry(settings: Settings) -> Mapping[str, StoredConcept]:
    """Everything stored; nothing is made where there is no registry."""
    url = make_url(settings.database_url)
    if url.drivername == "sqlite" and not Path(str(url.database)).is_file():
        raise CannotVerify(f"there is no registry at {url.database}; set SEPME_HOME or SEPME_DATABASE_URL to one")
    engine = make_engine(settings.database_url)
    try:
        return read_stored(engine)
    except SQLAlchemyError as reason:
        cause = str(getattr(reason, "orig", None) or reason).strip()
        raise CannotVerify(f"the registry cannot be read ({cause}); a service of this release migrates it") from reason
    finally:
        engine.dispose()


def check_registry(settings: Settings) -> Iterator[Check]:
    """What holds of no concept alone."""
    engine = make_engine(settings.database_url)
    yield check_audit(engine, settings.audit_heads)
    engine.dispose()


def check_expected(stored: Mapping[str, StoredConcept], expected: Sequence[str]) -> Iterator[Check]:
    """What was to be erased is."""
    own = {name: concept for concept in stored.values() for name in (concept.name, *concept.further_names)}
    for name in expected:
        concept = own.get(name)
        state = "never erased" if concept is None else "erased" if concept.erased else "restored"
        detail = f"it was to be erased, and is {state}" if state != "erased" else "erased, as it was to be"
        yield Check(name, "state", state == "erased", detail, f"Erase it: `sepme erase {name}`.")


def choose(stored: Mapping[str, StoredConcept], name: str | None) -> list[StoredConcept]:
    """The concept named, or all."""
    if name is None:
        return list(stored.values())
    if name not in stored:
        known = ", ".join(stored) or "none"
        raise CannotVerify(f"no concept named {name!r} has an increment; those that have one: {known}")
    return [stored[name]]


def report(checks: Iterable[Check], repairs: Sequence[Repair] = ()) -> int:
    """Print a line a check as it is made, and what it comes to; returns how many do not hold."""
    for one in repairs:
        print(f"{'repair':<7} {one.concept}: job {one.job} makes {', '.join(one.digests)} again; a service does it")
    made = []
    for each in checks:
        made.append(each)
        print("\n".join(_lines(each)), flush=True)
    failed = sum(not each.holds for each in made)
    print(f"{failed} of {len(made)} checks do not hold." if failed else f"{len(made)} checks, all hold.")
    return failed


def _lines(each: Check) -> Iterator[str]:
    yield f"{'ok' if each.holds else 'FAILED':<7} {each.concept or 'registry'}: {each.name}: {each.detail}"
    if not each.holds and each.remedy:
        yield f"{'':<7} {each.remedy}"


def report_json(base: DiffusionModel, checks: Iterable[Check], repairs: Sequence[Repair] = ()) -> int:
    """Print all checks as one JSON document; returns how many do not hold."""
    made = list(checks)
    print(json.dumps(_document(base, made, repairs), indent=2))
    return sum(not each.holds for each in made)


def kept(checks: Iterable[Check], base: DiffusionModel, repairs: Sequence[Repair], file: Path) -> Iterator[Check]:
    """The checks as they are made; when all are, their document is in the file."""
    made = []
    for each in checks:
        made.append(each)
        yield each
    file.write_text(json.dumps(_document(base, made, repairs)))


def _document(base: DiffusionModel, made: Sequence[Check], repairs: Sequence[Repair]) -> Mapping[str, Any]:
    listed = [{**asdict(each), "remedy": None if each.holds else each.remedy} for each in made]
    asked = [asdict(one) for one in repairs]
    return {
        "base_digest": base.digest,
        "holds": all(each.holds for each in made),
        "checks": listed,
        "repairs": asked,
    }


def _redraw(file: Path) -> int:
    try:
        held, settings = open_bundle(file), Settings()
        made = redraw(held, load_model(settings), open_blobs(settings.blob_url))
        return FAILED if report(made) else HOLDS
    except (CannotRedraw, BaseNotSupported, ValidationError) as reason:
        print(f"sepme: {reason}", file=sys.stderr)
        return CANNOT


def _load(settings: Settings) -> ErasureCache:
    try:
        return ErasureCache(load_model(settings), load_classifier(settings))
    except (BaseNotSupported, ClassifierNotUsable) as reason:
        raise CannotVerify(f"the model {settings.model} cannot be loaded: {reason}") from reason


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.verify", description=__doc__)
    parser.add_argument("--concept", metavar="NAME", help="check this concept alone")
    parser.add_argument("--expect", metavar="NAME", action="append", default=[], help="this must be erased")
    parser.add_argument("--document", type=Path, metavar="FILE", help="write the document of --json there, too")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="draw the pictures of this bundle again, alone")
    parser.add_argument("--repair", action="store_true", help="ask for jobs that make lost or damaged increments again")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of lines")
    return parser


if __name__ == "__main__":
    sys.exit(main())
