"""Counts what is asked for with a key, and refuses what is more than its quotas allow.

What waits is counted in the database. Pictures and erasures are counted in windows that move, on the broker, so that
all front ends count together; where it cannot be reached each counts in its own memory meanwhile. A request is charged
in the transaction that accepts it, and gets all of it back where that is rolled back.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from threading import Lock
from time import monotonic, time
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from prometheus_client import Counter
from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import event
from sqlalchemy.orm import Session

from app import rate_limits
from app.problems import Problem
from app.rate_limits import Bound
from sepme_core import problems
from sepme_core.quotas import Quotas
from sepme_core.registry import jobs

PATIENCE_SECONDS = 0.5
"""The database's one writer may be waiting for the broker's answer."""
AGAIN_SECONDS = 5.0
"""So long a broker that did not answer is not asked again."""
PREFIX = "sepme-quotas"
OPTIONS = ("virtual_host", "db", "username", "password")
"""What of a broker's URL, besides certificates, is for the connection. All else is Celery's own."""
Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class _OnBroker(RedisStorage):
    """Windows on the broker: a list of moments each, the youngest first."""

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__("redis://", connection_pool=pool, key_prefix=PREFIX)
        self._client = Redis(connection_pool=pool)

    def give_back(self, key: str, amount: int) -> None:
        self._client.ltrim(self.prefixed_key(key), amount, -1)

    def moment(self, key: str, place: int) -> float | None:
        found = self._client.lindex(self.prefixed_key(key), place)
        return None if found is None else float(found)

    def close(self) -> None:
        self._client.connection_pool.disconnect()


class _InMemory(MemoryStorage):
    """The same in this process."""

    def give_back(self, key: str, amount: int) -> None:
        with self.locks[key]:
            del self.events.get(key, [])[:amount]

    def moment(self, key: str, place: int) -> float | None:
        events = self.events.get(key, [])
        return events[place].atime if place < len(events) else None


Storage = _OnBroker | _InMemory


@dataclass(frozen=True)
class _Asked:
    """What a request takes of a window: of which quota, in words, how much."""

    quota: str
    words: str
    item: RateLimitItem
    amount: int

    def bound(self, left: int) -> Bound:
        return Bound(self.item.namespace, self.item.amount, max(left, 0), self.item.get_expiry())


@dataclass(frozen=True)
class _Outcome:
    """What came of it.

    Attributes:
        storage: where it was counted, and would be given back.
        taken: whether it fitted.
        left: how much is left, then.
        seconds: in how many there is enough, where there is not.
    """

    storage: Storage
    taken: bool
    left: int
    seconds: float


class Meter:
    """Counts by holder. Thread-safe.

    Args:
        broker_url: where all front ends count, as Celery writes it; None: each counts for itself.
        refusals: counts what is refused, by quota; not by key, of which there may be as many as customers.
    """

    def __init__(self, broker_url: str | None, refusals: Counter) -> None:
        self._refusals = refusals
        self._on_broker = _open(broker_url) if broker_url else None
        self._in_memory: _InMemory | None = None
        self._lost = False
        self._ask_from = 0.0
        self._lock = Lock()

    def charge(self, session: Session, holder: str, quotas: Quotas) -> list[Bound]:
        """Count what the transaction has enqueued. Called at the end of it: others wait for it from then on.

        Returns:
            What is left of each quota of which something was taken.

        Raises:
            Problem: `too-many`; the caller rolls back, and nothing was counted.
        """
        try:
            return self._charged(session, holder, quotas)
        except Problem as refusal:
            self._refusals.labels(refusal.members["quota"]).inc()
            raise

    def close(self) -> None:
        """Let go of the broker."""
        if self._on_broker is not None:
            self._on_broker.close()

    def _charged(self, session: Session, holder: str, quotas: Quotas) -> list[Bound]:
        added = jobs.enqueued(session)
        waiting = _count_waiting(session, holder, quotas.waiting_jobs, added) if added else []
        return waiting + [self._take(session, holder, asked) for asked in _asked(quotas, added)]

    def _take(self, session: Session, holder: str, asked: _Asked) -> Bound:
        outcome = self._counting(lambda storage: _counted(storage, holder, asked))
        if not outcome.taken:
            raise _too_many(holder, asked.quota, asked.words, asked.bound(outcome.left), asked.amount, outcome.seconds)

        def give_back(_session: Session) -> None:
            self._give_back(outcome.storage, asked.item.key_for(holder), asked.amount)

        event.listen(session, "after_rollback", give_back, once=True)
        return asked.bound(outcome.left)

    def _give_back(self, storage: Storage, key: str, amount: int) -> None:
        try:
            storage.give_back(key, amount)
        except RedisError as error:
            logger.warning("What was not accepted could not be given back to its quota: %s.", error)

    def _counting(self, count: Callable[[Storage], Answer]) -> Answer:
        """On the broker, or in memory where that does not answer."""
        if self._on_broker is not None and monotonic() >= self._ask_from:
            try:
                counted = count(self._on_broker)
            except RedisError as error:
                self._lose(error)
            else:
                self._find()
                return counted
        return count(self._memory())

    def _memory(self) -> _InMemory:
        with self._lock:
            if self._in_memory is None:
                self._in_memory = _InMemory()
            return self._in_memory

    def _lose(self, error: RedisError) -> None:
        with self._lock:
            self._ask_from, lost, self._lost = monotonic() + AGAIN_SECONDS, self._lost, True
        if not lost:
            logger.warning("The broker does not answer (%s); quotas are counted in this process meanwhile.", error)

    def _find(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, False
        if lost:
            logger.info("The broker answers again, and quotas are counted there.")


def _open(broker_url: str) -> _OnBroker:
    pool = ConnectionPool.from_url(
        redis_url(broker_url),
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return _OnBroker(pool)


def redis_url(broker_url: str) -> str:
    """A broker's URL as redis writes it: Celery writes sockets, their database and checks of certificates otherwise."""
    url = urlsplit(broker_url)
    query = {name: value for name, value in parse_qsl(url.query) if name in OPTIONS or name.startswith("ssl_")}
    if "virtual_host" in query:
        query["db"] = query.pop("virtual_host").strip("/")
    if "ssl_cert_reqs" in query:
        query["ssl_cert_reqs"] = query["ssl_cert_reqs"].lower().removeprefix("cert_")
    scheme = "unix" if url.scheme == "redis+socket" else url.scheme
    return f"{scheme}://{url.netloc}{url.path}" + (f"?{urlencode(query)}" if query else "")


