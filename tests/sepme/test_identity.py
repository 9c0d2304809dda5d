import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from sepme.serve import pid_files
from sepme.serve.pid_files import start_mark
from tests.sepme.processes import SLEEPER, python, running, until

ODDLY_NAMED = """
import ctypes, time
ctypes.CDLL(None).prctl(15, b'a) Z 1 (b', 0, 0, 0)
print('named', flush=True)
time.sleep(60)
"""


def test_a_living_process_keeps_its_mark() -> None:
    mark = start_mark(os.getpid())
    assert mark is not None
    assert start_mark(os.getpid()) == mark


def test_another_process_has_another_mark() -> None:
    with running(*python(SLEEPER)) as other:
        assert start_mark(other.pid) not in {None, start_mark(os.getpid())}


def test_a_process_that_ended_but_was_not_waited_for_is_gone() -> None:
    with running(*python(SLEEPER)) as other:
        other.send_signal(signal.SIGKILL)
        until(lambda: start_mark(other.pid) is None)


def test_a_name_with_brackets_and_spaces_does_not_confuse_the_mark() -> None:
    with running(*python(ODDLY_NAMED)) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "named\n"
        assert start_mark(other.pid) is not None


def test_where_there_is_no_proc_the_mark_is_the_time_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pid_files, "BOOT", tmp_path / "none")
    with running(*python(SLEEPER)) as other:
        mark = start_mark(other.pid)
        assert mark
        assert start_mark(other.pid) == mark
        other.send_signal(signal.SIGKILL)
        until(lambda: start_mark(other.pid) is None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of a process")
def test_the_mark_is_the_one_that_stands_in_pid_files_of_earlier_releases() -> None:
    with running(*python(SLEEPER)) as other:
        ticks = Path(f"/proc/{other.pid}/stat").read_text().rpartition(")")[2].split()[19]
        assert start_mark(other.pid) == f"{pid_files.BOOT.read_text().strip()}:{ticks}"


@pytest.mark.parametrize("number", [-1, 2**31 - 1, 2**70, "12", 1.5])
def test_what_is_the_number_of_no_process_has_no_mark(number: Any) -> None:
    assert start_mark(number) is None
