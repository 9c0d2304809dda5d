"""What webhooks are told is written with the change itself, on both databases."""

import base64
import json
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from sepme_core import problems
from sepme_core.registry import audit, concepts, deliveries, jobs, webhooks
from sepme_core.registry.database import reading, writing
from sepme_core.registry.errors import ConceptMoved, WebhookNameTaken
from sepme_core.registry.grounds import Grounds
from sepme_core.registry.tables import Delivery, Webhook
from sepme_core.registry.types import database_time
from sepme_core.terms import WEBHOOK_EVENTS
from tests.sepme_core.registry.work import HOLDER, accept, at_once, claimed, erase, publish_reprojection, purge, restore


def make(engine: Engine, name: str = "shop", *events: Any) -> str:
    with writing(engine) as session:
        return webhooks.create(session, name, f"https://{name}.example/x", events or WEBHOOK_EVENTS, HOLDER).secret


def told(engine: Engine, webhook: str = "shop") -> list[Any]:
    rows = select(Delivery).where(Delivery.webhook == webhook).order_by(Delivery.created_at, Delivery.due_at)
    with reading(engine) as session:
        return [json.loads(row.body) for row in session.scalars(rows)]


def of(message: Any, *members: str) -> tuple[Any, ...]:
    return message["type"], *(message["data"][member] for member in members)


def fail(engine: Engine, job_id: str, detail: str) -> None:
    with writing(engine) as session:
        held = jobs.claim(session, job_id, worker="worker-1", lease_seconds=30)
        assert held is not None
        assert jobs.fail(session, held, problems.NOT_FORGOTTEN.document(detail, "Try again."))


def age(engine: Engine, seconds: float) -> None:
    """Let everything that waits have waited, and every webhook rested, for so long more."""
    with writing(engine) as session:
        session.execute(update(Delivery).values(due_at=database_time(-seconds)))
        session.execute(update(Webhook).values(free_at=database_time(-seconds)))


def take(engine: Engine, lease_seconds: float = 60) -> deliveries.Sending | None:
    with writing(engine) as session:
        return deliveries.claim(session, lease_seconds)


def test_each_webhook_is_told_what_it_asks_for_of_what_serves(engine: Engine) -> None:
    make(engine)
    make(engine, "reports", "concept.restored")
    erase(engine, "van-gogh", kind="style")
    with writing(engine) as session:
        restored = concepts.restore(session, "van-gogh", HOLDER, None, Grounds("2026-7", "an appeal"))
    erase(engine, "cat")
    with reading(engine) as session:
        remaking = [job.id for job in jobs.page_of_texts(session, None, 50, state="queued").items]
    assert publish_reprojection(engine, claimed(engine, remaking[0]), "again")
    purge(engine, "cat")

    messages = told(engine)
    assert [of(each, "name", "state", "version") for each in messages] == [
        ("concept.erased", "van-gogh", "erased", 1),
        ("concept.restored", "van-gogh", "restored", 1),
        ("concept.erased", "cat", "erased", 1),
        ("concept.reprojected", "van-gogh", "restored", 2),
        ("concept.restored", "cat", "purged", 1),
    ]
    assert of(messages[1], "kind", "case", "reason")[1:] == (restored.kind, "2026-7", "an appeal")
    assert messages[0]["data"]["digest"].startswith("sha256:")
    assert told(engine, "reports") == [messages[1], messages[4]]


def test_nothing_is_told_of_what_was_rolled_back(engine: Engine) -> None:
    erase(engine, "cat")
    make(engine)

    def restore_in_vain() -> None:
        with writing(engine) as session:
            concepts.restore(session, "cat", HOLDER)
            raise ConceptMoved("cat", "after the change")

    with pytest.raises(ConceptMoved):
        restore_in_vain()
    assert told(engine) == []
    restore(engine, "cat")
    assert [each["type"] for each in told(engine)] == ["concept.restored"]


def test_what_changes_nothing_of_what_serves_is_not_told(engine: Engine) -> None:
    make(engine)
    job = accept(engine, "cat").job
    restore(engine, "cat")  # cancels the job: nothing served before, nor does now
    assert told(engine) == []
    assert job.concept == "cat"


def test_a_failed_job_is_told_without_anybodys_prompts(engine: Engine) -> None:
    erase(engine, "dog")
    make(engine)
    job = accept(engine, "cat", prompts=["Aunt Mary's cat"]).job
    detail = """'cat' acts on "the model's watermark" and 'dog'; Aunt Mary's cat is 'seen \\' still' in 2 of 8."""
    fail(engine, job.id, detail)
    (message,) = told(engine)
    assert of(message, "id", "kind", "concept") == ("job.failed", job.id, "erase", "cat")
    assert message["data"]["problem"] == {
        "type": "/problems/not-forgotten",
        "title": problems.NOT_FORGOTTEN.title,
        "status": 409,
        "detail": "'cat' acts on [kept back] and 'dog'; [kept back] is [kept back] in 2 of 8.",
    }


