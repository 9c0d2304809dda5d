"""What rows pin of all that is known: each entry is stored once, each list of entries once, and rows name the list.

A hundred jobs accepted together pin the same list, each besides itself; so do all versions of one round of
re-projections. And a hundred jobs of a joint erasure hold the same bodies. Written into every row, one request of a
megabyte would become a hundred.

Stored, a row's `pinned` holds `knowledge`, a digest, and `besides`, names, in place of `known` and `protected`; its
`request` holds in place of the bodies in `group` their names and a digest. `unfolded` and `whole` give back what was
there. Whoever keeps calls `database.serialise` first, and pins what it is given in the same transaction: what nothing
pins is collected in the end.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from sepme_core.canonical import digest_of
from sepme_core.documents.requests import (
    ErasureDocument,
    ErasureRequestDocument,
    KeptGroup,
    KeptKnowledge,
    KnownDocument,
    Pinned,
    StoredErasure,
    StoredPins,
)
from sepme_core.registry.queries import insert_missing
from sepme_core.registry.tables import Concept, Increment, Job, Knowledge, KnownThing, Protected
from sepme_core.terms import LIVE_STATES

AT_ONCE = 1000  # ids in one question; databases take some tens of thousands


def keep(
    session: Session,
    known: Sequence[KnownDocument],
    protected: Sequence[KnownDocument],
    besides: Collection[str] = (),
) -> KeptKnowledge:
    """Return what a row pins: the list of these, known concepts with the names `besides` left out."""
    digest = _keep(session, {"known": known, "protected": protected})
    return {"knowledge": digest, "besides": sorted(besides)}


def folded(session: Session, pinned: Pinned) -> StoredPins:
    """Return as it is stored what a row is to pin."""
    rest = cast("StoredPins", {key: value for key, value in pinned.items() if key not in ("known", "protected")})
    return {**rest, **keep(session, pinned["known"], pinned["protected"])}


def unfolded(session: Session, pinned: StoredPins | KeptKnowledge) -> Pinned:
    """Return what a row pins with `known` and `protected` written out; what pins neither, as it is."""
    if "knowledge" not in pinned:
        return cast("Pinned", dict(pinned))
    rest = cast("Pinned", {key: value for key, value in pinned.items() if key not in ("knowledge", "besides")})
    listed = lists(session, pinned["knowledge"])
    besides = set(pinned["besides"])
    known = [concept for concept in listed["known"] if concept["name"] not in besides]
    return {"known": known, "protected": list(listed["protected"]), **rest}


def storable(session: Session, requests: Iterable[ErasureRequestDocument]) -> list[StoredErasure]:
    """Return requests as they are stored, of which each of one group holds the same list of bodies."""
    kept: dict[int, KeptGroup] = {}
    found: list[StoredErasure] = []
    for request in requests:
        group = request.get("group")
        if group is not None and id(group) not in kept:
            names = [member["name"] for member in group]
            kept[id(group)] = {"names": names, "knowledge": _keep(session, {"group": group})}
        stored = request if group is None else {**request, "group": kept[id(group)]}
        found.append(cast("StoredErasure", stored))
    return found


def whole(session: Session, request: StoredErasure) -> ErasureRequestDocument:
    """Return a stored request with the bodies of its group written out."""
    if "group" not in request:
        return cast("ErasureRequestDocument", dict(request))
    group = cast("list[ErasureDocument]", lists(session, request["group"]["knowledge"])["group"])
    return cast("ErasureRequestDocument", {**request, "group": group})


def unfold(session: Session, rows: Iterable[Job | Increment]) -> None:
    """Write out, in rows that are only read from now on, what they pin and were asked for."""
    for row in rows:
        set_committed_value(row, "pinned", unfolded(session, row.pinned))
        set_committed_value(row, "request", whole(session, row.request))


def lists(session: Session, digest: str) -> Mapping[str, list[KnownDocument]]:
    """Return the entries of what was kept, by the name of each list. They are shared: nobody may change them.

    A session asks for each once: what has a digest never changes.
    """
    read: dict[str, Mapping[str, list[KnownDocument]]] = session.info.setdefault(Knowledge, {})
    if digest not in read:
        ids = session.scalars(select(Knowledge.entries).where(Knowledge.digest == digest)).one()
        entries = _entries(session, {each for listed in ids.values() for each in listed})
        read[digest] = {name: [entries[each] for each in listed] for name, listed in ids.items()}
    return read[digest]


def _entries(session: Session, ids: Collection[int]) -> Mapping[int, KnownDocument]:
    read: dict[int, KnownDocument] = session.info.setdefault(KnownThing, {})
    missing = sorted(set(ids) - set(read))
    for place in range(0, len(missing), AT_ONCE):
        asked = KnownThing.id.in_(missing[place : place + AT_ONCE])
        rows = session.execute(select(KnownThing.id, KnownThing.entry).where(asked))
        read.update({row.id: row.entry for row in rows})
    return read


def _keep(session: Session, listed: Mapping[str, Sequence[KnownDocument]]) -> str:
    """Store lists of entries by name, and of them what is not there yet; returns the digest."""
    digests = {name: [digest_of(entry) for entry in entries] for name, entries in listed.items()}
    by_digest = {
        digest: entry for name, entries in listed.items() for digest, entry in zip(digests[name], entries, strict=True)
    }
    ids = _ids(session, by_digest)
    if len(ids) < len(by_digest):
        missing = {digest: entry for digest, entry in by_digest.items() if digest not in ids}
        insert_missing(session, KnownThing, [{"digest": key, "entry": entry} for key, entry in missing.items()])
        ids |= _ids(session, missing)
    numbered = {name: [ids[digest] for digest in found] for name, found in digests.items()}
    digest = digest_of(numbered)
    stored = session.execute(select(Knowledge.unpinned_at).where(Knowledge.digest == digest)).one_or_none()
    if stored is None:
        insert_missing(session, Knowledge, [{"digest": digest, "entries": numbered}])
    elif stored.unpinned_at is not None:  # see `retention`
        session.execute(update(Knowledge).where(Knowledge.digest == digest).values(unpinned_at=None))
    return digest


def _ids(session: Session, digests: Iterable[str]) -> dict[str, int]:
    asked, found = list(digests), dict[str, int]()
    for place in range(0, len(asked), AT_ONCE):
        among = KnownThing.digest.in_(asked[place : place + AT_ONCE])
        found.update(
            {row.digest: row.id for row in session.execute(select(KnownThing.digest, KnownThing.id).where(among))}
        )
    return found


def known_concepts(session: Session) -> list[KnownDocument]:
    """Return the known concepts as `{"name", "kind", "prompts", "erased", "decided"}`, by name.

    Known is what was erased once, whether it is restored or not, and what is being erased. A concept whose first
    erasure failed or was cancelled is not: protecting a name that never came to be would only take up capacity, or make
    its own second spelling impossible to erase. While a concept is being made anew with other prompts, both the old and
    the new ones count. `erased` is what serves, or will once its erasure under way has succeeded; `decided` is what has
    a version: of the others nobody knows yet whether they will come to be.
    """
    live = select(Job).where(Job.kind == "erase", Job.state.in_(LIVE_STATES))
    jobs = {job.concept: job for job in session.scalars(live)}
    concepts = session.scalars(select(Concept).order_by(Concept.name))
    found = ((concept, jobs.get(concept.name)) for concept in concepts)
    return [_known(concept, job) for concept, job in found if concept.version is not None or job is not None]


def _known(concept: Concept, job: Job | None) -> KnownDocument:
    decided = concept.version is not None
    asked: StoredErasure | None = job.request if job else None
    said = [*(concept.prompts if decided else []), *(asked["prompts"] if asked else [])]
    return {
        "name": concept.name,
        "kind": asked["kind"] if asked else concept.kind,
        "prompts": list(dict.fromkeys(said)),
        "erased": concept.state == "erased" or (job is not None and "keep_state" not in job.pinned),
        "decided": decided,
    }


def decided_concepts(session: Session) -> list[KnownDocument]:
    """Return the concepts that have a version as `{"name", "kind", "prompts"}`, by name.

    What is stored, or is to be protected, is held against these alone: a newcomer that is refused leaves no trace.
    """
    decided = session.scalars(select(Concept).where(Concept.version.is_not(None)).order_by(Concept.name))
    return [{"name": concept.name, "kind": concept.kind, "prompts": concept.prompts} for concept in decided]


def protected_prompts(session: Session) -> list[KnownDocument]:
    """Return the protected prompts as `{"name", "prompts"}`, by name."""
    rows = session.scalars(select(Protected).order_by(Protected.name))
    return [{"name": row.name, "prompts": row.prompts} for row in rows]


def made_together(request: StoredErasure) -> set[str]:
    """Name the concepts that are made by one optimisation with that of a stored request, which is among them."""
    return set(request["group"]["names"]) if "group" in request else {request["name"]}


def not_leaving_alone(
    session: Session,
    stored: Iterable[Increment],
    known: Sequence[KnownDocument],
    protected: Sequence[KnownDocument],
) -> list[Increment]:
    """Return the stored increments that were not made to leave all of this alone, themselves excepted.

    Those they were made together with count: they leave each other alone without being pinned. What increments pin in
    common is compared once.
    """
    by_name = {concept["name"]: concept for concept in known}
    missed: dict[str, dict[str, KnownDocument]] = {}
    unguarded: dict[str, bool] = {}
    found = []
    for increment in stored:
        pinned: KeptKnowledge = increment.pinned
        digest = pinned["knowledge"]
        if digest not in missed:
            made_with = lists(session, digest)
            missed[digest] = missing_from(made_with["known"], known)
            unguarded[digest] = not _all_said(made_with["protected"], protected)
        left_out = {name: by_name[name] for name in pinned["besides"] if name in by_name}
        others = {name: concept for name, concept in (missed[digest] | left_out).items() if name != increment.concept}
        if unguarded[digest] or (others and missing_from(_together(session, increment), list(others.values()))):
            found.append(increment)
    return found


def _together(session: Session, increment: Increment) -> Sequence[KnownDocument]:
    return whole(session, increment.request).get("group", [])


def missing_from(made_with: Sequence[KnownDocument], known: Sequence[KnownDocument]) -> dict[str, KnownDocument]:
    """Return, by name, what is known and not left alone by what was made with these entries, as they say it."""
    before = {concept["name"]: concept for concept in made_with}
    return {
        concept["name"]: concept
        for concept in known
        if concept["name"] not in before or not _includes(before[concept["name"]], concept)
    }


def leaves_prompts_alone(session: Session, increment: Increment, protected: Sequence[KnownDocument]) -> bool:
    """Tell whether a stored increment was made to leave these protected prompts alone, whatever their names."""
    pinned: KeptKnowledge = increment.pinned
    return _all_said(lists(session, pinned["knowledge"])["protected"], protected)


def _all_said(made_with: Sequence[KnownDocument], protected: Sequence[KnownDocument]) -> bool:
    said = {prompt for entry in made_with for prompt in entry["prompts"]}
    return all(said.issuperset(entry["prompts"]) for entry in protected)


def _includes(before: KnownDocument, concept: KnownDocument) -> bool:
    """The kind decides in which sentences the prompts are left alone."""
    return bool(before["kind"] == concept["kind"]) and set(before["prompts"]).issuperset(concept["prompts"])
