"""Turns: of the holders whose jobs wait in a queue, the one served longest ago is next.

So however many jobs one holder has waiting, another's first waits behind one claim of it at most, and one of each other
holder. Claims that are made at the same moment do not see each other. What nobody asked for is done by the way, and
costs nobody a turn.
"""

from sqlalchemy import ColumnElement, and_, bindparam, func, select, update
from sqlalchemy.orm import Session, aliased

from sepme_core.registry.queries import insert_missing
from sepme_core.registry.tables import Job, Turn

BY_THE_WAY = "reproject"
HAS_TURN = and_(Turn.queue == Job.queue, Turn.holder == Job.actor, Job.kind != BY_THE_WAY)
"""By this a job is joined to when its holder was served last."""
SERVED: ColumnElement[int] = func.coalesce(Turn.served, 0)

# Built once: to build them again takes longer than the database takes to answer.
_EARLIER = aliased(Turn)
_OWN = aliased(Turn)
_NEXT = select(func.coalesce(func.max(_EARLIER.served), 0) + 1).where(_EARLIER.queue == bindparam("of_queue"))
_UNLOCKED = select(_OWN.holder).where(_OWN.queue == bindparam("of_queue"), _OWN.holder == bindparam("of_holder"))
_SERVING = (
    update(Turn)
    .where(Turn.queue == bindparam("of_queue"), Turn.holder.in_(_UNLOCKED.with_for_update(skip_locked=True)))
    .values(served=_NEXT.scalar_subquery())
    .returning(Turn.served)
)


def serve(session: Session, queue: str, holder: str) -> None:
    """Say that a holder has had its turn in a queue, in the transaction that claims.

    Where another transaction is saying the same, it is said: nobody waits for one that hangs.
    """
    whose = {"of_queue": queue, "of_holder": holder}
    served = session.execute(_SERVING, whose, execution_options={"synchronize_session": False})
    if served.one_or_none() is None and session.scalars(_UNLOCKED, whose).one_or_none() is None:
        turn = session.scalars(_NEXT, whose).one()
        insert_missing(session, Turn, [{"queue": queue, "holder": holder, "served": turn}])
