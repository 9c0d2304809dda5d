import os
import signal

from sepme.serve.pid_files import _mark_of_ps, start_mark
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


def test_where_there_is_no_proc_the_mark_is_what_ps_says() -> None:
    with running(*python(SLEEPER)) as other:
        mark = _mark_of_ps(other.pid)
        assert mark
        assert _mark_of_ps(other.pid) == mark
        other.send_signal(signal.SIGKILL)
        until(lambda: _mark_of_ps(other.pid) is None)
