"""Jobs: rows with a state machine, `queued → running → succeeded | failed | cancelled`.

`rows` makes, finds and cancels them; `queue` bounds how many wait, says which is claimed next and finds those that
nobody works on; `turns` knows when each holder was served, `positions` how far from its turn each job is;
`further_askers` knows who else was answered with one; `leases` is what a worker does with one that it claimed;
`surroundings` says what it is held against; `publishing` ends one with its result, `versions` makes that a version;
`reprojections` makes those that a newly decided concept calls for; `texts` lists them as clients are sent them.
"""

from sepme_core.registry.documents import job_document as document
from sepme_core.registry.jobs.further_askers import find as further_asker
from sepme_core.registry.jobs.leases import (
    Claim,
    cancel_requested,
    claim,
    fail,
    finish_cancelled,
    give_way,
    interrupted,
    put_back_for_trouble,
    release,
    renew,
    report,
)
from sepme_core.registry.jobs.positions import positions
from sepme_core.registry.jobs.publishing import (
    Overtaken,
    Published,
    Remade,
    publish_erasure,
    publish_pictures,
    publish_reprojection,
)
from sepme_core.registry.jobs.queue import (
    Claimant,
    Waiting,
    admit,
    next_in_turn,
    park_exhausted,
    refuse_another_base,
    retry_seconds,
    waiting_of,
    waiting_queues,
    waits,
)
from sepme_core.registry.jobs.reprojections import Occasion, enqueue_reprojections, occasion
from sepme_core.registry.jobs.rows import (
    BY_REQUEST,
    Enqueued,
    Mark,
    cancel_now,
    cancel_unclaimed,
    counts,
    enqueue,
    enqueue_finished,
    enqueued,
    get,
    job_states,
    live_erasure,
    live_protection,
    live_reprojection,
    marks,
    request_cancel,
)
from sepme_core.registry.jobs.rows import after as events_after
from sepme_core.registry.jobs.surroundings import Surroundings, pin_present
from sepme_core.registry.jobs.texts import JobText
from sepme_core.registry.jobs.texts import page as page_of_texts
from sepme_core.registry.jobs.versions import StoredIncrement
from sepme_core.registry.tables import Event, Job
from sepme_core.terms import LIVE_STATES

__all__ = [
    "BY_REQUEST",
    "LIVE_STATES",
    "Claim",
    "Claimant",
    "Enqueued",
    "Event",
    "Job",
    "JobText",
    "Mark",
    "Occasion",
    "Overtaken",
    "Published",
    "Remade",
    "StoredIncrement",
    "Surroundings",
    "Waiting",
    "admit",
    "cancel_now",
    "cancel_requested",
    "cancel_unclaimed",
    "claim",
    "counts",
    "document",
    "enqueue",
    "enqueue_finished",
    "enqueue_reprojections",
    "enqueued",
    "events_after",
    "fail",
    "finish_cancelled",
    "further_asker",
    "get",
    "give_way",
    "interrupted",
    "job_states",
    "live_erasure",
    "live_protection",
    "live_reprojection",
    "marks",
    "next_in_turn",
    "occasion",
    "page_of_texts",
    "park_exhausted",
    "pin_present",
    "positions",
    "publish_erasure",
    "publish_pictures",
    "publish_reprojection",
    "put_back_for_trouble",
    "refuse_another_base",
    "release",
    "renew",
    "report",
    "request_cancel",
    "retry_seconds",
    "waiting_of",
    "waiting_queues",
    "waits",
]
