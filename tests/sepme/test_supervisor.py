import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

from sepme.serve import pid_files
from tests.sepme.processes import SLEEPER, STUBBORN, processes_in, python, running, until

SUPERVISE = """
import sys
from pathlib import Path
from sepme.serve.child import ChildPlan
from sepme.serve.supervisor import Supervisor
home = Path(sys.argv[1])
plans = [ChildPlan(name, (sys.executable, '-c', source), stop_seconds=20, ends_last=name == 'broker',
                   folders=(home / name,))
         for name, source in zip(sys.argv[2::2], sys.argv[3::2])]
Supervisor(plans, home, lambda line: print(line, flush=True)).run()
print('ended', flush=True)
"""
CONFESSOR = "print('I cannot find my model', flush=True)\nraise SystemExit(3)"
ORDERLY = """
import pathlib, signal, sys, time
def end(number, frame):
    time.sleep({delay})
    with open('order', 'a') as order: order.write('{name}\\n')
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print('awake', flush=True)
while True: time.sleep(0.05)
"""


@contextmanager
def supervised(home: Path, **children: str) -> Iterator[Popen[str]]:
    words = [word for name, source in children.items() for word in (name, source)]
    try:
        with running(*python(SUPERVISE), str(home), *words) as supervisor:
            yield supervisor
    finally:
        pid_files.end_orphans(home / "run", grace_seconds=0.1)
        assert processes_in(home) == []


def pids(home: Path) -> dict[str, int]:
    return {record.name: record.pid for record in pid_files.records(home / "run") if pid_files.is_alive(record)}


def log(home: Path, name: str) -> str:
    path = home / "logs" / f"{name}.log"
    return path.read_text() if path.exists() else ""


def awaken(home: Path, *names: str) -> None:
    until(lambda: set(pids(home)) == set(names) and all(log(home, name) for name in names))


def test_a_killed_child_is_started_again_and_the_others_are_not(tmp_path: Path) -> None:
    with supervised(tmp_path, worker=SLEEPER, api=SLEEPER):
        awaken(tmp_path, "worker", "api")
        before = pids(tmp_path)
        os.kill(before["worker"], signal.SIGKILL)
        until(lambda: pids(tmp_path).get("worker") not in {None, before["worker"]}, seconds=3)
        assert pids(tmp_path)["api"] == before["api"]


PULSING = """
import os, pathlib, time
from sepme_core.pulse import keep_touching
time.sleep(1.5)
keep_touching(pathlib.Path(os.environ['SEPME_PULSE_FILE']))
print('awake', flush=True)
while True: time.sleep(0.05)
"""


def test_a_child_that_falls_silent_is_killed_and_started_again(tmp_path: Path) -> None:
    source = SUPERVISE.replace("stop_seconds=20", "stop_seconds=20, silent_seconds=1.2 if name != 'broker' else None")
    with running(*python(source), str(tmp_path), "worker", PULSING, "broker", SLEEPER) as supervisor:
        awaken(tmp_path, "worker", "broker")  # although its first sign took longer than it may be silent later
        before = pids(tmp_path)
        until(lambda: not pids(tmp_path).keys() - before.keys())
        os.kill(before["worker"], signal.SIGSTOP)
        os.kill(before["broker"], signal.SIGSTOP)
        until(lambda: pids(tmp_path).get("worker") not in {None, before["worker"]}, seconds=6)
        assert pids(tmp_path)["broker"] == before["broker"], "it never gave a sign"
        os.kill(before["broker"], signal.SIGCONT)
        supervisor.send_signal(signal.SIGTERM)
        said = supervisor.communicate(timeout=10)[0]
    assert "worker gives no sign of life for 1.2 s and is killed." in said


def test_a_child_that_keeps_dying_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with supervised(tmp_path, worker=CONFESSOR) as supervisor:
        assert supervisor.stdout is not None
        lines = [supervisor.stdout.readline() for _ in range(4)]
    assert "worker ended unexpectedly (exit status 3); starting it again in 0.2 s" in lines[0]
    assert lines[1].strip() == "I cannot find my model"
    assert "in 0.4 s" in lines[2]
    assert "in 0.8 s" in lines[3]  # and not the same words again


