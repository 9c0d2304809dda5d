"""What a request to erase needs: a job, the job already under way, or nothing at all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from sepme_core.documents.requests import (
    AskedErasure,
    ErasureDocument,
    ErasureRequestDocument,
    StoredErasure,
    StoredPins,
)
from sepme_core.registry import audit, increments, knowledge, serving, types
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.concepts.reading import moved
from sepme_core.registry.concepts.requests import erasure_request, joined, making, same, settle
from sepme_core.registry.database import serialise
from sepme_core.registry.documents import concept_documents
from sepme_core.registry.errors import ConceptBusy
from sepme_core.registry.further_names import worded
from sepme_core.registry.grounds import UNSTATED, Grounds, of_job, of_request
from sepme_core.registry.jobs import further_askers
from sepme_core.registry.jobs import rows as job_rows
from sepme_core.registry.knowledge import known_concepts, leaves_prompts_alone, made_together, protected_prompts
from sepme_core.registry.tables import Concept, Increment, Job
from sepme_core.registry.types import ID_LENGTH, new_id
from sepme_core.terms import LIVE_STATES


def is_leaned_on(session: Session, base_digest: str, request: ErasureDocument) -> bool:
    """Tell whether another stored increment for this base draws what a request erases, instead of its own concept."""
    said = {prompt.strip().casefold() for prompt in request["prompts"]}
    others = increments.standing(session, base_digest, {request["name"]})
    return any(draws(increment, request["name"], said) for _, increment in others)


def draws_what_is_erased(session: Session, stored: Increment) -> bool:
    """Tell whether a stored increment draws, instead of its concept, what is erased by now or is being erased."""
    drawn = set(increments.leans_on(stored)) - {stored.concept}
    return bool(drawn) and any(known["erased"] and known["name"] in drawn for known in known_concepts(session))


def draws(increment: Increment, name: str, said: set[str]) -> bool:
    """Tell whether an increment draws, instead of its own concept, that of a name, or what is said so (case aside)."""
    phrase = increments.substitute(increment.certificate)
    return name in increments.leans_on(increment) or (phrase is not None and phrase.strip().casefold() in said)


MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Accepted:
    """The answer to a request to erase. `already_done`: the job has finished, there is nothing to ring for."""

    job: Job
    concept: Concept
    already_done: bool


def accept_erasure(session: Session, body: AskedErasure, actor: str, *, blobs: Blobs | None = None) -> Accepted:
    """Accept one request to erase; see `accept_erasures`."""
    return accept_erasures(session, [body], actor, blobs=blobs)[0]


def accept_erasures(
    session: Session,
    bodies: Sequence[AskedErasure],
    actor: str,
    *,
    joint: bool = False,
    blobs: Blobs | None = None,
) -> list[Accepted]:
    """Accept requests to erase, all or none. Each new job pins all other known concepts, those accepted with it too.

    A further name asks for the concept that it stands for: see `requests.settle`. For each, by what the registry holds:

    - being erased by the same request: that job; being erased by another: refused;
    - erased by the same request, for the base that is served: a finished job;
    - restored, and what is stored was made by the same request for the base that is served: it serves again at once;
    - else a job; what serves goes on to serve until that job publishes.

    On what grounds it is asked (`case`, `reason`) is no part of the request: other ones for what is being erased or is
    erased already are noted in the audit.

    What is stored counts as made by the same request only if all prompts protected now were protected then; and only if
    it draws nothing that is erased instead of its concept, and nothing else that is stored draws it. Where its
    bytes are gone or damaged there is a job too, which makes them again: from the same request, beside the same known
    concepts, the same bytes.

    Args:
        session: of `database.writing`; the caller's transaction decides that all or none is kept.
        bodies: the erase bodies, each with its `name`; defaults are filled in here.
        actor: who asked.
        joint: whether they are optimised together; each job then holds the bodies of all, and pins none of them.
        blobs: where the bytes of what is stored are looked at; None to go by the rows.

    Raises:
        ConceptBusy: where one is being erased with another body.
        ConceptNamedTwice: where two bodies come to the same concept.
        SameAsItself, UnknownConcept, ConceptNeverErased, ConceptOfItsOwn, FurtherNameOnly: where a body's `same_as`
            cannot be.
        ValueError: where a name is malformed, or a joint erasure has one concept alone.
    """
    serialise(session)
    asked = [erasure_request(body) for body in bodies]
    requests = settle(session, asked, actor)
    requests = joined(requests) if joint else requests
    stored = knowledge.storable(session, requests)
    grounds = [of_request(each) for each in asked]
    accepted = [_accept(session, *each, actor, blobs) for each in zip(requests, stored, grounds, strict=True)]
    _pin(session, accepted)
    return accepted


def accept_again(session: Session, base_digest: str, actor: str, grounds: Grounds = UNSTATED) -> list[Accepted]:
    """Accept to erase again, for a base, all that is stored for another one, each by the request it was made by.

    What is restored stays so when its new version is published. What is being erased already goes on with that job.
    """
    serialise(session)
    pointed = and_(Increment.concept == Concept.name, Increment.version == Concept.version)
    stored = select(Concept, Increment).join(Increment, pointed).where(Increment.base_digest != base_digest)
    rows = session.execute(stored.order_by(Concept.name)).all()
    requests = [worded(session, knowledge.whole(session, increment.request)) for _, increment in rows]
    accepted = [
        _accept_again(session, concept, request, actor, grounds)
        for (concept, _), request in zip(rows, knowledge.storable(session, requests), strict=True)
    ]
    _pin(session, accepted)
    return accepted


def accept_repairs(session: Session, names: Collection[str], actor: str) -> list[Accepted]:
    """Accept to make the increments of these concepts again, each by the request that it was made by.

    What is restored stays so. What is being erased already goes on with that job.
    """
    serialise(session)
    stored = [(concept, increments.trained(session, concept.name)) for concept in _stored(session, names)]
    requests = [worded(session, knowledge.whole(session, increment.request)) for _, increment in stored]
    accepted = [
        _accept_again(session, concept, request, actor, UNSTATED)
        for (concept, _), request in zip(stored, knowledge.storable(session, requests), strict=True)
    ]
    _pin(session, accepted)
    return accepted


def _stored(session: Session, names: Collection[str]) -> list[Concept]:
    found = select(Concept).where(Concept.name.in_(names), Concept.version.is_not(None)).order_by(Concept.name)
    return list(session.scalars(found))


def _pin(session: Session, accepted: list[Accepted]) -> None:
    """Give each new job its place, in the order they were asked for, and what is known, now that all are there."""
    jobs = [one.job for one in accepted if not one.already_done and "knowledge" not in one.job.pinned]
    if not jobs:
        return
    model = serving.current_model(session)
    kept = knowledge.keep(session, known_concepts(session), protected_prompts(session))
    for job, moment in zip(jobs, _moments(session, jobs), strict=True):
        job.created_at = moment
        besides = made_together(job.request)
        irrevocable = increments.irrevocable(session, model["base_digest"], besides) if model else []
        job.pinned = {**job.pinned, **kept, "besides": sorted(besides), "irrevocable": irrevocable}
    session.flush()


def _moments(session: Session, jobs: Sequence[Job]) -> list[datetime]:
    """Return a moment for each new job, later than those accepted before: newcomers are decided in that order.

    A clock does not: SQLite's gives all that is accepted in one millisecond the same time.
    """
    live = (Job.kind == "erase", Job.state.in_(LIVE_STATES), Job.id.not_in([job.id for job in jobs]))
    latest = session.scalars(select(func.max(Job.created_at)).where(*live)).one()
    first = max(types.now(session), latest + MOMENT) if latest else types.now(session)
    return [first + place * MOMENT for place in range(len(jobs))]


def _accept(
    session: Session,
    request: ErasureRequestDocument,
    to_store: StoredErasure,
    grounds: Grounds,
    actor: str,
    blobs: Blobs | None,
) -> Accepted:
    concept = session.get(Concept, request["name"], with_for_update=True, populate_existing=True)
    if concept is None:
        concept = _new_concept(session, request)
    running = _job_under_way(session, concept, request)
    if running is not None:
        _note_on(session, running, concept, actor, grounds)
        return Accepted(running, concept, already_done=False)
    stored = increments.current(session, concept)
    if stored is not None and _still_holds(session, stored, request) and _is_whole(session, stored, blobs):
        _serve_stored(session, concept, stored, request, actor, grounds)
        result = concept_documents(session, [concept])[0]
        finished = job_rows.enqueue_finished(
            session,
            kind="erase",
            request=to_store,
            concept=concept.name,
            actor=actor,
            result=result,
            grounds=grounds,
        )
        return Accepted(finished, concept, already_done=True)
    if concept.version is None:
        concept.kind, concept.prompts, concept.protect = request["kind"], request["prompts"], request["protect"]
    return _enqueue(session, concept, to_store, actor, {}, grounds)


def _accept_again(
    session: Session, concept: Concept, to_store: StoredErasure, actor: str, grounds: Grounds
) -> Accepted:
    live = job_rows.wanted_erasure(session, concept.name)
    if live is not None:
        _note_on(session, live, concept, actor, grounds)
        return Accepted(live, concept, already_done=False)
    pinned: StoredPins = {"keep_state": "restored"} if concept.state == "restored" else {}
    return _enqueue(session, concept, to_store, actor, pinned, grounds)


def _note_on(session: Session, live: Job, concept: Concept, actor: str, grounds: Grounds) -> None:
    """Note who else asks for the job under way, and other grounds than it is known to have been asked for on."""
    further_askers.note(session, live, actor, grounds)
    if grounds != of_job(live):
        stored = increments.current(session, concept) if concept.state == "erased" else None
        digest = stored.digest if stored else None
        audit.note(session, actor, concept.name, grounds, digest, of="erase", details={"job": live.id})


def _enqueue(
    session: Session, concept: Concept, to_store: StoredErasure, actor: str, pinned: StoredPins, grounds: Grounds
) -> Accepted:
    job = job_rows.enqueue(
        session,
        kind="erase",
        request=to_store,
        pinned=pinned,
        concept=concept.name,
        actor=actor,
        together=_together(to_store),
        grounds=grounds,
    )
    moved(session, concept)
    return Accepted(job, concept, already_done=False)


def _together(stored: StoredErasure) -> str | None:
    """Return what the jobs of one joint optimisation have in common; None for a concept that is erased by itself."""
    group = stored.get("group")
    return str(group["knowledge"]).removeprefix("sha256:")[:ID_LENGTH] if group else None


def _new_concept(session: Session, request: ErasureDocument) -> Concept:
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


def _job_under_way(session: Session, concept: Concept, request: ErasureRequestDocument) -> Job | None:
    """Return the live job of the same request, which from now on makes the concept erased if it was to stay restored.

    Raises:
        ConceptBusy: where another request is under way.
    """
    live = job_rows.wanted_erasure(session, concept.name)
    if live is None:
        return None
    if not same(knowledge.whole(session, live.request), request):
        raise ConceptBusy(concept.name, live.id)
    if "keep_state" in live.pinned:
        live.pinned = {key: value for key, value in live.pinned.items() if key != "keep_state"}
        moved(session, concept)
    return live


def _still_holds(session: Session, stored: Increment, request: ErasureRequestDocument) -> bool:
    """Tell whether the stored increment is what this request would make, on the base that is served now."""
    model = serving.current_model(session)
    if model is None or stored.base_digest != model["base_digest"]:
        return False
    if making(knowledge.whole(session, stored.request)) != making(request):
        return False
    if not leaves_prompts_alone(session, stored, protected_prompts(session)):
        return False
    return not is_leaned_on(session, stored.base_digest, request) and not draws_what_is_erased(session, stored)


def _is_whole(session: Session, stored: Increment, blobs: Blobs | None) -> bool:
    """Asked last: the bytes are read."""
    return blobs is None or not increments.lacking(session, blobs, stored)


def _serve_stored(
    session: Session, concept: Concept, stored: Increment, request: ErasureDocument, actor: str, grounds: Grounds
) -> None:
    """Let the stored increment serve if it does not, and take on irrevocability, which is never given up again."""
    reactivated = concept.state != "erased"
    hardened = request["irrevocable"] and not concept.irrevocable
    concept.state = "erased"
    concept.irrevocable = concept.irrevocable or request["irrevocable"]
    details = {"version": stored.version, "base_digest": stored.base_digest, "irrevocable": concept.irrevocable}
    if not reactivated and not hardened:
        audit.note(session, actor, concept.name, grounds, stored.digest, of="erase", details=details)
        return
    moved(session, concept)
    action = "reactivate" if reactivated else "make-irrevocable"
    before = None if reactivated else stored.digest
    audit.append(session, actor, action, concept.name, before, stored.digest, details, grounds)
