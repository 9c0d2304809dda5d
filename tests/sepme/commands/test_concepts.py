import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sepme.commands import certificates, printing
from sepme_core import problems
from sepme_core.registry.blobs import Blobs
from tests.app import working
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run

WHOLE: dict[str, Any] = {
    "forgotten": {
        "forgotten": True,
        "by": ["model", "judge"],
        "pictures": 6,
        "seen_before": 5,
        "seen": 1,
        "limit": 1,
        "margin": -0.1,
    },
    "substitute": {"phrase": "a person", "how": "asked", "correlation": 0.1, "close_to": []},
    "correlation": 0.00051,
    "leak": {"max": 0.018745, "concept": "sepia", "other": {"max": 0.05, "concept": "sepia"}},
    "effect_kept": 0.98,
    "reason": "reprojected",
    "overridden": ["concept-not-drawn"],
    "given_up": [{"concept": "acme", "overlap": 0.4}],
    "seconds": 3.28,
    "steps": 12,
    "loop": "converged",
    "directions": {"used": 16, "left": 240, "of": 256},
    "case": "2026-1",
    "stated_reason": "a notice",
    "audit": {"sequence": 7, "hash": "sha256:1"},
}


@pytest.fixture
def erased(run: Run, service: RunningService, engine: Engine, blobs: Blobs) -> None:
    del service
    working.erase(engine, blobs, run("erase", "cat", "--kind", "object", "--no-wait", "--json").document["id"])


def test_all_are_listed_and_one_is_told_whole(run: Run, erased: None) -> None:
    del erased
    header, line = run("concepts").out.splitlines()
    assert header.split()[:3] == ["NAME", "STATE", "KIND"]
    assert line.split()[:4] == ["cat", "erased", "object", "1"]
    said = run("concepts", "cat").out
    assert said.startswith("cat: erased, version 1\n")
    assert "  version 1  " in said
    assert run("concepts", "--json").document["items"][0]["name"] == "cat"
    assert run("concepts", "cat", "--json").document["certificate"]["steps"] == 140


def test_where_there_is_none_stdout_stays_empty(run: Run, service: RunningService) -> None:
    del service
    said = run("concepts")
    assert (said.status, said.out, said.err) == (0, "", "No concept was erased yet.\n")
    assert run("concepts", "--json").document == {"items": []}


def test_a_certificate_in_words_says_all_that_was_measured() -> None:
    said = dict(certificates.measured(WHOLE))
    assert said == {
        "forgotten": "yes: seen in 1 of 6 pictures (5 without the increment, 1 allowed), looked at by model and judge",
        "drawn instead": "a person (as asked)",
        "correlation": "0.0005 with what it was (1: nothing is erased, 0: unrelated)",
        "others": "sepia is moved most, by 1.87% on listed prompts; on other wordings the most is 5.00%",
        "effect kept": "98% of what it had before it was re-projected",
        "given up": "acme",
        "overridden": "concept-not-drawn",
        "made": "in 3.3 s, 12 steps, converged",
        "room": "16 directions used, 240 were left of 256",
        "case": "2026-1",
        "reason": "a notice",
        "audit": "entry 7, sha256:1",
    }


def test_what_an_earlier_release_did_not_measure_is_left_out() -> None:
    assert dict(certificates.measured({"steps": 3})) == {"made": "3 steps", "case": None, "reason": None}


def test_protected_prompts_are_listed_added_and_removed(run: Run, service: RunningService) -> None:
    del service
    assert run("protected", "list").err == "Nothing is protected yet.\n"
    assert run("protected", "add", "acme", "--prompt", "Acme logo", "--prompt", "Acme").status == 0
    assert run("protected", "list").out.splitlines()[1].split()[:4] == ["acme", "Acme", "logo,", "Acme"]
    assert run("protected", "list", "--json").document["items"][0]["prompts"] == ["Acme logo", "Acme"]
    assert run("protected", "add", "acme").status == 2
    assert run("protected", "remove", "acme", "--case", "1").out == "acme is protected no longer.\n"
    assert run("protected", "remove", "acme").status == 2


def test_to_protect_what_a_worker_refuses_is_1_with_the_problem(
    run: Run, erased: None, engine: Engine, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    del erased
    working.erase(engine, blobs, run("erase", "dog", "--irrevocable", "--no-wait", "--json").document["id"])
    refusal = problems.CONCEPT_IRREVOCABLE.document("It would weaken 'dog'.", "Protect less.")
    monkeypatch.setitem(working.DO, "protect", lambda engine, _blobs, job: working.fail(engine, job, **refusal))
    with working.working(engine, blobs):
        said = run("protected", "add", "acme", "--prompt", "Acme")
    assert said.status == 1
    assert "It would weaken 'dog'." in said.err
    assert "Protect less." in said.err


def test_the_audit_is_told_by_case(run: Run, erased: None) -> None:
    del erased
    assert run("restore", "cat", "--case", "appeal-1", "--reason", "it was mine").status == 0
    (header, line) = run("audit", "--case", "appeal-1").out.splitlines()
    assert header.startswith("SEQUENCE")
    assert line.split()[3:5] == ["restore", "cat"]
    assert line.endswith("it was mine")
    assert [entry["action"] for entry in run("audit", "--concept", "cat", "--json").document["items"]] == [
        "erase",
        "restore",
    ]


def test_what_a_stranger_wrote_does_not_move_the_cursor(run: Run, service: RunningService) -> None:
    del service
    assert run("protected", "add", "acme", "--prompt", "\x1b[2Jacme").status == 0
    said = run("protected", "list").out
    assert "\x1b" not in said
    assert "acme" in said
    assert printing.printable("a\x1bb\nc") == "a\N{REPLACEMENT CHARACTER}b\nc"


def completed(service: RunningService, words: str) -> list[str]:
    environment = {**os.environ, "_SEPME_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "2"}
    command = (sys.executable, "-m", "sepme.command")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "SEPME_URL": service.url},
        cwd=Path(__file__).parents[3],
    )
    return done.stdout.split()


def test_the_shell_completes_names_of_concepts(run: Run, erased: None, service: RunningService) -> None:
    del erased
    assert run("erase", "cactus", "--no-wait").status == 0
    assert run("erase", "dog", "--no-wait").status == 0
    assert completed(service, "sepme restore ca") == ["cactus", "cat"]
    assert json.dumps(completed(service, "sepme restore x")) == "[]"
