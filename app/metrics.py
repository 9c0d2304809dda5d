"""Prometheus metrics: what is counted and timed in this process, and what the registry holds. Times are in seconds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from sepme_core.quotas import Quotas
from sepme_core.registry import audit, database, deliveries, jobs, serving
from sepme_core.registry.tables import Conditioning, Worker
from sepme_core.terms import JOB_KINDS, JOB_STATES, QUEUES

ATTEMPTS = ("taken", "repeated", "given_up")
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Measures:
    """The metrics of one application, in a registry of their own.

    Labels are bounded: `route` is the path's template, `method` one of the known methods, `status` an HTTP status.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "sepme_http_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "sepme_http_request_seconds",
            "From the request to the end of the answer; waiting for a job counts.",
            ["method", "route"],
            registry=registry,
            buckets=_REQUEST_BUCKETS,
        )
        self.requests_in_flight = Gauge(
            "sepme_http_requests_in_flight", "Requests being answered, streams included.", registry=registry
        )
        self.rings = Counter("sepme_doorbell_rings", "Rings for jobs.", ["queue", "outcome"], registry=registry)
        self.sweeps = Counter("sepme_reaper_sweeps", "Sweeps over the jobs.", ["outcome"], registry=registry)
        self.parked_jobs = Counter(
            "sepme_reaper_parked_jobs", "Jobs given up because they lost their worker too often.", registry=registry
        )
        self.free_bytes = Gauge(
            "sepme_storage_free_bytes", "Room on the fullest disk of the service's own.", registry=registry
        )
        self.collected = Counter(
            "sepme_collected",
            "Jobs, lists of what was known and blobs deleted after their time.",
            ["what"],
            registry=registry,
        )
        self.quota_refusals = Counter(
            "sepme_quota_refusals", "Requests refused by a quota of their key.", ["quota"], registry=registry
        )
        for quota in fields(Quotas):
            self.quota_refusals.labels(quota.name)  # a series that begins at one shows no increase
        self.webhook_attempts = Counter(
            "sepme_webhook_attempts",
            "Attempts to tell a webhook: taken, repeated later, or given_up after the last.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ATTEMPTS:
            self.webhook_attempts.labels(outcome)


class RegistryCollector(Collector):
    """Reads the database when it is scraped. Where it cannot, only `sepme_database_up 0` is said."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterator[Metric]:
        """Nothing is collected before the first scrape."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The gauges of this moment."""
        up = GaugeMetricFamily("sepme_database_up", "Whether the database could be read.")
        try:
            families = self._read()
        except SQLAlchemyError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families

    def _read(self) -> list[Metric]:
        with database.reading(self._engine) as session:
            counted = jobs.counts(session)
            seen = serving.workers(session)
            conditioning = serving.conditioning_counts(session)
            head = audit.head(session)
            standing = deliveries.standing(session)
        by_state = GaugeMetricFamily("sepme_jobs", "Jobs in the registry.", labels=["kind", "state"])
        for kind, state in product(JOB_KINDS, JOB_STATES):
            by_state.add_metric([kind, state], counted.get((kind, state), 0))
        return [by_state, _workers(seen), *_conditioning(seen, conditioning), _audit_head(head), *_webhooks(standing)]


def _workers(seen: Sequence[Worker]) -> Metric:
    gauge = GaugeMetricFamily("sepme_workers", "Workers seen in the last ten seconds.", labels=["queue"])
    for queue in QUEUES:
        gauge.add_metric([queue], sum(worker.queue == queue for worker in seen))
    return gauge


def _conditioning(seen: Sequence[Worker], counted: Mapping[str, Conditioning]) -> Iterator[Metric]:
    """Counted over all workers there ever were, and kept in memory by those that are seen."""
    looked_up = CounterMetricFamily(
        "sepme_conditioning",
        "Prompts under a mask whose K and V were there already (hit), or were computed (miss).",
        labels=["queue", "result"],
    )
    held = GaugeMetricFamily(
        "sepme_conditioning_bytes", "What workers keep of prompts: embeddings, K and V.", labels=["queue"]
    )
    for queue in QUEUES:
        of_queue = counted.get(queue)
        looked_up.add_metric([queue, "hit"], of_queue.hits if of_queue else 0)
        looked_up.add_metric([queue, "miss"], of_queue.misses if of_queue else 0)
        held.add_metric([queue], sum(worker.conditioning_bytes for worker in seen if worker.queue == queue))
    yield looked_up
    yield held


def _webhooks(standing: deliveries.Standing) -> Iterator[Metric]:
    """Of all together: which one it is says GET /webhooks."""
    webhooks = GaugeMetricFamily("sepme_webhooks", "Webhooks; 410 disables one.", labels=["state"])
    webhooks.add_metric(["enabled"], standing.enabled)
    webhooks.add_metric(["disabled"], standing.disabled)
    messages = GaugeMetricFamily(
        "sepme_webhook_messages",
        "Messages that no webhook took yet; those given up are kept a while.",
        labels=["state"],
    )
    messages.add_metric(["waiting"], standing.waiting)
    messages.add_metric(["given_up"], standing.given_up)
    oldest = GaugeMetricFamily(
        "sepme_webhook_oldest_waiting_seconds", "How long the oldest message has waited to be taken; 0: none waits."
    )
    oldest.add_metric([], standing.oldest_seconds)
    yield from (webhooks, messages, oldest)


def _audit_head(head: audit.Head | None) -> Metric:
    """One series at a time, another after each change: whoever keeps the samples keeps the ends of the chain."""
    gauge = GaugeMetricFamily(
        "sepme_audit_head", "Entries in the audit's chain; the label is the hash of the last.", labels=["hash"]
    )
    gauge.add_metric([head.hash if head else audit.FIRST_PREVIOUS], head.sequence if head else 0)
    return gauge