def test_a_message_is_one_senders_until_its_lease_ends_and_keeps_its_id(engine: Engine) -> None:
    make(engine)
    with writing(engine) as session:
        message = webhooks.test(session, "shop")
    first, second = at_once(lambda: take(engine), lambda: take(engine))
    (sending,) = [each for each in (first, second) if isinstance(each, deliveries.Sending)]
    assert (sending.id, sending.attempt) == (message, 1)
    assert sending.secrets[0] not in repr(sending)

    age(engine, 1)  # the sender is dead
    again = take(engine)
    assert again is not None
    assert (again.id, again.attempt, again.body) == (message, 2, sending.body)
    with writing(engine) as session:  # and was only slow: what it says counts no more
        assert not deliveries.failed(session, sending, "500", gone=True)
        deliveries.delivered(session, sending, "200")
    assert len(told(engine)) == 1
    with writing(engine) as session:
        deliveries.delivered(session, again, "204")
    assert told(engine) == []
    with reading(engine) as session:
        found = webhooks.document(session, webhooks.get(session, "shop"))
    assert (found["last_status"], found["waiting"], found["given_up"]) == ("204", 0, 0)


def test_what_is_not_taken_comes_later_and_later_and_is_given_up_and_kept_at_last(engine: Engine) -> None:
    make(engine)
    with writing(engine) as session:
        message = webhooks.test(session, "shop")
    for number, pause in enumerate(deliveries.PAUSES, 1):
        age(engine, 1)
        sending = take(engine)
        assert sending is not None
        with writing(engine) as session:
            assert not deliveries.failed(session, sending, "503")
            waits = select(Delivery.due_at).where(Delivery.id == message)
            due = session.scalars(waits).one() - session.execute(select(database_time())).scalar_one()
        assert (sending.attempt, sending.id) == (number, message)
        assert pause - 5 <= due.total_seconds() <= 1.2 * pause
    age(engine, 1)
    sending = take(engine)
    assert sending is not None
    with writing(engine) as session:
        assert deliveries.failed(session, sending, "503")
    age(engine, 1)
    assert take(engine) is None
    with reading(engine) as session:
        found = webhooks.document(session, webhooks.get(session, "shop"))
    assert (found["waiting"], found["given_up"]) == (0, 1)
    assert [(each["id"], each["attempts"], each["status"]) for each in found["undelivered"]] == [(message, 10, "503")]


def test_one_webhook_that_takes_nothing_does_not_hold_up_another(engine: Engine) -> None:
    make(engine, "broken")
    make(engine, "whole")
    erase(engine, "cat")
    restore(engine, "cat")
    to: list[str] = []
    for _ in range(3):
        sending = take(engine)
        assert sending is not None
        to.append(sending.webhook)
        with writing(engine) as session:
            if sending.webhook == "broken":
                deliveries.failed(session, sending, "no connection")
            else:
                deliveries.delivered(session, sending, "200")
    assert sorted(to) == ["broken", "whole", "whole"]
    assert take(engine) is None, "it rests, and then comes its turn"


def test_webhooks_take_turns_however_much_waits_for_one(engine: Engine) -> None:
    for name in ("a", "b"):
        make(engine, name)
    erase(engine, "cat")
    restore(engine, "cat")
    to: list[str] = []
    while (sending := take(engine)) is not None:
        to.append(sending.webhook)
        with writing(engine) as session:
            deliveries.delivered(session, sending, "200")
    assert to == ["a", "b", "a", "b"]


def target(name: str, number: int = 1) -> webhooks.Target:
    secret = webhooks.SECRET_PREFIX + base64.b64encode(bytes(24 * [number])).decode()
    return webhooks.Target(name, f"https://{name}.example/{number}", WEBHOOK_EVENTS, secret)


def follow(engine: Engine, *targets: webhooks.Target) -> None:
    with writing(engine) as session:
        webhooks.follow(session, targets)


def test_front_ends_that_start_at_once_follow_the_settings_once(engine: Engine) -> None:
    make(engine, "by-hand")
    follow(engine, target("gone"), target("shop"))
    erase(engine, "cat")
    named = (target("new"), target("shop", 2))
    at_once(lambda: follow(engine, *named), lambda: follow(engine, *named))
    with reading(engine) as session:
        found = [(each.name, each.from_settings, each.url) for each in webhooks.page(session, None, 9).items]
        signed = webhooks.signing_secrets(session, webhooks.get(session, "shop"))
        done = [entry.action for entry in audit.page(session, None, 50).items if "webhook" in entry.action]
    assert found[1:] == [(each.name, True, each.url) for each in named]
    assert signed == (target("shop", 2).secret, target("shop").secret)
    assert done == [*3 * ["create-webhook"], "delete-webhook", "create-webhook", "change-webhook"]
    assert (told(engine, "gone"), len(told(engine, "shop"))) == ([], 1)
    assert target("shop").secret not in repr(target("shop"))


def test_where_one_name_is_anothers_nothing_is_followed(engine: Engine) -> None:
    make(engine, "shop")
    with pytest.raises(WebhookNameTaken):
        follow(engine, target("new"), target("shop"))
    with reading(engine) as session:
        assert [each.name for each in webhooks.page(session, None, 9).items] == ["shop"]


def test_a_webhook_that_is_gone_is_disabled_and_told_nothing_more(engine: Engine) -> None:
    make(engine)
    erase(engine, "cat")
    restore(engine, "cat")
    sending = take(engine)
    assert sending is not None
    with writing(engine) as session:
        assert deliveries.failed(session, sending, "410", gone=True)
    purge(engine, "cat")
    age(engine, 1)
    assert take(engine) is None
    with reading(engine) as session:
        found = webhooks.document(session, webhooks.get(session, "shop"))
    assert found["disabled_at"] is not None
    assert (found["waiting"], found["given_up"]) == (0, 2)
