"""The command `sepme`; `verify`, `keys` and `bundle` run in processes of their own, with a service's settings."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from sepme import __version__
from sepme.inspecting import inspect
from sepme.serve.processes import child_environment
from sepme.serve.run import CannotServe, serve
from sepme_core import logs
from sepme_core.extras import worker_lacking
from sepme_core.settings import Settings

INTERRUPTED = 130  # what a shell answers for a program that Ctrl+C ended


def verify(
    settings: Settings,
    *,
    concept: str | None = None,
    as_json: bool = False,
    repair: bool = False,
    bundle: Path | None = None,
) -> int:
    """Check what the registry holds; no service need run, and one may.

    Args:
        settings: which registry, which model.
        concept: check this one alone.
        as_json: print one JSON document instead of lines.
        repair: ask for jobs that make lost or damaged increments again.
        bundle: draw the pictures of this bundle again, and check nothing else.

    Returns: the exit status: 0 where all holds, 1 where something does not, 2 where it cannot be told.
    """
    command = [sys.executable, "-m", "worker.verify"]
    if concept is not None:
        command += ["--concept", concept]
    if as_json:
        command.append("--json")
    if repair:
        command.append("--repair")
    if bundle is not None:
        command += ["--bundle", str(bundle)]
    environment = {**os.environ, **child_environment(settings, settings.home.resolve())}
    return _run(command, environment)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run another program of ours to its end; returns its exit status."""
    with subprocess.Popen(command, env=environment) as process:
        try:
            return _status(process.wait())
        except KeyboardInterrupt:  # the process has had it too, and ends
            process.wait()
            return INTERRUPTED


def _status(code: int) -> int:
    """A signal's number as a shell answers it; it is negative here."""
    return code if code >= 0 else 128 - code


OPTIONS = {"home": "SEPME_HOME", "host": "SEPME_HOST", "port": "SEPME_PORT", "model": "SEPME_MODEL"}


OF_FRONT_END = {"keys": "app.keys", "bundle": "app.attestations"}
"""What reads the rest of its command line itself, and needs nothing that a front end does not have."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns: the exit status: 0; 1 where `verify` or `inspect` find what does not hold; 2 where it cannot be done as
        asked.
    """
    asked = list(sys.argv[1:] if arguments is None else arguments)
    if asked and asked[0] in OF_FRONT_END:
        return _run([sys.executable, "-m", OF_FRONT_END[asked[0]], *asked[1:]], dict(os.environ))
    chosen = _parser().parse_args(asked)
    if chosen.command in BY_ITSELF:
        return BY_ITSELF[chosen.command](chosen)
    if chosen.command == "verify" and chosen.bundle is not None:
        return _verify_bundle(chosen)
    return _with_settings(chosen)


def _with_settings(chosen: argparse.Namespace) -> int:
    if lacking := worker_lacking():
        return _refuse(lacking)
    os.environ.update({OPTIONS[name]: value for name, value in vars(chosen).items() if name in OPTIONS and value})
    try:
        return _start(Settings(), chosen)
    except ValidationError as refusal:
        return _refuse(_settings_problem(refusal))
    except CannotServe as refusal:
        return _refuse(str(refusal))


def _version(_: argparse.Namespace) -> int:
    print(f"sepme {__version__}")
    return 0


def _inspect(chosen: argparse.Namespace) -> int:
    return inspect(chosen.picture, trust=chosen.trust, as_json=chosen.json)


BY_ITSELF = {"version": _version, "inspect": _inspect}
"""What needs no settings and no model."""


def _verify_bundle(chosen: argparse.Namespace) -> int:
    """It needs neither a registry nor a model, nor any setting, but to draw again."""
    if chosen.concept or chosen.repair:
        return _refuse("--bundle looks at a file alone: leave --concept and --repair out")
    if chosen.json and chosen.redraw:
        return _refuse("--json gives one document: ask without --redraw first")
    from sepme.bundle import verify_bundle  # what nothing else here needs

    status = verify_bundle(chosen.bundle, chosen.trust, picture=chosen.picture, as_json=chosen.json)
    return _with_settings(chosen) if chosen.redraw and status == 0 else status


