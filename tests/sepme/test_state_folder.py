import fcntl
import signal
from pathlib import Path

import pytest

from sepme.serve import state_folder
from tests.sepme.processes import python, running

HOLDER = """
import pathlib, sys, time
from sepme.serve import state_folder
with state_folder.held(pathlib.Path(sys.argv[1])):
    print('held', flush=True)
    time.sleep(60)
"""


def test_the_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    with state_folder.held(tmp_path / "a" / "state"):
        assert (tmp_path / "a" / "state").stat().st_mode & 0o077 == 0


def test_a_second_run_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with running(*python(HOLDER), str(tmp_path)) as actor:
        assert actor.stdout is not None
        assert actor.stdout.readline() == "held\n"
        refused = pytest.raises(state_folder.FolderInUse, match=rf"process {actor.pid}.*SEPME_HOME")
        with refused, state_folder.held(tmp_path):
            pass


def test_a_run_of_an_earlier_release_holds_the_folder_too(tmp_path: Path) -> None:
    with (tmp_path / "serve.lock").open("w") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
        theirs.write("4711")
        theirs.flush()
        with pytest.raises(state_folder.FolderInUse, match="process 4711"), state_folder.held(tmp_path):
            pass
    with state_folder.held(tmp_path):
        pass


def test_a_killed_run_does_not_keep_the_folder(tmp_path: Path) -> None:
    with running(*python(HOLDER), str(tmp_path)) as actor:
        assert actor.stdout is not None
        actor.stdout.readline()
        actor.send_signal(signal.SIGKILL)
        actor.wait(timeout=5)
        with state_folder.held(tmp_path):
            pass


def test_a_folder_that_others_can_read_is_closed_and_a_shared_one_is_left(tmp_path: Path) -> None:
    for mode, after in ((0o755, 0o700), (0o1777, 0o1777)):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        folder.chmod(mode)
        with state_folder.held(folder):
            assert folder.stat().st_mode & 0o7777 == after
