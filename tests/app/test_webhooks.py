"""Webhooks over HTTP: made, told, signed, and what their receivers may do to us."""

import json
import logging
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import Engine, update
from standardwebhooks import Webhook, WebhookVerificationError

from app.services import open_services
from app.webhooks import posting, reaching
from app.webhooks.sender import Sender
from sepme_core.registry import tables, webhooks
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.registry.types import database_time
from sepme_core.settings import Settings
from sepme_core.terms import WEBHOOK_EVENTS
from tests.app import working

LOOPBACK = "127.0.0.0/8"
PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"webhooks_allow": LOOPBACK, "sweep_seconds": 0.2})


@dataclass
class Receiver:
    """What came, and what is answered."""

    port: int
    status: int = 204
    location: str = ""
    pause: float = 0.0
    came: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/token-of-mine"


@contextmanager
def receiving(address: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.came.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(here.pause)
            self.send_response(here.status)
            if here.location:
                self.send_header("Location", here.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((address, port), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    here = Receiver(server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="receiver")
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def make(client: httpx.Client, url: str, name: str = "shop", **body: Any) -> Any:
    made = client.post("/webhooks", json={"name": name, "url": url, **body})
    assert made.status_code == 201, made.text
    return made.json()


def posted(url: str, resolve: reaching.LookUp = reaching.look_up, **changes: Any) -> posting.Outcome:
    context = changes.pop("context", None) or ssl.create_default_context()
    return posting.post(reaching.look(url, reaching.allowed(LOOPBACK), resolve), {}, b"{}", context, **changes)


def test_what_is_erased_and_restored_is_told_and_the_signature_holds(
    client: httpx.Client, engine: Engine, blobs: Blobs, model: None, receiver: Receiver
) -> None:
    del model
    made = make(client, receiver.url)
    job = client.post("/concepts/cat/erase", json={"case": "2026-7"}).json()["id"]
    working.erase(engine, blobs, job)
    client.delete("/concepts/cat")
    working.eventually(lambda: len(receiver.came) == 2)

    said = []
    for path, headers, body in receiver.came:
        assert path == "/token-of-mine"
        assert headers["content-type"] == "application/json"
        said.append(Webhook(made["secret"]).verify(body, headers))
        assert is_ours(made["secret"], headers, body)
        assert not is_ours(made["secret"], headers, body + b" ")
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(body.replace(b"cat", b"dog"), headers)
    assert {(each["type"], each["data"]["name"], each["data"]["state"]) for each in said} == {
        ("concept.erased", "cat", "erased"),
        ("concept.restored", "cat", "restored"),
    }
    assert {headers["webhook-id"][:4] for _, headers, _ in receiver.came} == {"msg_"}
    working.eventually(lambda: client.get("/webhooks/shop").json()["waiting"] == 0)
    assert client.get("/webhooks/shop").json()["last_status"] == "204"


def test_the_secret_is_shown_once_and_stands_nowhere_else(
    client: httpx.Client, engine: Engine, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = make(client, receiver.url)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made["events"] == sorted(WEBHOOK_EVENTS)
    client.post("/webhooks/shop/test")
    working.eventually(lambda: receiver.came)
    working.eventually(lambda: client.get("/webhooks/shop").json()["last_status"] == "204")
    answers = [client.get(path).text for path in ("/webhooks", "/webhooks/shop", "/audit")]
    answers += [client.delete("/webhooks/shop").text, client.get("/audit").text]
    assert [text for text in [*answers, caplog.text] if secret in text] == []
    assert "token-of-mine" not in answers[2] + answers[4] + caplog.text, "paths are secrets too"
    actions = [entry["action"] for entry in client.get("/audit").json()["items"]]
    assert actions == ["create-webhook", "delete-webhook"]
    with writing(engine) as session:
        assert secret not in repr(webhooks.create(session, "other", receiver.url, ["job.failed"], "ops"))


def test_a_name_is_given_once_and_what_is_not_there_is_not_found(client: httpx.Client, receiver: Receiver) -> None:
    make(client, receiver.url)
    again = client.post("/webhooks", json={"name": "shop", "url": receiver.url})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/webhook-name-taken")
    for answer in (
        client.get("/webhooks/x"),
        client.delete("/webhooks/x"),
        *(client.post(f"/webhooks/x/{what}") for what in ("test", "enable", "rotate")),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/webhook-not-found")


@pytest.mark.parametrize("url", ["https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]/", "x"])
def test_an_address_inside_the_network_is_refused_with_the_field_and_the_remedy(client: httpx.Client, url: str) -> None:
    answer = client.post("/webhooks", json={"name": "shop", "url": url})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "#/url"
    assert url == "x" or "SEPME_WEBHOOKS_ALLOW" in error["detail"]


def test_one_that_answers_that_it_is_gone_is_disabled(client: httpx.Client, receiver: Receiver) -> None:
    receiver.status = 410
    make(client, receiver.url)
    message = client.post("/webhooks/shop/test").json()["id"]
    working.eventually(lambda: client.get("/webhooks/shop").json()["disabled_at"])
    shown = client.get("/webhooks/shop").json()
    assert [(each["id"], each["event"], each["status"]) for each in shown["undelivered"]] == [(message, "test", "410")]
    answer = client.post("/webhooks/shop/test")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/webhook-disabled")
    assert client.get("/audit").json()["items"][-1]["action"] == "disable-webhook"


def test_one_that_is_back_is_enabled_and_told_what_happens_from_then_on(
    client: httpx.Client, receiver: Receiver
) -> None:
    receiver.status = 410
    secret = make(client, receiver.url)["secret"]
    client.post("/webhooks/shop/test")
    working.eventually(lambda: client.get("/webhooks/shop").json()["disabled_at"])
    receiver.status = 204
    receiver.came.clear()
    enabled = client.post("/webhooks/shop/enable")
    assert (enabled.status_code, enabled.json()["disabled_at"], enabled.json()["given_up"]) == (200, None, 1)
    client.post("/webhooks/shop/enable")
    message = client.post("/webhooks/shop/test").json()["id"]
    working.eventually(lambda: receiver.came)
    ((_, headers, body),) = receiver.came
    Webhook(secret).verify(body, headers)
    assert headers["webhook-id"] == message, "what was given up is not sent again"
    actions = [entry["action"] for entry in client.get("/audit").json()["items"]]
    assert actions == ["create-webhook", "disable-webhook", "enable-webhook"]


def is_ours(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What the page of webhooks says to do by hand."""
    shown: dict[str, Any] = {}
    exec(PAGE.read_text().partition("```python\n")[2].partition("```")[0], shown)
    return bool(shown["is_ours"](secret, headers, body))


def test_a_new_secret_is_shown_once_and_the_old_one_signs_beside_it_for_a_while(
    client: httpx.Client, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    old = make(client, receiver.url)["secret"]
    rotated = client.post("/webhooks/shop/rotate", json={"overlap_seconds": 3600}).json()
    new = rotated["secret"]
    assert new != old
    assert rotated["rotated_at"] is not None
    client.post("/webhooks/shop/test")
    working.eventually(lambda: receiver.came)
    ((_, headers, body),) = receiver.came
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        Webhook(secret).verify(body, headers)
        assert is_ours(secret, headers, body)
    answers = [client.get(path).text for path in ("/webhooks", "/webhooks/shop", "/audit")]
    assert [text for text in [*answers, caplog.text] if old in text or new in text] == []
    assert client.get("/audit").json()["items"][-1]["action"] == "rotate-webhook"


@pytest.mark.parametrize("ended", ["no overlap", "a while later"])
def test_after_the_overlap_the_old_secret_signs_no_more(
    client: httpx.Client, engine: Engine, receiver: Receiver, ended: str
) -> None:
    old = make(client, receiver.url)["secret"]
    body = {"overlap_seconds": 0} if ended == "no overlap" else None
    new = client.post("/webhooks/shop/rotate", json=body).json()["secret"]
    with writing(engine) as session:
        session.execute(update(tables.Webhook).values(previous_until=database_time()))
    client.post("/webhooks/shop/test")
    working.eventually(lambda: receiver.came)
    ((_, headers, sent),) = receiver.came
    Webhook(new).verify(sent, headers)
    assert not is_ours(old, headers, sent)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(sent, headers)


def test_a_redirect_is_not_followed_and_the_message_waits(client: httpx.Client, receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, "/elsewhere"
    make(client, receiver.url)
    client.post("/webhooks/shop/test")
    working.eventually(lambda: client.get("/webhooks/shop").json()["last_status"])
    shown = client.get("/webhooks/shop").json()
    assert (shown["last_status"], shown["waiting"]) == ("307", 1)
    assert [path for path, _, _ in receiver.came] == ["/token-of-mine"]


def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    """And not to what the name server answers the second time."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with receiving() as looked_at, receiving("127.0.0.2", looked_at.port) as inside:
        outcome = posted(f"http://hooks.example:{looked_at.port}/", rebinding)
        assert (outcome.said, len(looked_at.came), len(inside.came)) == ("204", 1, 0)
    assert asked == ["hooks.example"]
    assert looked_at.came[0][1]["host"] == f"hooks.example:{looked_at.port}"


def test_the_address_is_looked_at_again_each_time_something_is_sent(settings: Settings, engine: Engine) -> None:
    services = open_services(settings)
    with writing(engine) as session:  # when it was made its name led elsewhere
        webhooks.create(session, "shop", "https://hooks.example/x", ["job.failed"], "ops")
        webhooks.test(session, "shop")
    Sender(services, resolve=lambda _host, _port: ["10.0.0.1"]).send_due()
    with reading(engine) as session:
        shown = webhooks.document(session, webhooks.get(session, "shop"))
    services.close()
    assert shown["waiting"] == 1
    assert "10.0.0.1" in str(shown["last_status"])


def test_a_receiver_that_never_answers_holds_nobody_up(receiver: Receiver) -> None:
    receiver.pause = 1.0
    assert posted(receiver.url, seconds=0.2).said == "no answer within 0.2 seconds"


def certified(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's side and a client's, of a certificate for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, secret)
    return server, ssl.create_default_context(cafile=str(certificate))


@pytest.mark.parametrize(("name", "taken"), [("hooks.example", True), ("other.example", False)])
def test_the_certificate_must_be_for_the_name_although_the_address_is_connected_to(
    tmp_path: Path, name: str, taken: bool
) -> None:
    server, client = certified("hooks.example", tmp_path)
    with receiving(context=server) as receiver:
        outcome = posted(f"https://{name}:{receiver.port}/", lambda _host, _port: ["127.0.0.1"], context=client)
        assert outcome.delivered == taken, outcome
        assert len(receiver.came) == int(taken)


def test_bodies_are_json_as_it_was_signed(client: httpx.Client, receiver: Receiver) -> None:
    make(client, receiver.url)
    client.post("/webhooks/shop/test")
    working.eventually(lambda: receiver.came)
    body = json.loads(receiver.came[0][2])
    assert (set(body), body["type"], body["data"]) == ({"type", "timestamp", "data"}, "test", {"webhook": "shop"})
