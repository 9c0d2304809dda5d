"""A composite action run as GitHub's runner runs it, as far as a shell can: its `run` steps, in order, under bash."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
"""What GitHub runs for `shell: bash`."""
FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")


@dataclass
class Run:
    """What came of an action.

    Attributes:
        printed: By the names of the steps.
        statuses: The exit statuses of the steps that ran.
        summary: What they wrote for the job's page.
        outputs: Of the action.
    """

    printed: dict[str, str] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the job fails."""
        return any(self.statuses.values())


@dataclass(frozen=True)
class Context:
    """What expressions speak of."""

    inputs: Mapping[str, str]
    steps: dict[str, dict[str, str]] = field(default_factory=dict)

    def filled(self, text: str) -> str:
        """A text with the values of its expressions."""
        return re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: self.value(found[1]), text)

    def value(self, expression: str) -> str:
        """The value of an expression: a reference, a text, or the first of several that is not empty."""
        values = [self._single(part.strip()) for part in expression.split("||")]
        return next(filter(None, values), "")

    def holds(self, condition: str, *, failed: bool) -> bool:
        """Whether a step runs: as GitHub has it, not after a failure unless it says `always()`."""
        terms = [term.strip() for term in condition.split("&&") if term.strip()]
        always = "always()" in terms
        compared = [re.fullmatch(r"(\S+) (==|!=) (\S+)", term) for term in terms if term != "always()"]
        assert all(compared), f"not read by these tests: {condition}"
        return (always or not failed) and all(
            (self.value(each[1]) == self.value(each[3])) == (each[2] == "==") for each in compared if each
        )

    def _single(self, term: str) -> str:
        if term.startswith("'"):
            return term.strip("'")
        kind, *names = term.split(".")
        if kind == "inputs":
            return self.inputs[names[0]]
        assert (kind, names[1]) == ("steps", "outputs"), f"not read by these tests: {term}"
        return self.steps.get(names[0], {}).get(names[2], "")


def read(file: Path) -> Any:
    """An action, or a workflow."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def run_action(
    folder: Path, workspace: Path, inputs: Mapping[str, str], environment: Mapping[str, str], *only: str
) -> Run:
    """Run an action in a workspace.

    Args:
        folder: Of the action.
        workspace: Where its steps run.
        inputs: What the workflow says; what it leaves out has its default.
        environment: Of the runner.
        only: The names of the steps to run; none: all.
    """
    action = read(folder / "action.yml")
    assert set(inputs) <= set(action["inputs"])
    context = Context({name: inputs.get(name, said.get("default", "")) for name, said in action["inputs"].items()})
    done = Run()
    for number, step in enumerate(action["runs"]["steps"]):
        wanted = "run" in step and (not only or step["name"] in only)
        if wanted and context.holds(step.get("if", ""), failed=done.failed):
            _run_step(step, folder, workspace, context, environment, done, number)
    done.outputs = {name: context.filled(said["value"]) for name, said in action["outputs"].items()}
    return done


def _run_step(
    step: Mapping[str, Any],
    folder: Path,
    workspace: Path,
    context: Context,
    environment: Mapping[str, str],
    done: Run,
    number: int,
) -> None:
    assert step["shell"] == "bash"
    runner = Path(environment["RUNNER_TEMP"])
    files = {name: runner / f"{name.lower()}-{number}" for name in FILES}
    for file in files.values():
        file.write_text("")
    script = runner / f"step-{number}.sh"
    script.write_text(context.filled(step["run"]))
    said = {name: context.filled(str(value)) for name, value in step.get("env", {}).items()}
    places = {"GITHUB_ACTION_PATH": str(folder), "GITHUB_WORKSPACE": str(workspace)}
    printed = runner / f"printed-{number}.txt"
    with printed.open("w") as out:  # a pipe would be held open by what a step leaves running
        ended = subprocess.run(
            [*BASH, str(script)],
            cwd=workspace,
            env={**os.environ, **environment, **places, **{name: str(file) for name, file in files.items()}, **said},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    done.printed[step["name"]], done.statuses[step["name"]] = printed.read_text(), ended.returncode
    done.summary += files["GITHUB_STEP_SUMMARY"].read_text()
    if "id" in step:
        context.steps[step["id"]] = outputs_in(files["GITHUB_OUTPUT"].read_text())


def outputs_in(text: str) -> dict[str, str]:
    """The outputs that a step wrote, a line each."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in pairs}
