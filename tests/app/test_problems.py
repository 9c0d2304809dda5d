import asyncio
import http.client
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from app.problems import MEDIA_TYPE
from app.problems.handlers import LIMIT_BYTES, IncidentMiddleware
from app.problems.problem import path_in_body, pointer
from app.problems.refusals import PROBLEMS
from app.problems.routes import PAGE, page
from sepme_core.problems import CATALOGUE
from sepme_core.registry import errors
from sepme_core.settings import Settings
from tests.app import raw
from tests.app.running import RunningService, running

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def shared_service(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, valkey_socket: Path
) -> Iterator[RunningService]:
    """One service for all requests that it must refuse: none of them changes anything."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "registry.sqlite3")
    with running(Settings(home=home, broker_url=f"redis+socket://{valkey_socket}")) as service:
        yield service


@pytest.fixture
def client(shared_service: RunningService) -> Iterator[httpx.Client]:
    with shared_service.client() as client:
        yield client


def check(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The answer is a whole problem of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    document: dict[str, Any] = answer.json()
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["instance"] == answer.request.url.path
    assert all(document[member] for member in ("title", "detail", "remedy"))
    return document


def places(document: dict[str, Any]) -> set[tuple[str, str]]:
    """Where the fields are that do not fit."""
    return {(error["location"], error.get("pointer") or error["name"]) for error in document["errors"]}


def test_an_unknown_path(client: httpx.Client) -> None:
    check(client.get("/nothing/here"), 404, "path-not-found")


@pytest.mark.parametrize(
    ("method", "path", "place"),
    [
        ("GET", "/concepts/?limit=2", "/concepts?limit=2"),
        ("POST", "/v1/images/generations/", "/v1/images/generations"),
        ("GET", "/v1/models/", "/v1/models"),
        ("DELETE", "/concepts/van%3Fgogh//", "/concepts/van%3Fgogh"),
    ],
)
def test_a_slash_too_many_leads_to_where_it_is_not(client: httpx.Client, method: str, path: str, place: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["location"]) == (308, place)


@pytest.mark.parametrize("path", ["/nothing/", "//evil.example/", "//evil.example/model/"])
def test_a_slash_too_many_leads_nowhere_else(shared_service: RunningService, path: str) -> None:
    answer = raw.send(
        shared_service.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert (answer.status, answer.document["type"]) == (404, "/problems/path-not-found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/concepts/cat", ["GET", "DELETE"]),
        ("POST", "/protected/cat", ["GET", "PUT", "DELETE"]),
        ("GET", "/generate", ["POST"]),
        ("DELETE", "/jobs", ["GET"]),
        ("PATCH", "/", ["GET"]),
    ],
)
def test_a_method_that_the_path_does_not_know(client: httpx.Client, method: str, path: str, allowed: list[str]) -> None:
    answer = client.request(method, path)
    document = check(answer, 405, "method-not-allowed")
    assert document["allowed"] == allowed
    assert answer.headers["allow"] == ", ".join(allowed)


def test_a_body_that_says_it_is_too_large_is_not_read(client: httpx.Client) -> None:
    answer = client.post("/generate", content=b" " * (LIMIT_BYTES + 1), headers=JSON)
    assert check(answer, 413, "body-too-large")["limit_bytes"] == LIMIT_BYTES


def test_who_sends_all_of_it_before_reading_hears_why_it_was_refused(shared_service: RunningService) -> None:
    request = urllib.request.Request(f"{shared_service.url}/generate", data=b" " * 20_000_000, headers=JSON)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        assert (answer.code, json.load(answer)["type"]) == (413, "/problems/body-too-large")


def test_a_stream_that_grows_too_large_is_broken_off(shared_service: RunningService) -> None:
    connection = http.client.HTTPConnection(shared_service.url.removeprefix("http://"), timeout=10)
    chunks = (b" " * 65536 for _ in range(LIMIT_BYTES // 65536 + 2))
    connection.request("POST", "/generate", body=chunks, headers=JSON, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.load(answer)["type"] == "/problems/body-too-large"
    connection.close()


def test_what_arrives_is_counted_whatever_was_declared(shared_service: RunningService) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    head = b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    with raw.connect(shared_service.port) as connection:
        connection.sendall(head + chunk * (LIMIT_BYTES // 65536 + 1))  # no end: it must be refused for what is there
        answer = raw.read(connection)
    assert answer is not None
    assert (answer.status, answer.document["type"]) == (413, "/problems/body-too-large")
    assert answer.headers["content-type"] == MEDIA_TYPE


@pytest.mark.usefixtures("model")
def test_a_stream_of_the_right_size_is_read(service: RunningService) -> None:
    with service.client() as client:
        answer = client.post("/generate", content=iter([b'{"prompt": ', b'"a cat"}']), headers=JSON)
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "text/plain", None])
def test_a_body_that_is_not_declared_as_json(client: httpx.Client, media_type: str | None) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    document = check(
        client.post("/generate", content=b'{"prompt": "a"}', headers=headers), 415, "unsupported-media-type"
    )
    assert document["supported"] == ["application/json"]
    assert "Content-Type: application/json" in document["remedy"]


def test_malformed_json_is_answered_with_its_place(client: httpx.Client) -> None:
    document = check(client.post("/generate", content=b'{"prompt":\n "a",}', headers=JSON), 400, "malformed-json")
    assert (document["line"], document["column"]) == (2, 6)


@pytest.mark.parametrize("body", [b"\xff\xfe{", b"[" * 200_000, b'{"seed": ' + b"9" * 5000 + b"}"])
def test_bytes_that_cannot_be_read_as_json(client: httpx.Client, body: bytes) -> None:
    check(client.post("/generate", content=body, headers=JSON), 400, "malformed-json")


OPTIONS_GONE = {"#/options/pictures", "#/options/overshoot"}


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/generate", {}, {"#/prompt"}),
        ("/generate", [], {"#"}),
        ("/generate", None, {"#"}),
        ("/generate", {"prompt": "a", "stepz": 3}, {"#/stepz"}),
        ("/generate", {"prompt": "a", "steps": "25"}, {"#/steps"}),
        ("/generate", {"prompt": "a", "steps": 2.5, "count": 0, "seed": -1}, {"#/steps", "#/count", "#/seed"}),
        ("/generate", {"prompt": "a", "seed": 2**60}, {"#/seed"}),
        ("/generate", {"prompt": "a", "erased": "all"}, {"#/erased"}),
        ("/generate", {"prompt": "a", "erased": 3}, {"#/erased"}),
        ("/generate", {"prompt": "a", "erased": None}, {"#/erased"}),
        ("/generate", {"prompt": "a", "erased": ["cat", "Van Gogh", 3]}, {"#/erased/1", "#/erased/2"}),
        ("/generate", {"prompt": "a\u0000b"}, {"#/prompt"}),
        ("/generate", {"prompt": "a\ud800"}, {"#/prompt"}),
        ("/generate", {"prompt": "a" * 1001}, {"#/prompt"}),
        ("/generate", {"prompt": "a", "a/b~c d": 1}, {"#/a~1b~0c%20d"}),
        ("/generate", {"prompt": "a", "\ud800": 1}, {"#"}),
        ("/concepts/cat/erase", {"kind": "animal", "prompts": []}, {"#/kind", "#/prompts"}),
        ("/concepts/cat/erase", {"prompts": ["a", " "]}, {"#/prompts/1"}),
        ("/concepts/cat/erase", {"options": {"max_steps": -1, "sed": 1}}, {"#/options/max_steps", "#/options/sed"}),
        ("/concepts/cat/erase", {"irrevocable": "yes"}, {"#/irrevocable"}),
        ("/concepts/cat/erase", {"name": "dog"}, {"#/name"}),
        ("/concepts/cat/erase", {"substitute": " ", "same_as": "A cat"}, {"#/substitute", "#/same_as"}),
        ("/concepts/cat/erase", {"options": {"pictures": 3, "overshoot": 1}}, OPTIONS_GONE),
        ("/jobs/AAAA/cancel", {"why": "late"}, {"#/why"}),
        ("/erasures", {"concepts": []}, {"#/concepts"}),
        ("/erasures", {"concepts": [{"name": "cat"}, {"kind": "style"}]}, {"#/concepts/1/name"}),
        ("/erasures", {"concepts": [{"name": "-cat"}]}, {"#/concepts/0/name"}),
        ("/erasures", {"concepts": [{"name": "cat"}, {"name": "dog"}, {"name": "cat"}]}, {"#/concepts/2/name"}),
    ],
)
def test_fields_that_do_not_fit_are_named_by_pointers(
    client: httpx.Client, path: str, body: Any, pointers: set[str]
) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    document = check(answer, 422, "invalid-request")
    assert places(document) == {("body", pointer) for pointer in pointers}
    assert len(document["errors"]) == len(pointers), "one entry a field"


def test_the_detail_names_the_fields(client: httpx.Client) -> None:
    one = client.post("/generate", json={"prompt": "a", "stepz": 3})
    assert one.json()["detail"] == "#/stepz: this field is not known."
    none = client.post("/generate")
    assert none.json()["detail"] == "#: a JSON object is required."
    two = client.post("/generate", json={"prompt": "a", "stepz": 3, "count": 0})
    assert two.json()["detail"] == "2 fields do not fit: #/count, #/stepz."


def test_numbers_that_json_does_not_know(client: httpx.Client) -> None:
    answer = client.post("/generate", content=b'{"prompt": "a", "guidance_scale": NaN}', headers=JSON)
    assert places(check(answer, 422, "invalid-request")) == {("body", "#/guidance_scale")}


def test_what_must_hold_of_erased_is_said_in_one_sentence(client: httpx.Client) -> None:
    document = check(client.post("/generate", json={"prompt": "a", "erased": "all"}), 422, "invalid-request")
    assert document["errors"][0]["detail"] == 'must be "active" or a list of names of concepts'


@pytest.mark.parametrize("slug", ["Cat", "-cat", "cat-", "c_t", "c%20t", "c" * 65, "caf%C3%A9", "cat%0A", "%00"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/concepts/{}"), ("PUT", "/protected/{}")])
def test_names_that_are_no_slugs(client: httpx.Client, method: str, path: str, slug: str) -> None:
    body = {"prompts": ["a"]} if method == "PUT" else None
    document = check_invalid(client.request(method, path.format(slug), json=body))
    assert places(document) == {("path", "name")}


def check_invalid(answer: httpx.Response) -> dict[str, Any]:
    document: dict[str, Any] = answer.json()
    assert (answer.status_code, document["type"]) == (422, "/problems/invalid-request"), answer.text
    return document


@pytest.mark.parametrize("slug", ["c", "7", "van-gogh", "a--b", "c" * 64])
def test_names_that_are_slugs(client: httpx.Client, slug: str) -> None:
    check(client.get(f"/concepts/{slug}"), 404, "concept-not-found")


@pytest.mark.parametrize("path", ["/concepts", "/jobs", "/protected", "/audit"])
@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=WyJhIiwiYiIsImMiXQ", "cursor"),
        ("page=2", "page"),
    ],
)
def test_pages_that_do_not_exist(client: httpx.Client, path: str, query: str, name: str) -> None:
    document = check(client.get(f"{path}?{query}"), 422, "invalid-request")
    assert places(document) == {("query", name)}


def test_a_slip_in_a_query_does_not_restore_what_was_to_be_purged(client: httpx.Client) -> None:
    document = check(client.delete("/concepts/cat?purg=true"), 422, "invalid-request")
    assert places(document) == {("query", "purg")}
    assert places(check(client.delete("/concepts/cat?purge=2"), 422, "invalid-request")) == {("query", "purge")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Prefer", "wait=soon"),
        ("Prefer", "wait"),
        ("Prefer", "wait=-1"),
        ("Prefer", "wait=1.5"),
        ("Idempotency-Key", "two words"),
        ("Idempotency-Key", "k" * 256),
        ("Idempotency-Key", ""),
    ],
)
def test_headers_that_cannot_be_read(client: httpx.Client, name: str, value: str) -> None:
    answer = client.post("/concepts/cat/erase", headers={name: value})
    assert places(check(answer, 422, "invalid-request")) == {("header", name)}


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/jobs/AAAAAAAAAAAAAAAAAAAAAA", "job-not-found"),
        ("/jobs/%00", "job-not-found"),
        ("/jobs/AAAA/events", "job-not-found"),
        ("/images/AAAAAAAAAAAAAAAAAAAAAA", "image-not-found"),
        ("/images/a.png", "image-not-found"),
        ("/protected/cat", "protected-not-found"),
        ("/problems/none-such", "path-not-found"),
    ],
)
def test_things_that_are_not_there(client: httpx.Client, path: str, slug: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == f"/problems/{slug}"


def test_below_v1_a_problem_is_also_an_error_that_openai_clients_read(client: httpx.Client) -> None:
    document = check(client.post("/v1/images/generations", json={"prompt": "a", "n": "1"}), 422, "invalid-request")
    assert document["error"]["param"] == "n"
    assert document["error"]["code"] == "invalid-request"
    assert document["error"]["type"] == "invalid_request_error"
    assert document["detail"] in document["error"]["message"]


def test_a_database_that_is_gone_is_a_reason_to_wait(service: RunningService) -> None:
    with service.services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE concepts RENAME TO elsewhere")
    with service.client() as client:
        answer = client.get("/concepts")
    check(answer, 503, "database-unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def failing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise RuntimeError("the secret cause")


def test_an_error_that_nobody_foresaw_is_a_number_to_the_caller_and_a_story_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(IncidentMiddleware(failing))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/somewhere")

    answer = asyncio.run(ask())
    document = check(answer, 500, "internal-error")
    assert "secret" not in answer.text
    assert document["incident"] in caplog.text
    assert "the secret cause" in caplog.text


def test_every_kind_of_problem_is_documented(client: httpx.Client) -> None:
    listed = client.get("/problems").json()["items"]
    assert [item["type"] for item in listed] == [kind.uri for kind in CATALOGUE]
    assert client.get(listed[3]["type"]).json() == listed[3]
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m app.problems.routes"


def test_every_refusal_of_the_registry_is_a_problem_of_its_own() -> None:
    def leaves(kind: type[Exception]) -> set[type[Exception]]:
        return {kind} if not kind.__subclasses__() else {leaf for sub in kind.__subclasses__() for leaf in leaves(sub)}

    handled_where_they_arise = {errors.BlobMissing, errors.BlobDamaged, errors.DatabaseNewer, errors.MigrationRefused}
    handled_where_they_arise |= {errors.ConceptNamedTwice}
    assert leaves(errors.RegistryError) - set(PROBLEMS) <= handled_where_they_arise


@pytest.mark.parametrize(
    ("location", "body", "path"),
    [
        (("erased", "list[str]", 1), {"erased": ["a", 2]}, ["erased", 1]),
        (("prompt",), {}, ["prompt"]),
        (("options", "sed"), {"options": {"sed": 1}}, ["options", "sed"]),
        ((), 3, []),
        (("a", "b"), {"a": 3}, ["a"]),
    ],
)
def test_only_steps_into_the_body_are_part_of_a_pointer(
    location: tuple[str | int, ...], body: Any, path: list[str | int]
) -> None:
    assert path_in_body(location, body) == path


def test_a_pointer_is_escaped_as_a_uri_fragment() -> None:
    assert pointer(["a/b", "c~d", 0, "é"]) == "#/a~1b/c~0d/0/%C3%A9"
