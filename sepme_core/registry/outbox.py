"""What webhooks are to be told: written in the transaction of the change itself, a row for each webhook that asks.

So nothing is lost when a process dies after the change, and nothing is told of what was rolled back.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sepme_core import logs
from sepme_core.registry import types
from sepme_core.registry.grounds import Grounds, of_job
from sepme_core.registry.tables import AuditEntry, Concept, Delivery, Increment, Job, Webhook
from sepme_core.terms import WebhookEvent

PREFIX = "msg_"
LONGEST_DETAIL = 2000
_QUOTED = re.compile(r"""(?<!\w)(['"])((?:\\.|(?!\1)[^\\])*)\1(?!\w)""", re.DOTALL)


def tell_of_change(session: Session, entry: AuditEntry, grounds: Grounds) -> None:
    """Tell of what an entry of the audit says, if it is of what serves."""
    event = _event(entry)
    if event is None or entry.concept is None:
        return
    webhooks = _asking(session, event)
    if webhooks:
        add(session, webhooks, event, _concept(session, entry, grounds), entry.at)


def tell_of_failure(session: Session, job: Job) -> None:
    """Tell that a job has failed."""
    webhooks = _asking(session, "job.failed")
    if not webhooks or job.problem is None:
        return
    problem = {name: job.problem.get(name) for name in ("type", "title", "status")}
    data = {
        "id": job.id,
        "kind": job.kind,
        "concept": job.concept,
        "problem": {**problem, "detail": _without_prompts(session, job)},
        "case": job.case,
        "reason": of_job(job).reason,
    }
    add(session, webhooks, "job.failed", data, job.finished_at or types.now(session))


def add(session: Session, webhooks: Sequence[str], event: str, data: Mapping[str, Any], at: datetime) -> list[str]:
    """Write a message for each of these webhooks; returns their ids, which stay the same however often they are sent.

    Args:
        session: of `database.writing`.
        webhooks: by name.
        event: what happened.
        data: to whom, and how; JSON.
        at: when.
    """
    body = json.dumps({"type": event, "timestamp": types.timestamp(at), "data": data}, allow_nan=False)
    rows = [Delivery(id=PREFIX + types.new_id(), webhook=name, event=event, body=body) for name in webhooks]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def _event(entry: AuditEntry) -> WebhookEvent | None:
    """An erasure that another restore overtook serves nothing, and a restore of what did not serve changes nothing."""
    if entry.action in ("erase", "reactivate"):
        return "concept.erased" if entry.to_digest is not None else None
    if entry.action in ("restore", "purge"):
        return "concept.restored" if entry.from_digest is not None else None
    return "concept.reprojected" if entry.action in ("reproject", "substitute") else None


def _asking(session: Session, event: WebhookEvent) -> list[str]:
    """Held until the transaction ends, so that none is deleted under a message to it."""
    enabled = select(Webhook.name, Webhook.events).where(Webhook.disabled_at.is_(None)).order_by(Webhook.name)
    held = session.execute(enabled.with_for_update(read=True, key_share=True))
    return [name for name, events in held if event in events]


def _concept(session: Session, entry: AuditEntry, grounds: Grounds) -> dict[str, Any]:
    concept = session.get_one(Concept, entry.concept)
    version = select(Increment).where(Increment.concept == concept.name, Increment.version == concept.version)
    stored = session.scalars(version).one_or_none()
    return {
        "name": concept.name,
        "kind": concept.kind,
        "state": "purged" if entry.action == "purge" else concept.state,
        "version": concept.version,
        "digest": stored.digest if stored else None,
        "base_digest": stored.base_digest if stored else None,
        "irrevocable": concept.irrevocable,
        "case": grounds.case,
        "reason": grounds.reason,
    }


def _without_prompts(session: Session, job: Job) -> str:
    """What a refusal quotes may be anybody's prompt; names of concepts are no secret."""
    detail = str((job.problem or {}).get("detail", ""))
    quoted = {match[2] for match in _QUOTED.finditer(detail)}
    names = set(session.scalars(select(Concept.name).where(Concept.name.in_(quoted)))) | {job.concept}
    kept = _QUOTED.sub(lambda match: match[0] if match[2] in names else logs.KEPT_BACK, detail)
    words = [word for word in logs.words_of(job.request) if word.strip() and word not in names]
    return logs.without_words(kept, words)[:LONGEST_DETAIL]
