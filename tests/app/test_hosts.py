import re
from base64 import b64encode
from hashlib import sha256

import httpx
import pytest

from app.middleware import host_of
from app.problems import MEDIA_TYPE
from sepme_core.settings import Settings
from tests.app import raw
from tests.app.running import RunningService, running

CHANGES = [("GET", "/model"), ("GET", "/"), ("POST", "/concepts/cat/erase"), ("DELETE", "/concepts/cat")]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_name_that_somebody_else_gave_this_machine_is_not_served(
    client: httpx.Client, method: str, path: str
) -> None:
    headers = {"Host": "evil.example:8000", "Origin": "http://evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (421, "/problems/host-not-served")
    assert (answer.headers["content-type"], answer.json()["host"]) == (MEDIA_TYPE, "evil.example")
    assert "SEPME_PUBLIC_URL" in answer.json()["remedy"]
    assert client.get("/jobs").json()["items"] == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.:80", "127.0.0.1:1", "127.8.8.8", "[::1]:8000", "[0:0::1]"])
def test_this_machine_is_served_by_all_its_names_for_itself(client: httpx.Client, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["[::1", "localhost:port", "a b", "user@localhost", "[::g]", "localhost/", ""])
def test_a_host_that_is_none_is_the_clients_mistake(service: RunningService, host: str) -> None:
    answer = raw.send(service.port, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert (answer.status, answer.document["type"]) == (400, "/problems/malformed-request")


def test_who_names_no_host_at_all_is_no_browser(service: RunningService) -> None:
    assert raw.send(service.port, b"GET /livez HTTP/1.0\r\n\r\n").status == 200


@pytest.mark.parametrize("origin", ["http://[::1", "nonsense", "://x", "http://a b", "http://user@localhost"])
def test_an_origin_that_is_none_is_the_clients_mistake(client: httpx.Client, origin: str) -> None:
    answer = client.post("/concepts/cat/erase", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-request")


@pytest.mark.parametrize("origin", ["chrome-extension://abc", "http://localhost.evil.example", "null"])
def test_an_origin_from_elsewhere_is_refused_as_such(client: httpx.Client, origin: str) -> None:
    answer = client.post("/concepts/cat/erase", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/cross-origin")


def test_the_hosts_that_the_operator_names_are_served_and_answers_begin_with_the_public_one(settings: Settings) -> None:
    named = settings.model_copy(
        update={"public_url": "https://Sepme.example:8443/pictures", "allowed_hosts": "api, 10.0.0.7"}
    )
    with running(named) as service, service.client() as client:
        for host in ("sepme.example", "api:8000", "10.0.0.7:8000", "localhost"):
            assert client.get("/livez", headers={"Host": host}).status_code == 200, host
        assert client.get("/livez", headers={"Host": "10.0.0.8"}).status_code == 421
        page = client.get("/", headers={"Host": "api"}).text
    assert "curl https://Sepme.example:8443/pictures/generate" in page


def test_every_interface_is_no_host_but_the_address_of_each_is(settings: Settings) -> None:
    everywhere = settings.model_copy(update={"host": "0.0.0.0"})
    assert everywhere.served_hosts == frozenset()
    with running(everywhere) as service, service.client() as client:
        assert client.get("/livez", headers={"Host": "0.0.0.0"}).status_code == 421
        assert client.get("/livez").status_code == 200


def test_forwarded_headers_are_believed_of_named_proxies_alone(settings: Settings) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    for proxies, scheme in (("", "http"), ("10.0.0.0/8", "http"), ("127.0.0.1", "https")):
        proxied = settings.model_copy(update={"trusted_proxies": proxies})
        with running(proxied) as service, service.client() as client:
            page = client.get("/", headers=forwarded).text
        assert f" {scheme}://127.0.0.1:" in page, proxies


@pytest.mark.parametrize("path", ["/", "/docs", "/livez", "/nothing"])
def test_no_answer_may_be_framed_sniffed_or_load_anything(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert ("script-src" in policy) is (path in ("/", "/docs"))


def test_of_the_page_of_calls_its_own_script_alone_runs(client: httpx.Client) -> None:
    answer = client.get("/docs")
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert re.findall(r"script-src ([^;]*);", answer.headers["content-security-policy"]) == [f"'sha256-{digest}'"]
    assert "connect-src" not in answer.headers["content-security-policy"]  # what is typed can be sent nowhere


def test_a_host_is_told_from_what_is_none() -> None:
    assert host_of("A.example:80") == "a.example"
    assert host_of("[2001:DB8:0::1]:80") == "2001:db8::1"
    assert [host_of(text) for text in ("", ":80", "a:b", "a/b", "[a]", "a@b", "é")] == [None] * 7
