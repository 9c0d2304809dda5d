"""The course of `sepme serve`: hold the state folder, end what an earlier run left, start everything, greet."""

import os
import socket
import sys
import threading
import time
from pathlib import Path

import httpx

from sepme.serve import broker, greeting, pid_files, plan, readiness, state_folder
from sepme.serve.supervisor import Hopeless, Supervisor
from sepme_core.model_files import BaseNotSupported, check_source
from sepme_core.settings import Settings

ORPHANS_SECONDS = 5.0


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
    os.umask(state_folder.PRIVATE_UMASK)  # the children's too: prompts and pictures are nobody else's
    try:
        check_source(settings.model, settings.model_variant)  # at once, rather than when a worker comes to it
        with state_folder.held(home):
            _serve(settings, home, verbose)
    except BaseNotSupported as reason:
        raise CannotServe(f"SEPME_MODEL={settings.model} cannot be served: {reason}") from reason
    except Hopeless as reason:
        raise CannotServe(str(reason)) from reason
    except (state_folder.FolderInUse, broker.BrokerMissing, broker.UnsafeFolder) as reason:
        raise CannotServe(str(reason)) from reason
    except OSError as reason:
        raise CannotServe(f"The state folder {home} cannot be used: {reason}. Set SEPME_HOME to another.") from reason


def _serve(settings: Settings, home: Path, verbose: bool) -> None:
    _say_all(greeting.heading(address(settings), settings.model, str(home)))
    orphans = pid_files.end_orphans(home / "run", ORPHANS_SECONDS)
    if orphans:
        _say(f"Ended what an earlier run left behind: {', '.join(orphan.name for orphan in orphans)}.")
    _check_port(settings)
    watcher = threading.Thread(target=_greet, args=(address(settings),), name="greeting", daemon=True)
    supervisor = Supervisor(plan.children(settings, home), home, _say, echo=_say if verbose else None)
    watcher.start()
    supervisor.run()
    _say("Stopped.")


def address(settings: Settings) -> str:
    """Where a client on this machine reaches the service."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  (compared, not bound)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _check_port(settings: Settings) -> None:
    """Find out now, rather than from a child that dies again and again."""
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
    for answer in readiness.until_ready(where, _say):
        for part in answer.up if answer is not None else []:
            if part not in said:
                said.add(part)
                _say(f"  {time.monotonic() - started:5.1f} s  {part} is up")
    _say_all(
        ["", "Ready. In another shell:", "", *greeting.lines_to_try(where, _example(where)), "", "Ctrl+C stops it."]
    )


def _example(where: str) -> greeting.Example:
    try:
        return greeting.example(httpx.get(f"{where}/model", timeout=readiness.ANSWER_SECONDS, trust_env=False).json())
    except (httpx.HTTPError, ValueError):
        return greeting.example({})


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)


def _say_all(lines: list[str]) -> None:
    _say("\n".join(lines))
