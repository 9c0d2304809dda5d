"""Webhooks that the settings name: followed at each start, told like the others, and nothing for requests to change."""

import base64
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from standardwebhooks import Webhook

from app.services import Services, open_services
from app.webhooks import targets
from app.webhooks.sender import Sender
from sepme_core.registry import webhooks
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import reading, writing
from sepme_core.settings import Settings
from sepme_core.terms import WEBHOOK_EVENTS
from tests.app import working
from tests.app.running import running
from tests.app.test_webhooks import LOOPBACK, Receiver, receiving

Write = Callable[..., None]
PUBLIC = "https://93.184.216.34/x"


def secret_of(number: int, length: int = 32) -> str:
    return "whsec_" + base64.b64encode(bytes([number]) * length).decode()


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={"webhooks": tmp_path / "webhooks.toml", "webhooks_allow": LOOPBACK, "sweep_seconds": 0.2}
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the file: a table for each webhook, by its URL or by all that stands in it."""
    (tmp_path / "secret").write_text(secret_of(1) + "\n")
    (tmp_path / "other-secret").write_text(secret_of(2) + "\n")

    def write(**named: str) -> None:
        tables = []
        for name, said in named.items():
            lines = said if "=" in said else f'url = "{said}"'
            secret = "" if "secret_file" in lines else 'secret_file = "secret"\n'
            tables.append(f'[[webhooks]]\nname = "{name}"\n{secret}{lines}\n')
        (tmp_path / "webhooks.toml").write_text("\n".join(tables))

    return write


def start(settings: Settings) -> None:
    """Start a front end and end it."""
    with running(settings):
        pass


def listed(engine: Engine) -> dict[str, Any]:
    with reading(engine) as session:
        page = webhooks.page(session, None, 50)
        return {each.name: webhooks.document(session, each) for each in page.items}


def test_one_that_the_settings_name_is_listed_as_such_and_told_like_the_others(
    settings: Settings, engine: Engine, blobs: Blobs, model: None, receiver: Receiver, write: Write
) -> None:
    del model
    write(shop=f'url = "{receiver.url}"\nevents = ["concept.erased"]')
    with running(settings) as service, service.client() as client:
        (shown,) = client.get("/webhooks").json()["items"]
        assert (shown["name"], shown["from_settings"], shown["made_by"]) == ("shop", True, "operator")
        assert (shown["url"], shown["events"]) == (receiver.url, ["concept.erased"])
        working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
        client.delete("/concepts/cat")
        working.eventually(lambda: client.get("/webhooks/shop").json()["last_status"] == "204")
        answers = [client.get(path).text for path in ("/webhooks", "/audit")]
    ((_, headers, body),) = receiver.came
    assert Webhook(secret_of(1)).verify(body, headers)["type"] == "concept.erased"
    assert not [text for text in answers if secret_of(1) in text]


def test_no_request_changes_it_and_the_refusal_names_the_setting(
    settings: Settings, receiver: Receiver, write: Write
) -> None:
    write(shop=receiver.url)
    with running(settings) as service, service.client() as client:
        before = client.get("/webhooks/shop").json()
        for answer in (client.delete("/webhooks/shop"), client.post("/webhooks/shop/rotate")):
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/webhook-from-settings")
            assert "SEPME_WEBHOOKS" in answer.json()["remedy"]
        made = client.post("/webhooks", json={"name": "shop", "url": receiver.url})
        assert (made.status_code, made.json()["type"]) == (409, "/problems/webhook-name-taken")
        assert client.get("/webhooks/shop").json() == before
        assert client.post("/webhooks/shop/test").status_code == 202
        working.eventually(lambda: receiver.came)


def test_one_that_was_gone_and_is_back_is_enabled_by_a_request(
    settings: Settings, receiver: Receiver, write: Write
) -> None:
    receiver.status = 410
    write(shop=receiver.url)
    with running(settings) as service, service.client() as client:
        client.post("/webhooks/shop/test")
        working.eventually(lambda: client.get("/webhooks/shop").json()["disabled_at"])
    with running(settings) as service, service.client() as client:
        assert client.get("/webhooks/shop").json()["disabled_at"], "a start alone does not ask again"
        assert client.post("/webhooks/shop/enable").json()["disabled_at"] is None


def test_the_next_start_adds_changes_and_removes_as_the_settings_say(
    settings: Settings, engine: Engine, write: Write
) -> None:
    write(shop=PUBLIC, gone=PUBLIC)
    start(settings)
    with writing(engine) as session:
        webhooks.create(session, "by-hand", PUBLIC, ["job.failed"], "ops")
        for name in ("shop", "gone", "by-hand"):
            webhooks.test(session, name)
    write(shop=f'url = "{PUBLIC}/moved"\nevents = ["job.failed"]', new=PUBLIC)
    start(settings)
    found = listed(engine)
    assert {name: (each["from_settings"], each["waiting"]) for name, each in found.items()} == {
        "by-hand": (False, 1),
        "new": (True, 0),
        "shop": (True, 1),
    }
    assert (found["shop"]["url"], found["shop"]["events"]) == (f"{PUBLIC}/moved", ["job.failed"])
    assert found["new"]["events"] == sorted(WEBHOOK_EVENTS)

    start(settings.model_copy(update={"webhooks": None}))
    assert list(listed(engine)) == ["by-hand"]
    with running(settings.model_copy(update={"webhooks": None})) as service, service.client() as client:
        entries = client.get("/audit").json()["items"]
    assert [(each["actor"], each["action"], each["details"]["webhook"]) for each in entries] == [
        ("operator", "create-webhook", "shop"),
        ("operator", "create-webhook", "gone"),
        ("ops", "create-webhook", "by-hand"),
        ("operator", "delete-webhook", "gone"),
        ("operator", "change-webhook", "shop"),
        ("operator", "create-webhook", "new"),
        ("operator", "delete-webhook", "new"),
        ("operator", "delete-webhook", "shop"),
    ]
    assert entries[4]["details"]["changed"] == ["url", "events"]
    assert "/moved" not in str(entries)


def test_another_secret_signs_beside_the_old_one_for_a_while(
    settings: Settings, receiver: Receiver, write: Write
) -> None:
    write(shop=receiver.url)
    start(settings)
    write(shop=f'url = "{receiver.url}"\nsecret_file = "other-secret"')
    with running(settings) as service, service.client() as client:
        client.post("/webhooks/shop/test")
        working.eventually(lambda: receiver.came)
    ((_, headers, body),) = receiver.came
    for number in (1, 2):
        Webhook(secret_of(number)).verify(body, headers)


def test_another_address_is_asked_although_the_old_one_was_gone(
    settings: Settings, receiver: Receiver, write: Write
) -> None:
    receiver.status = 410
    write(shop=receiver.url)
    with running(settings) as service, service.client() as client:
        client.post("/webhooks/shop/test")
        working.eventually(lambda: client.get("/webhooks/shop").json()["disabled_at"])
    write(shop=receiver.url + "/moved")
    with running(settings) as service, service.client() as client:
        assert client.get("/webhooks/shop").json()["disabled_at"] is None


def test_front_ends_with_the_same_settings_agree(settings: Settings, write: Write) -> None:
    write(shop=PUBLIC, reports=PUBLIC)
    with running(settings) as first, running(settings) as second, first.client() as one, second.client() as two:
        assert one.get("/webhooks").json() == two.get("/webhooks").json()
        entries = one.get("/audit").json()["items"]
    assert [each["action"] for each in entries] == ["create-webhook", "create-webhook"], "the second changed nothing"


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    services = open_services(settings)
    yield services
    services.close()


def test_without_a_database_they_are_followed_once_it_is_there(
    services: Services, engine: Engine, write: Write
) -> None:
    write(shop=PUBLIC)
    sender = Sender(services, targets.read(services.settings))
    assert listed(engine) == {}
    sender.start()
    working.eventually(lambda: listed(engine))
    sender.stop()
    assert list(listed(engine)) == ["shop"]


def test_a_name_that_does_not_resolve_now_holds_up_no_start(
    settings: Settings, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write(shop="https://hooks.invalid/x")
    (target,) = targets.read(settings, lambda _host, _port: [])
    assert target.name == "shop"
    assert "hooks.invalid does not" in caplog.text


def refusal(settings: Settings, resolve: Any = None) -> str:
    with pytest.raises(targets.Refused) as refused:
        targets.read(settings, resolve or (lambda _host, _port: ["93.184.216.34"]))
    return str(refused.value)


@pytest.mark.parametrize(
    ("said", "field", "remedy"),
    [
        ('url = "https://a.example"\nevents = ["concept.gone"]', "webhooks[0].events[0]: ", "'concept.erased'"),
        ('url = "https://a.example"\nevents = []', "webhooks[0].events: ", "at least 1"),
        ('url = "https://10.0.0.1/x"', "webhooks[0].url must lead to public addresses", "SEPME_WEBHOOKS_ALLOW"),
        ('url = "http://a.example"', "webhooks[0].url must be https", "SEPME_WEBHOOKS_ALLOW"),
        ('events = ["job.failed"]', "webhooks[0].url: ", "required"),
        ('url = "https://a.example"\nevent = "job.failed"', "webhooks[0].event: ", "not permitted"),
        ('url = "https://a.example"\nsecret_file = "none"', "webhooks[0].secret_file must be a file", "none: No such"),
        ('url = "https://a.example"\nsecret_file = "short"', "webhooks[0].secret_file must hold", "openssl rand"),
        ('url = "https://a.example"\nsecret_file = "plain"', "webhooks[0].secret_file must hold", "openssl rand"),
        ('url = "https://a.example', "webhooks.toml is not TOML", "line 4"),
    ],
)
def test_what_cannot_be_is_refused_with_the_field_and_the_remedy(
    settings: Settings, write: Write, tmp_path: Path, said: str, field: str, remedy: str
) -> None:
    (tmp_path / "short").write_text(secret_of(1, 16))
    (tmp_path / "plain").write_text("a secret of ours")
    write(shop=said)
    text = refusal(settings)
    assert text.startswith("SEPME_WEBHOOKS: ")
    assert field in text
    assert remedy in text
    assert "a secret of ours" not in text


def test_all_that_is_wrong_is_said_at_once(settings: Settings, write: Write, tmp_path: Path) -> None:
    write(shop="https://10.0.0.1/x", other="https://b.example")
    file = tmp_path / "webhooks.toml"
    file.write_text(file.read_text().replace("other", "shop"))
    assert "webhooks[0].url" in refusal(settings)
    assert "webhooks[1].name must be another: 'shop' stands there twice" in refusal(settings)
    file.unlink()
    assert "cannot be read" in refusal(settings)


@pytest.mark.parametrize("length", [24, 64])
def test_secrets_are_as_long_as_standard_webhooks_lets_them(
    settings: Settings, engine: Engine, write: Write, tmp_path: Path, length: int
) -> None:
    (tmp_path / "secret").write_text(secret_of(3, length))
    write(shop=PUBLIC)
    start(settings)
    with reading(engine) as session:
        assert webhooks.signing_secrets(session, webhooks.get(session, "shop")) == (secret_of(3, length),)


def front_end(settings: Settings) -> "subprocess.CompletedProcess[str]":
    """A front end as it is started, which must end by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEPME_")}
    environment |= {
        "SEPME_HOME": str(settings.home),
        "SEPME_DATABASE_URL": settings.database_url,
        "SEPME_WEBHOOKS": str(settings.webhooks),
    }
    command = (sys.executable, "-m", "app")
    return subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_front_end_that_is_refused_ends_for_good_and_its_last_line_says_why(
    settings: Settings, engine: Engine, write: Write
) -> None:
    with writing(engine) as session:
        webhooks.create(session, "shop", PUBLIC, ["job.failed"], "ops")
    write(shop=PUBLIC, new=PUBLIC)
    done = front_end(settings)
    assert done.returncode == os.EX_CONFIG
    said = done.stderr.splitlines()[-1]
    assert said.startswith("sepme: SEPME_WEBHOOKS: ")
    assert "DELETE /webhooks/shop" in said
    assert list(listed(engine)) == ["shop"], "nothing of the file was taken up"


def test_a_name_that_was_taken_meanwhile_is_left_and_the_others_go_on(
    services: Services, engine: Engine, write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write(shop=PUBLIC)
    sender = Sender(services, targets.read(services.settings))
    with writing(engine) as session:
        webhooks.create(session, "shop", PUBLIC, ["job.failed"], "ops")
    sender.start()
    working.eventually(lambda: "those of an earlier start" in caplog.text)
    sender.stop()
    assert [each["from_settings"] for each in listed(engine).values()] == [False]
