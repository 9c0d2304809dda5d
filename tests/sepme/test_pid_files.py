import json
import signal
from pathlib import Path

from sepme.serve import pid_files
from sepme.serve.pid_files import start_mark
from tests.sepme.processes import SLEEPER, STUBBORN, python, running, until

PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])
print(child.pid, flush=True)
child.wait()
"""


def test_an_orphan_of_an_earlier_run_is_ended(tmp_path: Path) -> None:
    with running(*python(SLEEPER)) as orphan:
        pid_files.write(tmp_path, "worker", orphan.pid)
        ended = pid_files.end_orphans(tmp_path, grace_seconds=5)
        assert [record.pid for record in ended] == [orphan.pid]
        assert orphan.wait(timeout=5) == -signal.SIGTERM
        assert list(tmp_path.iterdir()) == []


def test_an_orphan_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    with running(*python(STUBBORN)) as orphan:
        assert orphan.stdout is not None
        orphan.stdout.readline()
        pid_files.write(tmp_path, "worker", orphan.pid)
        pid_files.end_orphans(tmp_path, grace_seconds=0.3)
        assert orphan.wait(timeout=5) == -signal.SIGKILL


def test_what_an_orphan_started_is_ended_with_it(tmp_path: Path) -> None:
    with running(*python(PARENT)) as orphan:
        assert orphan.stdout is not None
        grandchild = int(orphan.stdout.readline())
        noted = pid_files.Record("grandchild", grandchild, start_mark(grandchild) or "")
        assert pid_files.is_alive(noted)
        pid_files.write(tmp_path, "worker", orphan.pid)
        pid_files.end_orphans(tmp_path, grace_seconds=5)
        orphan.wait(timeout=5)
        until(lambda: not pid_files.is_alive(noted))  # who is killed has not gone at once


def test_another_process_with_the_number_of_a_dead_child_is_left_alone(tmp_path: Path) -> None:
    with running(*python(SLEEPER)) as stranger:
        (tmp_path / "worker.json").write_text(
            json.dumps({"name": "worker", "pid": stranger.pid, "started": "an earlier boot:1"})
        )
        assert pid_files.end_orphans(tmp_path, grace_seconds=1) == []
        assert stranger.poll() is None
        assert list(tmp_path.iterdir()) == []


def test_a_file_cut_short_is_removed_and_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "worker.json").write_text('{"name": "wor')
    assert pid_files.end_orphans(tmp_path, grace_seconds=1) == []
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_ends_while_the_folder_is_read_is_left_out(tmp_path: Path) -> None:
    with running(*python(SLEEPER)) as first, running(*python(SLEEPER)) as second:
        pid_files.write(tmp_path, "api", first.pid)
        pid_files.write(tmp_path, "worker", second.pid)
        reading = pid_files.records(tmp_path)
        assert next(reading).name == "api"
        pid_files.remove(tmp_path, "worker")
        assert list(reading) == []


def test_a_child_that_has_ended_already_is_not_noted(tmp_path: Path) -> None:
    with running(*python("pass")) as ended:
        ended.wait(timeout=10)
        assert pid_files.write(tmp_path, "worker", ended.pid) is None
        assert list(tmp_path.iterdir()) == []