def test_a_program_that_does_not_exist_is_reported_and_tried_again(tmp_path: Path) -> None:
    source = SUPERVISE.replace("(sys.executable, '-c', source)", "('/no/such/program',)")
    with running(*python(source), str(tmp_path), "worker", "") as supervisor:
        assert supervisor.stdout is not None
        assert "worker cannot be started" in supervisor.stdout.readline()
        assert "in 0.4 s" in supervisor.stdout.readline()
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(timeout=5) == 0


def test_a_child_whose_pid_file_cannot_be_written_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    with running(*python(SUPERVISE), str(tmp_path), "worker", SLEEPER) as supervisor:
        assert supervisor.stdout is not None
        assert "worker cannot be started" in supervisor.stdout.readline()
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(timeout=5) == 0
        assert processes_in(tmp_path) == []


def test_a_request_to_stop_lets_every_child_finish_and_the_broker_go_last(tmp_path: Path) -> None:
    broker, worker = ORDERLY.format(name="broker", delay=0), ORDERLY.format(name="worker", delay=1)
    with supervised(tmp_path, broker=broker, worker=worker) as supervisor:
        awaken(tmp_path, "broker", "worker")
        supervisor.send_signal(signal.SIGTERM)
        assert supervisor.wait(timeout=10) == 0
        assert (tmp_path / "order").read_text().split() == ["worker", "broker"]
        assert pids(tmp_path) == {}


def test_a_second_interrupt_kills_a_child_that_will_not_end(tmp_path: Path) -> None:
    with supervised(tmp_path, worker=STUBBORN) as supervisor:
        awaken(tmp_path, "worker")
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.stdout is not None
        assert "Stopping" in supervisor.stdout.readline()
        assert set(pids(tmp_path)) == {"worker"}
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(timeout=5) == 0
        assert pids(tmp_path) == {}


def test_a_hang_up_of_the_terminal_ends_everything(tmp_path: Path) -> None:
    with supervised(tmp_path, worker=SLEEPER) as supervisor:
        awaken(tmp_path, "worker")
        supervisor.send_signal(signal.SIGHUP)
        assert supervisor.wait(timeout=5) == 0
        assert pids(tmp_path) == {}


def test_what_a_killed_supervisor_leaves_behind_is_found_by_the_next(tmp_path: Path) -> None:
    with supervised(tmp_path, worker=SLEEPER) as supervisor:
        awaken(tmp_path, "worker")
        orphan = pids(tmp_path)["worker"]
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait(timeout=5)
        assert pids(tmp_path) == {"worker": orphan}
        assert [record.pid for record in pid_files.end_orphans(tmp_path / "run", grace_seconds=5)] == [orphan]
        assert processes_in(tmp_path) == []


HOPELESS = "print('sepme: Set it right.\\nbye', flush=True)\nraise SystemExit(78)"


def test_a_child_that_will_not_get_better_ends_everything_with_its_reason(tmp_path: Path) -> None:
    with supervised(tmp_path, broker=SLEEPER, worker=HOPELESS) as supervisor:
        said, _ = supervisor.communicate(timeout=20)
        assert supervisor.returncode == 1
        assert said.splitlines()[-1].endswith("Hopeless: Set it right.")
        assert "starting it again" not in said
        assert pids(tmp_path) == {}


IN_ITS_FOLDER = "import os, time\nos.chdir('broker')\nprint('awake', flush=True)\nwhile True: time.sleep(0.05)"


def test_folders_that_were_removed_are_made_again_before_a_child_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, broker=IN_ITS_FOLDER):
        awaken(tmp_path, "broker")
        before = pids(tmp_path)["broker"]
        for folder in ("broker", "logs"):
            shutil.rmtree(tmp_path / folder)
        os.kill(before, signal.SIGKILL)
        awaken(tmp_path, "broker")
        assert pids(tmp_path)["broker"] != before
        assert (tmp_path / "broker").stat().st_mode & 0o077 == 0


def test_a_full_disk_is_said_once_and_the_child_goes_on(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").symlink_to("/dev/full")
    chatty = "import time\nfor number in range(50): print(number, flush=True)\nopen('done', 'w')\ntime.sleep(60)"
    with supervised(tmp_path, worker=chatty) as supervisor:
        until((tmp_path / "done").exists)
        time.sleep(0.3)  # for the lines on their way to the log
        supervisor.send_signal(signal.SIGTERM)
        said, _ = supervisor.communicate(timeout=20)
    assert said.count("cannot be written (No space left on device)") == 1
    assert "Traceback" not in said
