"""What a process keeps of the memory that it frees."""

import subprocess
import sys

import pytest

from sepme_core.drawing.memory import keep_freed_memory

WORK = """
import resource, sys, threading
import torch
from sepme_core.drawing.memory import keep_freed_memory

def pages():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def work():
    for turn in range(30):
        if turn == 10:  # by then it has all that it ever needs at once
            before = pages()
        for size in (1, 3, 8, 20):  # MiB
            tensors = [torch.empty(size * 2**18).fill_(1.0) for _ in range(8)]
            del tensors
    print(pages() - before)

if sys.argv[1] == "keeps":
    assert keep_freed_memory()
thread = threading.Thread(target=work)  # as the worker's model, whose heap is another than the main thread's
thread.start()
thread.join()
"""


@pytest.mark.slow
def test_a_process_that_keeps_what_it_frees_does_not_ask_for_the_same_pages_again() -> None:
    if not keep_freed_memory():
        pytest.skip("this system's malloc is not glibc's")

    assert _pages("keeps") < _pages("as it is") / 100


def _pages(how: str) -> int:
    """Those that the same tensors took anew, again and again, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", WORK, how], capture_output=True, text=True, check=True, timeout=120)
    return int(done.stdout)
