"""What a request to erase needs: a job, the job already under way, or nothing at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from sepme_core.registry import audit, clock, increments, serving
from sepme_core.registry.concepts.known import known_concepts, protected_prompts
from sepme_core.registry.concepts.requests import erasure_request, making
from sepme_core.registry.database import serialise
from sepme_core.registry.documents import concept_documents
from sepme_core.registry.errors import ConceptBusy, ConceptNamedTwice
from sepme_core.registry.identifiers import new_id
from sepme_core.registry.jobs import rows as job_rows
from sepme_core.registry.tables import Concept, Increment, Job


@dataclass(frozen=True)
class Accepted:
    """The answer to a request to erase. `already_done`: the job has finished, there is nothing to ring for."""

    job: Job
    concept: Concept
    already_done: bool


def accept_erasure(session: Session, body: Mapping[str, Any], holder: str) -> Accepted:
    """Accept one request to erase; see `accept_erasures`."""
    return accept_erasures(session, [body], holder)[0]


def accept_erasures(session: Session, bodies: Sequence[Mapping[str, Any]], holder: str) -> list[Accepted]:
    """Accept requests to erase, all or none. Each new job pins all other known concepts, those accepted with it too.

    For each, by what the registry holds:

    - being erased by the same request: that job; being erased by another: refused;
    - erased by the same request, for the base that is served: a finished job;
    - restored, and what is stored was made by the same request for the base that is served: it serves again at once;
    - else a job; what serves goes on to serve until that job publishes.

    What is stored counts as made by the same request only if all prompts protected now were protected then.

    Args:
        session: of `database.writing`; the caller's transaction decides that all or none is kept.
        bodies: the erase bodies, each with its `name`; defaults are filled in here.
        holder: who asked.

    Raises:
        ConceptBusy: where one is being erased with another body.
        ConceptNamedTwice: where two bodies name the same concept.
        ValueError: where a name is malformed.
    """
    requests = [erasure_request(body) for body in bodies]
    _refuse_repeated_names(requests)
    serialise(session)
    accepted = [_accept(session, request, holder) for request in requests]
    _pin(session, [one.job for one in accepted if not one.job.pinned and not one.already_done])
    return accepted


def _refuse_repeated_names(requests: list[dict[str, Any]]) -> None:
    seen = set()
    for request in requests:
        if request["name"] in seen:
            raise ConceptNamedTwice(request["name"])
        seen.add(request["name"])


def _pin(session: Session, jobs: list[Job]) -> None:
    """Give each new job what is known, now that all of them are in the registry."""
    known = known_concepts(session) if jobs else []
    protected = protected_prompts(session) if jobs else []
    for job in jobs:
        job.pinned = {"known": [other for other in known if other["name"] != job.concept], "protected": protected}
    session.flush()


def _accept(session: Session, request: dict[str, Any], holder: str) -> Accepted:
    concept = session.get(Concept, request["name"], with_for_update=True, populate_existing=True)
    if concept is None:
        concept = _new_concept(session, request)
    running = _job_under_way(session, concept, request)
    if running is not None:
        return Accepted(running, concept, already_done=False)
    stored = increments.current(session, concept)
    if stored is not None and _still_holds(session, stored, request):
        _serve_stored(session, concept, stored, request, holder)
        result = concept_documents(session, [concept])[0]
        finished = job_rows.enqueue_finished(
            session, kind="erase", request=request, concept=concept.name, holder=holder, result=result
        )
        return Accepted(finished, concept, already_done=True)
    job = job_rows.enqueue(
        session, kind="erase", queue="erase", request=request, pinned={}, concept=concept.name, holder=holder
    )
    _moved(session, concept)
    if concept.version is None:
        concept.kind, concept.prompts, concept.protect = request["kind"], request["prompts"], request["protect"]
    session.flush()
    return Accepted(job, concept, already_done=False)


def _new_concept(session: Session, request: dict[str, Any]) -> Concept:
    concept = Concept(
        name=request["name"],
        kind=request["kind"],
        prompts=request["prompts"],
        protect=request["protect"],
        tag=new_id(),
    )
    session.add(concept)
    session.flush()
    return concept


def _job_under_way(session: Session, concept: Concept, request: dict[str, Any]) -> Job | None:
    """Return the live job of the same request. One that is only waiting for its worker to let go of it ends here.

    Raises:
        ConceptBusy: where another request is under way.
    """
    live = job_rows.live_erasure(session, concept.name)
    if live is None:
        return None
    if live.cancel_requested:
        job_rows.cancel_now(session, live)
        return None
    if live.request != request:
        raise ConceptBusy(concept.name, live.id)
    return live


def _still_holds(session: Session, stored: Increment, request: dict[str, Any]) -> bool:
    """Tell whether the stored increment is what this request would make, on the base that is served now."""
    model = serving.current_model(session)
    if model is None or stored.base_digest != model["base_digest"]:
        return False
    if making(stored.request) != making(request):
        return False
    made_with = {prompt for protected in stored.pinned["protected"] for prompt in protected["prompts"]}
    return all(made_with.issuperset(protected["prompts"]) for protected in protected_prompts(session))


def _serve_stored(session: Session, concept: Concept, stored: Increment, request: dict[str, Any], holder: str) -> None:
    """Let the stored increment serve if it does not, and take on irrevocability, which is never given up again."""
    reactivated = concept.state != "erased"
    hardened = request["irrevocable"] and not concept.irrevocable
    if not reactivated and not hardened:
        return
    concept.state = "erased"
    concept.irrevocable = concept.irrevocable or request["irrevocable"]
    _moved(session, concept)
    session.flush()
    details = {"version": stored.version, "base_digest": stored.base_digest, "irrevocable": concept.irrevocable}
    action = "reactivate" if reactivated else "make-irrevocable"
    before = None if reactivated else stored.digest
    audit.append(session, holder, action, concept.name, before, stored.digest, details)


def _moved(session: Session, concept: Concept) -> None:
    concept.tag = new_id()
    concept.updated_at = clock.now(session)