def _start(settings: Settings, chosen: argparse.Namespace) -> int:
    if chosen.command == "verify":
        if chosen.bundle is None and (chosen.trust is not None or chosen.redraw or chosen.picture is not None):
            return _refuse("--trust, --picture and --redraw are for --bundle: name the bundle")
        return verify(settings, bundle=chosen.bundle, concept=chosen.concept, as_json=chosen.json, repair=chosen.repair)
    logs.configure(settings, level="warning")  # what it says itself is said to whoever sits before it
    serve(settings, verbose=chosen.verbose)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sepme", description="Erase concepts from a text-to-image diffusion model, and give them back, over HTTP."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("version", help="print the version")
    commands.add_parser(
        "bundle", help="write what bears out a concept's erasure into a file: see `sepme bundle --help`"
    )
    commands.add_parser("keys", help="make, list, rotate and revoke keys: see `sepme keys --help`")
    serving = commands.add_parser(
        "serve",
        help="run the service: front end, workers and broker, until Ctrl+C",
        description="Run the service. Every option has a variable (SEPME_…); there are more of them than options.",
    )
    serving.add_argument("--port", help="the port to listen on (SEPME_PORT, 8000)")
    serving.add_argument("--host", help="the address to listen on (SEPME_HOST, 127.0.0.1)")
    serving.add_argument("--verbose", action="store_true", help="copy the logs of all processes to the terminal")
    verifying = commands.add_parser(
        "verify",
        help="check that what is erased is still erased, and what is restored is as it was",
        description="Measure and draw again what the registry holds, without a service or beside one. The exit status "
        "is 0 where all holds, 1 where something does not, and 2 where it cannot be told.",
    )
    verifying.add_argument("--concept", metavar="NAME", help="check this concept alone")
    verifying.add_argument(
        "--bundle", type=Path, metavar="FILE", help="check this bundle of `sepme bundle` alone: no service, no model"
    )
    verifying.add_argument(
        "--trust",
        type=Path,
        metavar="CA.PEM",
        help="whose signatures on a bundle are good: the authority's certificate",
    )
    verifying.add_argument(
        "--picture", type=Path, metavar="PNG", help="a picture that is to be the one which the bundle is of"
    )
    verifying.add_argument(
        "--redraw", action="store_true", help="draw the bundle's pictures again, too: with the model of SEPME_MODEL"
    )
    verifying.add_argument(
        "--repair",
        action="store_true",
        help="ask for jobs that make lost or damaged increments again; a service does them",
    )
    verifying.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    inspecting = commands.add_parser(
        "inspect",
        help="say who signed a picture, whether that holds, and what it states",
        description="Read the signed manifest (C2PA) of a picture: no service, model or network is needed. The exit "
        "status is 0 where it is valid, 1 where it is not or there is none, and 2 where that cannot be told.",
    )
    inspecting.add_argument("picture", type=Path, metavar="PICTURE.png")
    inspecting.add_argument(
        "--trust", type=Path, metavar="FILE", help="certificates (PEM) of the authorities to hold its signer against"
    )
    inspecting.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    for each in (serving, verifying):
        each.add_argument("--home", help="the state folder (SEPME_HOME)")
        each.add_argument(
            "--model", help="a Stable Diffusion 1.x or 2.x folder or hub id (SEPME_MODEL, the demo model)"
        )
    return parser


def _settings_problem(refusal: ValidationError) -> str:
    lines = ["These settings cannot be used:"]
    for error in refusal.errors():
        name = "SEPME_" + "_".join(str(part) for part in error["loc"]).upper() if error["loc"] else "settings"
        lines.append(f"  {name}: {error['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def _refuse(reason: str) -> int:
    print(f"sepme: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
