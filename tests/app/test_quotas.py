"""What a key may ask for, counted on a real Valkey by all front ends together, and in memory where there is none."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import Engine, select

from app import quotas as room
from app.metrics import Measures
from app.problems import Problem
from app.quotas import Meter, redis_url
from app.rate_limits import Bound
from sepme_core.quotas import Quotas
from sepme_core.registry import jobs
from sepme_core.registry.database import make_engine, reading, writing
from sepme_core.registry.tables import Job

FIVE = Quotas(pictures_a_minute=5)


def counting(broker_url: str | None) -> Meter:
    return Meter(broker_url, Measures().quota_refusals)


@pytest.fixture
def meter(broker_url: str) -> Iterator[Meter]:
    meter = counting(broker_url)
    yield meter
    meter.close()


@pytest.fixture(params=["on the broker", "in memory"])
def either(request: pytest.FixtureRequest, broker_url: str) -> Iterator[Meter]:
    """Counting, wherever that is."""
    meter = counting(broker_url if request.param == "on the broker" else None)
    yield meter
    meter.close()


class Failed(Exception):
    """Something after the charge went wrong."""


def ask(engine: Engine, meter: Meter, quotas: Quotas, *counts: int, holder: str = "shop", **then: Any) -> list[Bound]:
    """Ask for pictures, a job for each count, and for as many `erasures`; fail `after` that."""
    with writing(engine) as session:
        for count in counts:
            enqueue(session, "generate", holder, {"prompt": "a cat", "count": count})
        for number in range(then.get("erasures", 0)):
            enqueue(session, "erase", holder, {"name": f"cat-{number}"}, f"cat-{number}-{time.monotonic_ns()}")
        bounds = meter.charge(session, holder, quotas)
        if then.get("fails"):
            raise Failed
        return bounds


def enqueue(session: Any, kind: str, holder: str, request: Any, concept: str | None = None) -> None:
    jobs.enqueue(session, kind=kind, request=request, pinned={}, concept=concept, actor=holder)


def refused(engine: Engine, meter: Meter, quotas: Quotas, *counts: int, **then: Any) -> Problem:
    with pytest.raises(Problem) as refusal:
        ask(engine, meter, quotas, *counts, **then)
    assert (refusal.value.kind.slug, refusal.value.kind.status) == ("too-many", 429)
    return refusal.value


def test_two_front_ends_count_together(engine: Engine, meter: Meter, broker_url: str) -> None:
    another = counting(broker_url)
    assert ask(engine, meter, FIVE, 1, 2) == [Bound("pictures", 5, 2, 60)]
    assert ask(engine, another, FIVE, 2) == [Bound("pictures", 5, 0, 60)]
    problem = refused(engine, meter, FIVE, 1)
    another.close()
    assert problem.members == {"quota": "pictures_a_minute", "limit": 5, "left": 0, "asked": 1}
    assert "'shop' may draw 5 pictures a minute" in problem.detail
    seconds = int(problem.headers["Retry-After"])
    assert 50 <= seconds <= 60
    assert problem.headers["RateLimit-Policy"] == '"pictures";q=5;w=60'
    assert problem.headers["RateLimit"] == f'"pictures";r=0;t={seconds}'


def test_each_holder_is_counted_by_itself(engine: Engine, either: Meter) -> None:
    ask(engine, either, FIVE, 5)
    assert ask(engine, either, FIVE, 5, holder="another") == [Bound("pictures", 5, 0, 60)]


def test_where_there_is_no_quota_nothing_is_counted(engine: Engine, either: Meter) -> None:
    assert ask(engine, either, Quotas(), 1000, erasures=10) == []
    assert ask(engine, either, Quotas(erasures_a_day=1), 1000) == []


def test_what_is_refused_or_rolled_back_is_not_counted(engine: Engine, either: Meter) -> None:
    ask(engine, either, FIVE, 1)
    refused(engine, either, FIVE, 5)
    with pytest.raises(Failed):
        ask(engine, either, FIVE, 3, fails=True)
    assert ask(engine, either, FIVE, 4) == [Bound("pictures", 5, 0, 60)]


def test_where_one_quota_refuses_nothing_is_taken_of_the_others(engine: Engine, either: Meter) -> None:
    quotas = Quotas(waiting_jobs=20, pictures_a_minute=5, erasures_a_day=1)
    problem = refused(engine, either, quotas, 5, erasures=1 + 1)
    assert problem.members["quota"] == "erasures_a_day"
    taken = ask(engine, either, quotas, 5, erasures=1)
    assert taken == [Bound("waiting", 20, 18), Bound("pictures", 5, 0, 60), Bound("erasures", 1, 0, 86400)]
    assert refused(engine, either, quotas, erasures=1).headers["RateLimit-Policy"] == '"erasures";q=1;w=86400'


def test_what_can_never_fit_is_not_told_to_come_again(engine: Engine, either: Meter) -> None:
    problem = refused(engine, either, FIVE, 4, 4)
    assert problem.members == {"quota": "pictures_a_minute", "limit": 5, "left": 5, "asked": 8}
    assert "Retry-After" not in problem.headers
    assert problem.headers["RateLimit"] == '"pictures";r=5'
    assert "ask for 5 at once at the most" in problem.remedy
    assert "Retry-After" not in refused(engine, either, Quotas(waiting_jobs=1), 1, 1).headers


def test_whoever_is_refused_is_told_when_as_much_as_it_asked_for_is_free(
    engine: Engine, meter: Meter, valkey_socket: Path
) -> None:
    ask(engine, meter, FIVE, 4)
    with redis.Redis(unix_socket_path=str(valkey_socket)) as broker:
        (key,) = broker.keys(f"{room.PREFIX}:*")
        for place, seconds in enumerate((5, 20, 50, 61)):
            broker.lset(key, place, str(time.time() - seconds))
    for asked, seconds in ((3, 10), (4, 40), (5, 55)):
        problem = refused(engine, meter, FIVE, asked)
        assert problem.members["left"] == 2, "the fourth is more than a minute old"
        assert seconds - 2 <= int(problem.headers["Retry-After"]) <= seconds
    assert ask(engine, meter, FIVE, 2) == [Bound("pictures", 5, 0, 60)]


def test_without_the_broker_it_is_counted_in_memory_which_is_said_once(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "AGAIN_SECONDS", 0.0)
    meter = counting(f"redis+socket://{tmp_path}/nobody.sock")
    ask(engine, meter, FIVE, 3)
    refused(engine, meter, FIVE, 3)
    with pytest.raises(Failed):
        ask(engine, meter, FIVE, 2, fails=True)
    assert ask(engine, meter, FIVE, 2) == [Bound("pictures", 5, 0, 60)]
    meter.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "counted in this process meanwhile" in caplog.text


def test_a_broker_that_came_back_is_counted_on_again(
    engine: Engine,
    valkey_socket: Path,
    broker_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(room, "AGAIN_SECONDS", 0.0)
    link = valkey_socket.parent / "link.sock"
    here, elsewhere = counting(f"redis+socket://{link}"), counting(broker_url)
    ask(engine, here, FIVE, 5)
    link.symlink_to(valkey_socket)
    try:
        assert ask(engine, here, FIVE, 1) == [Bound("pictures", 5, 4, 60)]
        assert ask(engine, elsewhere, FIVE, 1) == [Bound("pictures", 5, 3, 60)]
        assert ask(engine, here, FIVE, 1) == [Bound("pictures", 5, 2, 60)]
    finally:
        link.unlink()
        here.close()
        elsewhere.close()
    assert [record.levelname for record in caplog.records if record.name == room.__name__] == ["WARNING", "INFO"]


def test_a_broker_that_did_not_answer_is_left_alone_for_a_while(
    engine: Engine, valkey_socket: Path, broker_url: str
) -> None:
    del broker_url  # it is emptied
    link = valkey_socket.parent / "later.sock"
    meter = counting(f"redis+socket://{link}")
    ask(engine, meter, FIVE, 3)
    link.symlink_to(valkey_socket)
    try:
        assert ask(engine, meter, FIVE, 2) == [Bound("pictures", 5, 0, 60)]
    finally:
        link.unlink()
        meter.close()


def test_no_more_jobs_of_a_holder_wait_than_may(engine: Engine, either: Meter) -> None:
    two = Quotas(waiting_jobs=2)
    ask(engine, either, two, 1, holder="another")
    with writing(engine) as session:
        enqueue(session, "reproject", "shop", {"name": "cat"}, "cat")
    assert ask(engine, either, two, 9) == [Bound("waiting", 2, 1)]
    assert ask(engine, either, two, 9) == [Bound("waiting", 2, 0)]
    problem = refused(engine, either, two, 1)
    assert problem.members == {"quota": "waiting_jobs", "limit": 2, "left": 0, "asked": 1}
    assert problem.headers["RateLimit-Policy"] == '"waiting";q=2;qu="concurrent-requests"'
    assert problem.headers["RateLimit"] == f'"waiting";r=0;t={problem.headers["Retry-After"]}'
    with writing(engine) as session:
        mine = select(Job.id).where(Job.actor == "shop", Job.kind == "generate").limit(1)
        jobs.request_cancel(session, session.scalars(mine).one())
    assert ask(engine, either, two, 1) == [Bound("waiting", 2, 0)]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_requests_at_once_the_second_counts_what_the_first_made_wait(database_url: str, meter: Meter) -> None:
    engine, one, came = make_engine(database_url), Quotas(waiting_jobs=1), list[Problem]()
    second = Thread(target=lambda: came.append(refused(engine, meter, one, 1)))
    with writing(engine) as session:
        enqueue(session, "generate", "shop", {"prompt": "a cat"})
        meter.charge(session, "shop", one)
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it waits for the first"
    second.join()
    engine.dispose()
    assert [problem.members["quota"] for problem in came] == ["waiting_jobs"]


@pytest.mark.usefixtures("model")
def test_a_key_is_told_what_is_left_of_its_quotas_and_refused_beyond(client: httpx.Client, engine: Engine) -> None:
    def headers_of_a_key(name: str, **body: Any) -> dict[str, str]:
        made = client.post("/keys", json={"name": name, "floor": "none", **body}, headers=admin)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}

    admin: dict[str, str] = {}
    admin = headers_of_a_key("ops", scopes=["admin"])
    shop = headers_of_a_key("shop", scopes=["generate"], quotas={"pictures_a_minute": 3, "waiting_jobs": 9})
    once = {**shop, "Idempotency-Key": "once"}
    for _ in range(2):
        answer = client.post("/generate", json={"prompt": "a cat", "count": 2}, headers=once)
        assert answer.status_code == 202
    answer = client.post("/generate", json={"prompt": "a dog", "count": 1}, headers=shop)
    assert answer.headers["RateLimit-Policy"].endswith('"waiting";q=9;qu="concurrent-requests", "pictures";q=3;w=60')
    assert answer.headers["RateLimit"].endswith('"waiting";r=7, "pictures";r=0')
    refusal = client.post("/generate", json={"prompt": "an owl"}, headers=shop)
    assert (refusal.status_code, refusal.json()["type"]) == (429, "/problems/too-many")
    assert refusal.headers["RateLimit"] == f'"pictures";r=0;t={refusal.headers["Retry-After"]}'
    assert client.post("/generate", json={"prompt": "an owl"}, headers=admin).status_code == 202
    told = client.get("/metrics", headers=admin).text
    assert 'sepme_quota_refusals_total{quota="pictures_a_minute"} 1.0' in told
    assert 'sepme_quota_refusals_total{quota="waiting_jobs"} 0.0' in told
    assert "shop" not in told, "keys may be as many as customers"
    with reading(engine) as session:
        assert sorted(session.scalars(select(Job.actor))) == ["ops", "shop", "shop"]


@pytest.mark.parametrize(
    ("celerys", "theirs"),
    [
        ("redis://:secret@host:6379/2", "redis://:secret@host:6379/2"),
        ("redis+socket:///run/sepme/valkey.sock", "unix:///run/sepme/valkey.sock"),
        ("redis+socket:///run/valkey.sock?virtual_host=3", "unix:///run/valkey.sock?db=3"),
        ("redis://host/0?visibility_timeout=60", "redis://host/0"),
        ("rediss://host/0?ssl_cert_reqs=CERT_NONE", "rediss://host/0?ssl_cert_reqs=none"),
        ("rediss://host/0?ssl_cert_reqs=required", "rediss://host/0?ssl_cert_reqs=required"),
    ],
)
def test_a_brokers_url_is_written_as_redis_writes_it(celerys: str, theirs: str) -> None:
    assert redis_url(celerys) == theirs
    counting(celerys).close()