def _asked(quotas: Quotas, added: Sequence[jobs.Enqueued]) -> list[_Asked]:
    """What of windows is asked for."""
    pictures = sum(each.pictures for each in added)
    erasures = sum(each.kind == "erase" for each in added)
    asked = []
    if quotas.pictures_a_minute is not None and pictures:
        item: RateLimitItem = RateLimitItemPerMinute(quotas.pictures_a_minute, namespace="pictures")
        asked.append(_Asked("pictures_a_minute", "may draw {} pictures a minute", item, pictures))
    if quotas.erasures_a_day is not None and erasures:
        item = RateLimitItemPerDay(quotas.erasures_a_day, namespace="erasures")
        asked.append(_Asked("erasures_a_day", "may make {} erasures a day", item, erasures))
    return asked


def _counted(storage: Storage, holder: str, asked: _Asked) -> _Outcome:
    window, item = MovingWindowRateLimiter(storage), asked.item
    taken = window.hit(item, holder, cost=asked.amount)
    left = window.get_window_stats(item, holder).remaining
    if taken or asked.amount > item.amount:
        return _Outcome(storage, taken, left, 0.0)
    moment = storage.moment(item.key_for(holder), item.amount - asked.amount)
    return _Outcome(storage, taken, left, item.get_expiry() - (time() - moment) if moment else 0.0)


def _count_waiting(session: Session, holder: str, limit: int | None, added: Sequence[jobs.Enqueued]) -> list[Bound]:
    if limit is None:
        return []
    waiting = jobs.waiting_of(session, holder)
    if waiting > limit:
        before = Bound("waiting", limit, max(limit - waiting + len(added), 0))
        seconds = jobs.retry_seconds(session, added[0].queue, waiting - limit)
        raise _too_many(holder, "waiting_jobs", "may have {} jobs waiting at once", before, len(added), seconds)
    return [Bound("waiting", limit, limit - waiting)]


def _too_many(holder: str, quota: str, words: str, bound: Bound, asked: int, seconds: float) -> Problem:
    may = words.format(bound.limit)
    detail = f"The key {holder!r} {may}: {bound.left} of them are left, and {asked} were asked for."
    members: dict[str, Any] = {"quota": quota, "limit": bound.limit, "left": bound.left, "asked": asked}
    if asked > bound.limit:
        headers = {rate_limits.POLICY: bound.policy, rate_limits.LEFT: bound.remaining()}
        remedy = f"It never fits, however long you wait: ask for {bound.limit} at once at the most."
        return Problem(problems.TOO_MANY, detail, remedy=remedy, headers=headers, **members)
    whole = max(ceil(seconds), 1)
    headers = {
        "Retry-After": str(whole),
        rate_limits.POLICY: bound.policy,
        rate_limits.LEFT: bound.remaining(whole),
    }
    return Problem(problems.TOO_MANY, detail, headers=headers, **members)
