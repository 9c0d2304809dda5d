"""What stands before a commit: hooks that run the very tools, at the very versions, that `make lint` runs."""

import re
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
(LOCAL,) = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text())["repos"]


def test_no_hook_brings_a_version_of_its_own() -> None:
    assert LOCAL["repo"] == "local"
    assert {hook["language"] for hook in LOCAL["hooks"]} == {"system"}
    assert [hook for hook in LOCAL["hooks"] if "additional_dependencies" in hook] == []


@pytest.mark.parametrize("hook", LOCAL["hooks"], ids=lambda hook: str(hook["id"]))
def test_a_hook_runs_what_lint_runs(hook: dict[str, str]) -> None:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    program, *words = hook["entry"].split()
    command = " ".join(word for word in words if not word.startswith("-"))
    linted = recipe[1].replace("$(VENV)", ".venv").replace(" --check", "").splitlines()
    assert any(line.split()[: 1 + len(command.split())] == [program, *command.split()] for line in linted)
