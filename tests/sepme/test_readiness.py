import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from app.health import Part, Readiness
from sepme.serve import run

UP = Part(status="up", detail="answers")
LATE = Part(status="degraded", detail="none was seen in the last 10 seconds")


def document(**parts: Part) -> dict[str, object]:
    """What the front end answers, written by its own schema."""
    workers = {"erase": parts.get("erase", UP), "generate": UP}
    model = parts.get("model", UP)
    return Readiness(status="ready", database=UP, broker=UP, workers=workers, model=model, storage=UP).model_dump()


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """A real HTTP server that gives these answers one after the other, the last one for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_each_part_is_read_with_what_it_lacks() -> None:
    found = run.read(document(erase=LATE))
    assert found.up == ["database", "broker", "worker for generate", "model"]
    assert found.lacking["worker for erase"] == LATE.detail
    assert not found.complete
    assert run.read(document()).complete


def test_the_watch_ends_when_everything_is_up() -> None:
    answers = [json.dumps(document(erase=LATE)).encode(), json.dumps(document()).encode()]
    with answering(*answers) as address:
        seen = list(run.until_ready(address, say=pytest.fail))
    assert [answer is not None and answer.complete for answer in seen] == [False, True]


def test_after_a_long_time_it_says_once_what_is_missing() -> None:
    said: list[str] = []
    times = iter([0.0, *[run.LONG_SECONDS + 1] * 10])
    late = json.dumps(document(erase=LATE)).encode()
    with answering(late, late, json.dumps(document()).encode()) as address:
        list(run.until_ready(address, said.append, clock=lambda: next(times)))
    assert said == [f"Still waiting for: worker for erase ({LATE.detail})."]


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"hello": "world"}'])
def test_what_is_no_sepme_is_no_answer(answer: bytes) -> None:
    with answering(answer) as address:
        assert run.ask(address) is None


def test_nobody_there_is_no_answer() -> None:
    with answering(b"{}") as address:
        pass
    assert run.ask(address) is None
