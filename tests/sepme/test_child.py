"""How children share the processor, as the machine really does it."""

import signal
import sys
import time
from pathlib import Path

import pytest

from sepme.serve.child import Child, ChildPlan
from tests.sepme.processes import python, until

SPIN = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"


def computed(child: Child) -> int:
    """Ticks of the processor that a child has had."""
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.skipif(sys.platform != "linux", reason="pins processes to a processor")
def test_a_child_that_stands_back_leaves_the_processor_to_those_who_do_not(tmp_path: Path) -> None:
    plans = [ChildPlan("usual", python(SPIN)), ChildPlan("back", python(SPIN), niceness=10)]
    children = [Child(plan, tmp_path, lambda _said: None) for plan in plans]
    try:
        until(lambda: min(map(computed, children)) > 5)
        before = [computed(child) for child in children]
        time.sleep(2)
        had = [computed(child) - earlier for child, earlier in zip(children, before, strict=True)]
    finally:
        for child in children:
            child.send(signal.SIGKILL)
        until(lambda: None not in [child.exit_status() for child in children])
        for child in children:
            child.bury()
    assert had[0] > 2.5 * had[1], had
