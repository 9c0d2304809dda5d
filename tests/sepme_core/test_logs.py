import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from sepme_core import logs
from sepme_core.settings import Settings


@pytest.fixture
def settings(environment_without_settings: None, tmp_path: Path) -> Settings:
    del environment_without_settings
    return Settings(home=tmp_path, log_format="json")


def line(settings: Settings, message: str, *arguments: object, **more: Any) -> str:
    """What is written of a message."""
    record = logging.LogRecord(
        more.pop("name", "room"), logging.INFO, "room.py", 1, message, arguments, more.get("exc_info")
    )
    return logs.formatter(settings, "erase@here:7").format(record)


def failed(error: Exception) -> dict[str, Any]:
    """What a line about an exception is written with."""
    try:
        raise error  # noqa: TRY301  (for its traceback)
    except Exception:  # noqa: BLE001  (any)
        return {"exc_info": sys.exc_info()}


def test_a_line_is_an_object_that_says_what_it_is_about(settings: Settings) -> None:
    with logs.about_job("job-1", "request-1"):
        said = json.loads(line(settings, "step %d", 3, **failed(ValueError("no"))))
    assert said.pop("timestamp").endswith("Z")
    assert said.pop("exception").endswith("ValueError: no")
    assert said == {
        "event": "step 3",
        "level": "info",
        "logger": "room",
        "worker": "erase@here:7",
        "job": "job-1",
        "request_id": "request-1",
    }


def test_a_line_to_read_says_it_too_and_nobodys_text_passes_for_a_line_of_its_own(settings: Settings) -> None:
    forged = "found\n2026-01-01T00:00:00Z critical room: all is lost\rall\u2028 of it"
    with logs.about_request("request-1"):
        first, *others = line(settings.model_copy(update={"log_format": "text"}), forged).splitlines()
    assert first.endswith("Z info room: found")
    assert others
    assert all(each.startswith("    ") for each in others)
    assert others[-1].endswith("[request request-1]")


@pytest.mark.parametrize(
    "said",
    [
        "sepme_AAAAAAAAAAAA_MARKED of somebody",
        "Authorization: Bearer MARKED",
        "{'authorization': 'bearer MARKED'}",
        "postgresql+psycopg://sepme:MARKED@db.example/sepme is down",
        "redis://:p@MARKED@127.0.0.1:6379/0",
        "connection failed: host=db password=MARKED user=sepme",
        "connection failed: password='of MARKED' user=sepme",
        "(psycopg.errors.CheckViolation) no\nDETAIL:  Failing row contains (1, a MARKED prompt).",
        "bad\nCONTEXT:  JSON data, line 1: {MARKED",
        "count\n  Field required [type=missing, input_value={'prompt': 'MARKED'}, input_type=dict]",
        "1 validation error:\n  {'type': 'missing', 'loc': ('body',), 'input': {'prompt': 'MARKED'}}",
    ],
)
def test_no_key_password_or_quoted_value_is_written_whoever_says_it(settings: Settings, said: str) -> None:
    assert "MARKED" in said
    for written in (line(settings, "%s", said), line(settings, "failed", **failed(RuntimeError(said)))):
        assert "MARKED" not in written
        assert "kept back" in written


ASKED = {"name": "cat", "prompts": ["cat", 'It\'s "MARKED" é'], "group": [{"name": "dog", "protect": ["a MARKED dog"]}]}


@pytest.mark.parametrize("spelt", [str, repr, json.dumps, str.upper])
def test_what_a_job_says_is_kept_back_however_an_exception_spells_it(settings: Settings, spelt: Any) -> None:
    words = [spelt(word) for word in logs.words_of(ASKED)[1:]]
    assert len(words) == 2
    with logs.about_job("job-1", None, ASKED):
        for word in words:
            written = line(settings, f"cat: {word}", **failed(RuntimeError(f"no {word}")))
            assert "MARKED" not in written
            assert "cat: " in written  # a name is no secret, nor is every word with these letters


def test_what_a_request_says_is_kept_back_until_its_end(settings: Settings) -> None:
    with logs.about_request("request-1"):
        logs.keep_back({"prompt": "a MARKED prompt"})
        assert "MARKED" not in line(settings, "a MARKED prompt")
        assert "MARKED" in line(settings, "GET /MARKED", name=logs.ACCESS)
    assert "MARKED" in line(settings, "a MARKED prompt")


def test_an_operator_may_have_what_jobs_say_but_no_keys(settings: Settings) -> None:
    with logs.about_job("job-1", None, {"prompt": "a shown prompt"}):
        written = line(settings.model_copy(update={"log_prompts": True}), "a shown prompt of sepme_AAAA_MARKED")
    assert "a shown prompt" in written
    assert "MARKED" not in written


@pytest.mark.parametrize("sent", ["a", "2026-0117/step:7", "x" * 128])
def test_an_id_may_be_whatever_is_short_and_visible(sent: str) -> None:
    assert logs.is_request_id(sent)


@pytest.mark.parametrize(
    "sent", ["", "a b", 'a"', "a'", "a\\", "a;b", "ä", "a\n", "\x7f", "x" * 129, "sepme_AAAAAAAAAAAA_BBBB"]
)
def test_an_id_is_nothing_that_needs_quotes_and_no_key(sent: str) -> None:
    assert not logs.is_request_id(sent)
