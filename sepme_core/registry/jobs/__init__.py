"""Jobs: rows with a state machine, `queued → running → succeeded | failed | cancelled`.

`rows` makes, finds and cancels them; `leases` is what a worker does with one that it claimed; `presence` says what it
is held against; `publishing` ends one with its result, `versions` that it makes and `substituting` others by the way;
`reprojections` makes those that a newly decided concept calls for; `reaping` finds those that nobody works on; `turns`
has some go before others.
"""

from sepme_core.registry.documents import LIVE_STATES
from sepme_core.registry.documents import job_document as document
from sepme_core.registry.events import after as events_after
from sepme_core.registry.jobs.leases import (
    Claim,
    cancel_requested,
    claim,
    fail,
    finish_cancelled,
    give_way,
    release,
    renew,
    report,
)
from sepme_core.registry.jobs.presence import Present, pin_present
from sepme_core.registry.jobs.publishing import (
    Overtaken,
    Published,
    publish_erasure,
    publish_pictures,
    publish_reprojection,
)
from sepme_core.registry.jobs.reaping import never_rung, park_exhausted, unclaimed
from sepme_core.registry.jobs.reprojections import Occasion, enqueue_reprojections, occasion
from sepme_core.registry.jobs.rows import (
    Mark,
    cancel_now,
    counts,
    enqueue,
    enqueue_finished,
    get,
    job_states,
    list_page,
    live_erasure,
    live_protection,
    live_reprojection,
    marks,
    request_cancel,
)
from sepme_core.registry.jobs.substituting import Remade
from sepme_core.registry.jobs.turns import first_in_turn
from sepme_core.registry.jobs.versions import StoredIncrement
from sepme_core.registry.tables import Event, Job

__all__ = [
    "LIVE_STATES",
    "Claim",
    "Event",
    "Job",
    "Mark",
    "Occasion",
    "Overtaken",
    "Present",
    "Published",
    "Remade",
    "StoredIncrement",
    "cancel_now",
    "cancel_requested",
    "claim",
    "counts",
    "document",
    "enqueue",
    "enqueue_finished",
    "enqueue_reprojections",
    "events_after",
    "fail",
    "finish_cancelled",
    "first_in_turn",
    "get",
    "give_way",
    "job_states",
    "list_page",
    "live_erasure",
    "live_protection",
    "live_reprojection",
    "marks",
    "never_rung",
    "occasion",
    "park_exhausted",
    "pin_present",
    "publish_erasure",
    "publish_pictures",
    "publish_reprojection",
    "release",
    "renew",
    "report",
    "request_cancel",
    "unclaimed",
]
