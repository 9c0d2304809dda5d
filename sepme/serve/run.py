"""The course of `sepme serve`: hold the state folder, end what an earlier run left, start everything, greet."""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from sepme.serve import broker, greeting, pid_files, processes
from sepme.serve.state_folder import PRIVATE_UMASK, FolderInUse, held
from sepme.serve.supervisor import Hopeless, Supervisor
from sepme_core.models.files import BaseNotSupported, check_source
from sepme_core.settings import Settings

ASK_SECONDS = 0.3
ANSWER_SECONDS = 3.0
LONG_SECONDS = 90.0
ORPHANS_SECONDS = 5.0


@dataclass(frozen=True)
class Readiness:
    """What a front end says: for each part (`database`, `worker for erase`, …) what it lacks, "" where it is up."""

    lacking: Mapping[str, str]

    @property
    def up(self) -> list[str]:
        """The parts that are up, in the order they were named."""
        return [part for part, lack in self.lacking.items() if not lack]

    @property
    def complete(self) -> bool:
        """Whether everything is up, the model included."""
        return not any(self.lacking.values())


def ask(address: str) -> Readiness | None:
    """Ask a front end once; None where it does not answer (yet)."""
    try:
        return read(httpx.get(f"{address}/readyz", timeout=ANSWER_SECONDS, trust_env=False).json())
    except (httpx.HTTPError, ValueError):
        return None


def read(body: Any) -> Readiness:
    """Read the document: each part has a `status` and a `detail`; `workers` is such a part for each queue.

    Raises:
        ValueError: it is another document, from something that is no sepme.
    """
    try:
        workers = {f"worker for {queue}": part for queue, part in body["workers"].items()}
        parts = {"database": body["database"], "broker": body["broker"], **workers, "model": body["model"]}
        return Readiness({name: "" if part["status"] == "up" else part["detail"] for name, part in parts.items()})
    except (KeyError, TypeError, AttributeError) as unexpected:
        raise ValueError("the answer is not what /readyz of sepme says") from unexpected


def until_ready(
    address: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> Iterator[Readiness | None]:
    """Ask until everything is up; says once, after a long time, what is still missing.

    Yields: each answer, the complete one last, with a pause before the next question.
    """
    started, warned = clock(), False
    while True:
        answer = ask(address)
        yield answer
        if answer is not None and answer.complete:
            return
        if not warned and clock() - started > LONG_SECONDS:
            warned = True
            say(_still_missing(answer))
        time.sleep(ASK_SECONDS)


def _still_missing(answer: Readiness | None) -> str:
    if answer is None:
        return "Still waiting for the front end to answer."
    late = [f"{part} ({lack})" for part, lack in answer.lacking.items() if lack]
    return f"Still waiting for: {', '.join(late)}."


class CannotServe(Exception):
    """The service cannot be started; the message says why and what to do."""


def serve(settings: Settings, *, verbose: bool = False) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP.

    Args:
        settings: where, which model, which state folder.
        verbose: copy the children's logs to the terminal.

    Raises:
        CannotServe: the port or the state folder is taken, there is no broker to start, or the model cannot be served.
    """
    home = settings.home.resolve()
    os.umask(PRIVATE_UMASK)  # the children's too: prompts and pictures are nobody else's
    try:
        check_source(settings.model, settings.model_variant)  # at once, rather than when a worker comes to it
        with held(home):
            _serve(settings, home, verbose)
    except BaseNotSupported as reason:
        raise CannotServe(f"SEPME_MODEL={settings.model} cannot be served: {reason}") from reason
    except Hopeless as reason:
        raise CannotServe(str(reason)) from reason
    except (FolderInUse, broker.BrokerMissing, broker.UnsafeFolder) as reason:
        raise CannotServe(str(reason)) from reason
    except OSError as reason:
        raise CannotServe(f"The state folder {home} cannot be used: {reason}. Set SEPME_HOME to another.") from reason


def _serve(settings: Settings, home: Path, verbose: bool) -> None:
    _say_all(greeting.heading(address(settings), settings.model, str(home)))
    orphans = pid_files.end_orphans(home / "run", ORPHANS_SECONDS)
    if orphans:
        _say(f"Ended what an earlier run left behind: {', '.join(orphan.name for orphan in orphans)}.")
    check_port(settings)
    watcher = threading.Thread(target=_greet, args=(address(settings),), name="greeting", daemon=True)
    supervisor = Supervisor(processes.children(settings, home), home, _say, echo=_say if verbose else None)
    watcher.start()
    supervisor.run()
    _say("Stopped.")


def address(settings: Settings) -> str:
    """Where a client on this machine reaches the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def check_port(settings: Settings) -> None:
    """Find out now, rather than from a child that dies again and again.

    Raises:
        CannotServe: the address is not this machine's, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except socket.gaierror as unknown:
        raise CannotServe(
            f"{settings.host} is no address of this machine ({unknown.strerror}). Set SEPME_HOST to one."
        ) from unknown
    family, kind, protocol, _name, where = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
        except OSError as taken:
            raise CannotServe(
                f"Port {settings.port} on {settings.host} cannot be had ({taken.strerror}). "
                f"Choose another: sepme serve --port {settings.port + 1}"
            ) from taken


def _greet(where: str) -> None:
    """Say what comes up as it comes up, and at last what to try."""
    started = time.monotonic()
    said: set[str] = set()
    for answer in until_ready(where, _say):
        for part in answer.up if answer is not None else []:
            if part not in said:
                said.add(part)
                _say(f"  {time.monotonic() - started:5.1f} s  {part} is up")
    _say_all(
        ["", "Ready. In another shell:", "", *greeting.lines_to_try(where, _example(where)), "", "Ctrl+C stops it."]
    )


def _example(where: str) -> greeting.Example:
    try:
        answer = httpx.get(f"{where}/model", timeout=ANSWER_SECONDS, trust_env=False)
        return replace(greeting.example(answer.json()), keyed=answer.status_code == HTTPStatus.UNAUTHORIZED)
    except (httpx.HTTPError, ValueError):
        return greeting.example({})


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)


def _say_all(lines: list[str]) -> None:
    _say("\n".join(lines))
