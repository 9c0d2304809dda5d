"""Which examples the tests of properties try."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def header(*options: str) -> str:
    """What pytest says first, in the project's own set-up."""
    command = (
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-v",
        "-p",
        "no:cacheprovider",
        *options,
        "tests/deploy/test_ci.py",
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(command, cwd=CHECKOUT, env=environment, text=True, capture_output=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [((), "hypothesis profile 'same' -> "), (("--hypothesis-profile=explore",), "hypothesis profile 'explore'")],
)
def test_they_are_the_same_ones_until_others_are_asked_for(options: tuple[str, ...], said: str) -> None:
    found = header(*options)
    assert said in found
    assert ("derandomize=True" in found) == (not options)
