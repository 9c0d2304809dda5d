import re

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, update

from sepme_core.registry import deliveries, serving, webhooks
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.database import writing
from sepme_core.registry.tables import Delivery, Webhook
from sepme_core.registry.types import database_time
from sepme_core.settings import Settings
from tests.app import working
from tests.app.running import RunningService, running
from tests.app.test_webhooks import LOOPBACK, receiving


def samples(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(client: httpx.Client, name: str, **labels: str) -> float | None:
    return samples(client).get((name, frozenset(labels.items())))


def test_requests_are_counted_by_the_template_of_their_path(client: httpx.Client) -> None:
    for name in ("cat", "dog"):
        client.get(f"/concepts/{name}")
    labels = {"method": "GET", "route": "/concepts/{name}"}
    assert value(client, "sepme_http_requests_total", **labels, status="404") == 2
    assert value(client, "sepme_http_request_seconds_count", **labels) == 2


def test_what_clients_make_up_makes_no_labels(client: httpx.Client) -> None:
    client.get("/made/up/1")
    client.get("/made/up/2")
    client.request("BREW", "/concepts")
    found = samples(client)
    labels = {label for name, labels in found for label in labels if name == "sepme_http_requests_total"}
    assert {text for name, text in labels if name == "method"} <= {"GET", "other"}
    assert not [text for _, text in labels if "made" in text or "BREW" in text]
    assert value(client, "sepme_http_requests_total", method="GET", route="none", status="404") == 2


def test_head_counts_as_get(client: httpx.Client) -> None:
    client.head("/model")
    assert value(client, "sepme_http_requests_total", method="GET", route="/model", status="503") == 1


def test_refused_requests_are_counted_too(client: httpx.Client) -> None:
    client.post("/generate", content=b"{", headers={"Content-Type": "text/plain"})
    client.get("/generate")
    counted = {dict(labels)["status"] for name, labels in samples(client) if name == "sepme_http_requests_total"}
    assert {"415", "405"} <= counted


@pytest.mark.usefixtures("model")
def test_jobs_are_counted_by_kind_and_state(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    client.post("/generate", json={"prompt": "a"})
    assert value(client, "sepme_jobs", kind="erase", state="succeeded") == 1
    assert value(client, "sepme_jobs", kind="generate", state="queued") == 1
    assert value(client, "sepme_jobs", kind="evaluate", state="failed") == 0
    assert value(client, "sepme_workers", queue="erase") == 0
    assert value(client, "sepme_database_up") == 1


def test_what_prompts_hit_and_missed_is_told_by_queue_and_goes_never_back(client: httpx.Client, engine: Engine) -> None:
    def told(result: str) -> float | None:
        return value(client, "sepme_conditioning_total", queue="generate", result=result)

    assert (told("hit"), told("miss")) == (0, 0)
    with writing(engine) as session:
        serving.announce_worker(session, "generate-1", "generate", working.BASE, conditioning_bytes=1000)
        serving.announce_worker(session, "generate-2", "generate", working.BASE, conditioning_bytes=500)
        serving.count_conditioning(session, "generate", hits=5, misses=2)
    assert (told("hit"), told("miss")) == (5, 2)
    assert value(client, "sepme_conditioning_bytes", queue="generate") == 1500
    assert value(client, "sepme_conditioning_total", queue="erase", result="hit") == 0
    with writing(engine) as session:
        serving.withdraw_worker(session, "generate-1")
    assert (told("hit"), told("miss")) == (5, 2), "a counter outlives its worker"
    assert value(client, "sepme_conditioning_bytes", queue="generate") == 500


def test_how_webhooks_stand_is_told_of_all_together(client: httpx.Client, engine: Engine) -> None:
    def told() -> dict[str, float | None]:
        states = {"sepme_webhooks": ("enabled", "disabled"), "sepme_webhook_messages": ("waiting", "given_up")}
        return {state: value(client, name, state=state) for name, each in states.items() for state in each}

    assert set(told().values()) == {0}
    assert value(client, "sepme_webhook_oldest_waiting_seconds") == 0
    with writing(engine) as session:
        for name in ("one", "two"):
            webhooks.create(session, name, f"https://{name}.example/x", ["job.failed"], "ops")
            webhooks.test(session, name)
        session.execute(update(Webhook).values(free_at=database_time(3600)))  # nobody sends to them meanwhile
        session.execute(update(Delivery).values(created_at=database_time(-500)))
    assert told() == {"enabled": 2, "disabled": 0, "waiting": 2, "given_up": 0}
    assert 500 <= (value(client, "sepme_webhook_oldest_waiting_seconds") or 0) < 560
    with writing(engine) as session:
        session.execute(update(Webhook).where(Webhook.name == "one").values(free_at=database_time()))
        sending = deliveries.claim(session, 60)
        assert sending is not None
        deliveries.failed(session, sending, "410", gone=True)
    assert told() == {"enabled": 1, "disabled": 1, "waiting": 1, "given_up": 1}


@pytest.mark.parametrize(
    ("status", "outcome"), [(204, "taken"), (500, "repeated"), (410, "given_up")], ids=["204", "500", "410"]
)
def test_attempts_to_tell_a_webhook_are_counted_by_how_they_ended(
    settings: Settings, status: int, outcome: str
) -> None:
    allowing = settings.model_copy(update={"webhooks_allow": LOOPBACK, "sweep_seconds": 0.2})
    with receiving() as receiver, running(allowing) as service, service.client() as client:
        receiver.status = status
        client.post("/webhooks", json={"name": "shop", "url": receiver.url})
        client.post("/webhooks/shop/test")
        working.eventually(lambda: value(client, "sepme_webhook_attempts_total", outcome=outcome) == 1)
        others = {"taken", "repeated", "given_up"} - {outcome}
        assert {value(client, "sepme_webhook_attempts_total", outcome=each) for each in others} == {0}


@pytest.mark.usefixtures("model")
def test_the_end_of_the_audit_is_told(client: httpx.Client, engine: Engine, blobs: Blobs) -> None:
    working.erase(engine, blobs, client.post("/concepts/cat/erase").json()["id"])
    (entry,) = client.get("/audit").json()["items"]
    assert value(client, "sepme_audit_head", hash=entry["hash"]) == 1


def test_rings_are_counted(client: httpx.Client) -> None:
    client.post("/concepts/cat/erase")
    working.eventually(lambda: value(client, "sepme_doorbell_rings_total", queue="erase", outcome="sent") == 1)


def test_without_a_database_the_process_still_tells_of_itself(service: RunningService, client: httpx.Client) -> None:
    with service.services.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME TO elsewhere")
    assert value(client, "sepme_database_up") == 0
    assert value(client, "sepme_http_requests_in_flight") == 1


def test_metrics_are_named_by_base_units(client: httpx.Client) -> None:
    names = {name for name, _ in samples(client)}
    assert all(name.startswith("sepme_") for name in names)
    assert not [name for name in names if re.search(r"milli|_ms|minutes|percent|megabytes", name)]


def test_open_metrics_are_given_to_whoever_asks(client: httpx.Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")
