"""`sepme verify`: what this machine's registry holds, what a service does, or a bundle."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from sepme.commands import machine, printing, service
from sepme.commands.endings import USAGE, CannotDo
from sepme.commands.options import AsJson, Home, Local, Model, Trust
from sepme.commands.service import KeyFile, ProfileName, Url
from sepme.verification import checks, reports
from sepme.verification.checks import Check

if TYPE_CHECKING:
    from sepme.client import Client
    from sepme.verification.service import Asked
    from sepme_core.settings import Settings

PROGRAM = "worker.verify"
NOT_BEGUN = Check(None, "verification", USAGE, "it could not be begun; what stands on stderr says why")


@dataclass(frozen=True)
class Reports:
    """Files that are written besides what is printed."""

    junit: Path | None
    summary: Path | None

    def check(self) -> None:
        """Find out before anything is done whether they can be written.

        Raises:
            CannotDo: one cannot.
        """
        for option, file in (("--junit", self.junit), ("--summary", self.summary)):
            if file is not None and (file.is_dir() or not file.parent.is_dir()):
                raise CannotDo(f"{option} {file}: name a file in a folder that is there")

    def write(self, made: Sequence[Check], where: str) -> None:
        """Write those that were asked for.

        Raises:
            CannotDo: one cannot be written.
        """
        try:
            if self.junit is not None:
                self.junit.write_bytes(reports.junit(made))
            if self.summary is not None:
                with self.summary.open("a", encoding="utf-8") as out:  # other steps write into it, too
                    out.write(reports.summary(made, where))
        except OSError as error:
            raise CannotDo(f"{error.filename} cannot be written: {error.strerror}") from error


def verify(
    concept: Annotated[str | None, typer.Option(metavar="NAME", help="Check this concept alone.")] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="a,b", help="What must be erased: one that is not is found. Several times, too."),
    ] = None,
    expect_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same from a file: a name a line, # before what is none.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check this bundle of `sepme bundle` alone: no service, no model."),
    ] = None,
    trust: Trust = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="A picture that is to be the one which the bundle is of."),
    ] = None,
    redraw: Annotated[
        bool | None,
        typer.Option(
            "--redraw/--no-redraw",
            help="Draw pictures of the evidence again. Of a service unless this says no; of a bundle, with the model of"
            " SEPME_MODEL, where it says so.",
        ),
    ] = None,
    look: Annotated[
        bool | None,
        typer.Option(
            "--look/--no-look",
            help="Have new pictures of a service looked at by the judge beside SEPME_MODEL, or SEPME_CLASSIFIER.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the first new picture of a service; the same unless said.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep what a service draws for it there.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JUnit XML: a suite for each concept, a case a check.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append Markdown, as to GITHUB_STEP_SUMMARY.")
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Ask for jobs that make lost or damaged increments again; a service does them."),
    ] = False,
    home: Home = None,
    model: Model = None,
    as_json: AsJson = False,
    local: Local = False,
    url: Url = None,
    key_file: KeyFile = None,
    profile: ProfileName = None,
) -> int:
    """Check that what is erased is still erased, and what is restored is as it was.

    It measures and draws again what the registry of this machine holds, beside a service or without one. Where a
    service is named (--url, --profile, SEPME_URL, SEPME_PROFILE, or the default profile) it asks that instead, over
    HTTP alone, and draws new pictures there. What cannot be told never ends with 0. It is said on stderr which it was.
    """
    written = Reports(junit, summary)
    if bundle is not None:
        if concept or repair or expect or expect_file or junit or summary:
            raise CannotDo(
                "--bundle looks at a file alone: leave --concept and --repair out, and expectations and reports"
            )
        return _of_bundle(bundle, trust, picture, home, model, redraw=bool(redraw), as_json=as_json)
    if picture is not None:
        raise CannotDo("--picture is for --bundle: name the bundle")
    written.check()
    expected = read_expected(expect, expect_file)
    if not service.elsewhere(url, key_file, profile, home, local=local):
        if trust is not None or redraw:
            raise CannotDo("--trust and --redraw are for --bundle, or for a service: name it")
        if pictures or seed is not None or look is not None or redraw is not None:
            raise CannotDo("--pictures, --seed, --look and --no-redraw are for a service: name it")
        options = [] if concept is None else ["--concept", concept]
        options += [word for name in expected for word in ("--expect", name)]
        options += [option for option, said in (("--json", as_json), ("--repair", repair)) if said]
        return _of_registry(machine.settings_of_worker(home=home, model=model), options, written)
    if repair:
        raise CannotDo("--repair is for this machine's registry: say --local")
    machine.say(model=model)
    asked = _asked(concept, expected, trust, pictures, redraw=redraw, look=look, seed=seed)
    with service.connected(url, key_file, profile, as_json=as_json) as client:
        return _of_service(client, asked, written, as_json=as_json)


def read_expected(named: Sequence[str] | None, file: Path | None) -> list[str]:
    """What must be erased, by options and by a file.

    Raises:
        CannotDo: the file cannot be read, or either names nothing.
    """
    said = {"--expect": [name for each in named or [] for name in each.split(",")]} if named is not None else {}
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CannotDo(f"--expect-file: {file} cannot be read: {error}") from error
        said[f"--expect-file: {file}"] = [line.partition("#")[0] for line in lines]
    names: list[str] = []
    for where, listed in said.items():
        found = [name.strip() for name in listed if name.strip()]
        if not found:
            raise CannotDo(f"{where} names nothing that must be erased; leave it out where nothing must be")
        names += found
    return list(dict.fromkeys(names))


def _asked(
    concept: str | None,
    expected: Sequence[str],
    trust: Path | None,
    pictures: Path | None,
    *,
    redraw: bool | None,
    look: bool | None,
    seed: int | None,
) -> "Asked":
    from sepme.bundle import read_trusted
    from sepme.verification.drawing import FIRST_SEED
    from sepme.verification.service import Asked
    from sepme_core.provenance.chain import ChainRefused

    try:
        trusted = read_trusted(trust)
    except ChainRefused as reason:
        raise CannotDo(str(reason)) from reason
    return Asked(
        concept,
        expected,
        trusted,
        pictures,
        redraw=redraw is not False,
        look=look is not False,
        seed=FIRST_SEED if seed is None else seed,
    )


def _of_service(client: "Client", asked: "Asked", written: Reports, *, as_json: bool) -> int:
    from sepme.verification.service import verify as verify_service

    where = client.connection.address
    printing.note(f"Of {where}.")
    made = []
    for check in verify_service(client, asked):
        made.append(check)
        if not as_json:
            printing.lines(checks.lines(check))
    if as_json:
        printing.document(checks.document(made, url=where))
    else:
        printing.lines([checks.verdict(made)])
    written.write(made, f"Asked of {where}.")
    return checks.ended(made)


def _of_registry(settings: "Settings", options: Sequence[str], written: Reports) -> int:
    printing.note("Of this machine's registry.")
    if written.junit is None and written.summary is None:
        return _measure(settings, *options)
    with TemporaryDirectory(prefix="sepme-verify-") as folder:
        file = Path(folder, "verified.json")
        status = _measure(settings, *options, "--document", str(file))
        made = checks.of_document(json.loads(file.read_text())) if file.is_file() else [NOT_BEGUN]
    written.write(made, "Looked at in the registry itself.")
    return status


def _of_bundle(
    bundle: Path,
    trust: Path | None,
    picture: Path | None,
    home: str | None,
    model: str | None,
    *,
    redraw: bool,
    as_json: bool,
) -> int:
    if as_json and redraw:
        raise CannotDo("--json gives one document: ask without --redraw first")
    from sepme.bundle import verify_bundle

    status = verify_bundle(bundle, trust, picture=picture, as_json=as_json)
    if status or not redraw:
        return status
    return _measure(machine.settings_of_worker(home=home, model=model), "--bundle", str(bundle))


def _measure(settings: "Settings", *arguments: str) -> int:
    from sepme.serve.processes import child_environment

    return machine.run(PROGRAM, *arguments, environment=child_environment(settings, settings.home.resolve()))
