"""Words that front end, registry, method and workers agree on: names, kinds, states, queues. No torch."""

import re
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

CONCEPT_WORK: tuple[JobKind, ...] = ("erase", "reproject")
"""The jobs that make an increment of the concept they are about."""


def is_slug(text: str) -> bool:
    """Whether it may be a name."""
    return re.fullmatch(SLUG[1:-1], text) is not None


def queue_of(kind: str) -> Queue:
    """Which queue a job waits in: generating has its own, so that a long erasure never holds up a picture."""
    return "generate" if kind == "generate" else "erase"
