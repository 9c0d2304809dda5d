"""Words that front end, registry, method and workers agree on: names, kinds, states, queues. No torch."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

SLUG = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
"""What the name of a concept or of a protected entry may be."""

LARGEST_SEED = 2**53 - 2**10
"""All seeds of one request stay below 2⁵³, so that every JSON reader keeps them exactly (RFC 8259, section 6)."""

Kind = Literal["style", "object", "person", "explicit", "other"]
"""What a concept is: it chooses the sentences put around its prompts, and what is drawn instead."""

Reason = Literal["erased", "reprojected", "refined", "substituted"]
"""Why an increment was made: trained for a request, brought to what is known now, trained further on the way, or
trained anew since its substitute was erased."""

ConceptState = Literal["erased", "restored", "never-erased"]
JobKind = Literal["erase", "reproject", "protect", "generate", "evaluate"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Queue = Literal["erase", "generate"]

KINDS: tuple[Kind, ...] = get_args(Kind)
JOB_KINDS: tuple[JobKind, ...] = get_args(JobKind)
JOB_STATES: tuple[JobState, ...] = get_args(JobState)
LIVE_STATES: tuple[JobState, ...] = ("queued", "running")
FINISHED = frozenset(JOB_STATES) - frozenset(LIVE_STATES)
QUEUES: tuple[Queue, ...] = get_args(Queue)

Scope = Literal[
    "generate",
    "mask:choose",
    "concepts:write",
    "protected:write",
    "jobs:read",
    "evidence:read",
    "audit:read",
    "files:read",
    "metrics:read",
    "admin",
]
"""What a key may be good for."""

SCOPES: Mapping[Scope, str] = {
    "generate": "ask for pictures, under the floor of the key",
    "mask:choose": "choose the mask of a picture, above the floor; without it masks are `active` and the floor itself",
    "concepts:write": "erase, restore and purge concepts",
    "protected:write": "protect prompts, and give them up",
    "jobs:read": "see the jobs and pictures of all keys; without it one's own",
    "evidence:read": "see the pictures by which erasures were decided, which show what is erased",
    "audit:read": "read the audit",
    "files:read": "download increments, as LoRA files",
    "metrics:read": "read the metrics",
    "admin": "all of these; make and revoke keys; files and evidence of what is erased for good",
}
"""What each stands for, in words."""

Floor = Literal["active", "none"] | Sequence[str]
"""What a key's pictures can never lack: all that is erased at the time, nothing, or these concepts."""

OPERATOR = "operator"
"""Whom the audit names for what was done on the machine itself, or by its settings."""

WebhookEvent = Literal["concept.erased", "concept.restored", "concept.reprojected", "job.failed"]
"""What webhooks may be told of."""

WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)

CONCEPT_WORK: tuple[JobKind, ...] = ("erase", "reproject")
"""The jobs that make an increment of the concept they are about."""


def is_slug(text: str) -> bool:
    """Whether it may be a name."""
    return re.fullmatch(SLUG[1:-1], text) is not None


def queue_of(kind: str) -> Queue:
    """Which queue a job waits in: generating has its own, so that a long erasure never holds up a picture."""
    return "generate" if kind == "generate" else "erase"
