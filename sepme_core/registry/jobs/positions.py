"""The place of each job that waits: how the queue would go if nothing came and nothing ended before its turn.

Holders take turns (`turns`), so the first job of each goes before the second of any; what is done by the way goes last.
"""

from collections.abc import Collection

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from sepme_core.registry.jobs.turns import BY_THE_WAY, HAS_TURN, SERVED
from sepme_core.registry.tables import Job, Turn

_LAST = case((Job.kind == BY_THE_WAY, 1), else_=0)
_ROUND = case(
    (Job.kind == BY_THE_WAY, 0),
    else_=func.row_number().over(partition_by=(Job.queue, Job.actor, _LAST), order_by=(Job.created_at, Job.id)),
)
_ROUNDS = (
    select(Job.id, Job.queue, Job.created_at, _LAST.label("last"), _ROUND.label("round"), SERVED.label("served"))
    .outerjoin(Turn, HAS_TURN)
    .where(Job.state == "queued")
    .subquery()
)
_PLACE = func.row_number().over(
    partition_by=_ROUNDS.c.queue,
    order_by=(_ROUNDS.c.last, _ROUNDS.c.round, _ROUNDS.c.served, _ROUNDS.c.created_at, _ROUNDS.c.id),
)
_PLACES = select(_ROUNDS.c.id, _PLACE.label("place"))


def positions(session: Session, ids: Collection[str]) -> dict[str, int]:
    """Return the place in its queue, from 1, of each of these jobs that waits, by id."""
    if not ids:
        return {}
    wanted = set(ids)
    return {row.id: row.place for row in session.execute(_PLACES) if row.id in wanted}
