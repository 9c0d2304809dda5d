"""Exit statuses, and what is said on which stream."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sepme.commands.endings import SAID
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run
from tests.sepme.service import free_port

HEAVY = ("httpx", "sqlalchemy", "pydantic_settings", "cryptography", "torch", "PIL", "textual_image", "app", "worker")
IMPORTED = f"""
import sys
from sepme.command import main
status = main(sys.argv[1:])
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
sys.exit(status)
"""
COMMANDS = (
    *("erase", "restore", "purge", "generate", "concepts", "protected", "jobs", "events", "audit", "inspect", "bundle"),
    *("verify", "serve", "doctor", "keys", "version"),
)


def typed(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the real program."""
    command = (sys.executable, "-m", "sepme.command", *arguments)
    wide = {"COLUMNS": "200", "PATH": "", "XDG_CONFIG_HOME": "/nowhere", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=wide, cwd=_CHECKOUT)


_CHECKOUT = Path(__file__).parents[3]


def test_what_cannot_be_reached_is_3_without_a_traceback() -> None:
    done = typed("concepts", SEPME_URL=f"http://127.0.0.1:{free_port()}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("sepme: The service cannot be spoken to: Nobody answers at ")
    assert "Traceback" not in done.stderr


def test_with_json_a_problem_is_the_document_on_stdout() -> None:
    done = typed("concepts", "--json", SEPME_URL=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 3
    assert json.loads(done.stdout)["title"] == "The service cannot be spoken to"


def test_what_was_typed_wrong_is_2_and_names_the_help() -> None:
    done = typed("concepts", "--jsn")
    assert (done.returncode, done.stdout) == (2, "")
    assert "sepme concepts --help" in done.stderr
    assert "Did you mean 'erase'" in typed("eras").stderr


def test_a_terminal_that_lacks_characters_shows_others() -> None:
    done = typed("serve", "--help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "SEPME_?" in done.stdout


def test_no_command_shows_the_help_and_is_2() -> None:
    done = typed()
    assert done.returncode == 2
    assert all(command in done.stdout + done.stderr for command in COMMANDS)


@pytest.mark.parametrize("command", [*((name,) for name in COMMANDS), ("keys", "create"), ("protected", "add")])
def test_every_command_says_what_it_does_and_its_exit_statuses(run: Run, command: tuple[str, ...]) -> None:
    said = run(*command, "--help")
    assert said.status == 0
    assert f"sepme {' '.join(command)}" in said.out
    if len(command) == 1:
        words = "".join(said.out.split())
        assert "".join(SAID.split()) in words


@pytest.mark.parametrize("arguments", [("--help",), ("version",), ("erase", "--help")])
def test_what_needs_no_service_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    command = (sys.executable, "-c", IMPORTED, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=_CHECKOUT)
    assert done.stderr == "[]\n"


def test_what_the_service_refuses_is_2_with_detail_and_remedy(run: Run, service: RunningService) -> None:
    del service
    said = run("restore", "dog")
    assert (said.status, said.out) == (2, "")
    assert "sepme: No such concept: No concept is named 'dog'." in said.err
    assert "GET /concepts lists the concepts" in said.err


def test_fields_that_do_not_fit_are_named(run: Run, service: RunningService) -> None:
    del service
    said = run("generate", " " * 1001, "--steps", "0")
    assert said.status == 2
    assert "#/prompt" in said.err
    assert "#/steps" in said.err


def test_a_service_that_fails_is_3_and_says_where_its_log_has_it(run: Run, service: RunningService) -> None:
    service.services.reads.engine.dispose()
    service.services.settings.home.parent.joinpath("registry.sqlite3").write_bytes(b"no database" * 1000)
    said = run("concepts")
    assert said.status == 3
    assert "The service's log has it under" in said.err


def test_a_service_that_is_too_busy_is_3(run: Run, client: httpx.Client, tmp_path: Path) -> None:
    made = client.post(
        "/keys", json={"name": "shop", "scopes": ["generate"], "quotas": {"waiting_jobs": 1}, "floor": "none"}
    )
    key_file = tmp_path / "key"
    key_file.write_text(made.json()["key"])
    key_file.chmod(0o600)
    assert run("generate", "a cat", "--no-wait", "--key-file", str(key_file)).status == 0
    said = run("generate", "a dog", "--no-wait", "--key-file", str(key_file))
    assert said.status == 3
    assert "may have 1 jobs waiting at once" in said.err


def test_without_the_key_that_is_needed_it_says_where_one_is_taken_from(run: Run, client: httpx.Client) -> None:
    client.post("/keys", json={"name": "ops", "scopes": ["admin"]}).raise_for_status()
    said = run("concepts")
    assert said.status == 2
    assert "--key-file, SEPME_KEY or a profile" in said.err
