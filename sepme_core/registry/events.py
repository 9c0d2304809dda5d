"""What happened to a job, in order: the stream that clients follow and resume."""

from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from sepme_core.registry.tables import Event, Job

_COUNTING = (
    update(Job).where(Job.id == bindparam("counted")).values(event_count=Job.event_count + 1).returning(Job.event_count)
)


def append(session: Session, job_id: str, kind: str, data: dict[str, Any]) -> Event:
    """Add the next event of a job.

    The counter stands on the job's row, whose lock makes two writers take their turns; so sequences have no gaps, and
    a reader who has seen n never misses n − 1.
    """
    counted = session.execute(_COUNTING, {"counted": job_id}, execution_options={"synchronize_session": False})
    sequence = counted.scalar_one()
    event = Event(job_id=job_id, sequence=sequence, kind=kind, data=data)
    session.add(event)
    session.flush()
    return event


def after(session: Session, job_id: str, sequence: int) -> list[Event]:
    """Return the events of a job after `sequence` (0: all), oldest first."""
    later = select(Event).where(Event.job_id == job_id, Event.sequence > sequence).order_by(Event.sequence)
    return list(session.scalars(later))
