"""A generator of progress driven to its result."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TypeVar

from sepme_core.erasure.request import Progress

Result = TypeVar("Result")


def run_to_end(
    eraser: Generator[Progress, None, Result], told: Callable[[Progress], object] = lambda _progress: None
) -> Result:
    """Drive an eraser to its result, telling ``told`` each step; what that raises closes the eraser."""
    with closing(eraser):
        while True:
            try:
                progress = next(eraser)
            except StopIteration as end:
                result: Result = end.value
                return result
            told(progress)
