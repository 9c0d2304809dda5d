"""Everything that is counted and timed in this process, one entry each. Times are in seconds.

Labels are bounded: `route` is the path's template, `method` one of the known methods, `status` an HTTP status.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Measures:
    """The metrics of one application, in a registry of their own."""

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
