"""What a request to erase would come to, told without doing it: by the registry alone, without the model."""

from collections.abc import Iterable, Sequence
from typing import Literal, cast

from sqlalchemy.orm import Session

from sepme_core import problems
from sepme_core.documents.answers import CloseWords, ErasurePreview, MadeAgain, ModelDescription
from sepme_core.documents.requests import AskedErasure, ErasureDocument, KnownDocument
from sepme_core.registry import increments, knowledge, serving
from sepme_core.registry.blobs import Blobs
from sepme_core.registry.concepts.acceptance import Accepted, accept_erasure, draws
from sepme_core.registry.concepts.reading import concept_or_none
from sepme_core.registry.jobs import rows as job_rows
from sepme_core.registry.jobs.reprojections import settled
from sepme_core.registry.tables import Concept
from sepme_core.wordings import normalised

MEASURED = (problems.CONCEPT_NOT_DRAWN, problems.CONCEPT_TOO_CLOSE, problems.NO_CAPACITY, problems.NOT_FORGOTTEN)
"""What a worker finds by the model alone, before or after it optimises: nobody can tell it before."""
SMALL_WORDS = frozenset({"a", "an", "the", "of", "in", "by", "and", "style", "picture", "with", "on", "at"})

Outcome = Literal["job", "under-way", "serves-again", "nothing"]


def foresee(session: Session, body: AskedErasure, actor: str, *, blobs: Blobs | None = None) -> ErasurePreview:
    """Accept a request to erase in a transaction that the caller takes back, and tell what came of it.

    Args:
        session: of `database.trying`.
        body: the erase body with its `name`.
        actor: who asks.
        blobs: as `accept_erasure` takes them.

    Raises:
        RegistryError: what `accept_erasure` raises: the request would be refused.
    """
    before = concept_or_none(session, body["name"])
    was_erased = before is not None and before.state == "erased"
    live = job_rows.live_erasure(session, before.name) if before else None
    accepted = accept_erasure(session, body, actor, blobs=blobs)
    outcome = _outcome(accepted, live.id if live else None, was_erased=was_erased)
    asked = cast("ErasureDocument", accepted.job.request)
    model = serving.current_model(session)
    works = outcome in ("job", "under-way")
    return {
        "concept": accepted.concept.name,
        "outcome": outcome,
        "job": live.id if live and outcome == "under-way" else None,
        "shares_words": close_words(session, asked) if works else [],
        "suggested": is_suggested(model, asked["prompts"]),
        "made_again": made_again(session, accepted.concept, asked, model) if works else [],
        "measured_later": [kind.slug for kind in MEASURED] if works else [],
    }


def _outcome(accepted: Accepted, live: str | None, *, was_erased: bool) -> Outcome:
    if not accepted.already_done:
        return "under-way" if accepted.job.id == live else "job"
    return "nothing" if was_erased else "serves-again"


def made_again(
    session: Session, concept: Concept, asked: ErasureDocument, model: ModelDescription | None
) -> list[MadeAgain]:
    """Name the concepts whose increments are made again once this one is erased, by name, and why.

    `reprojected`: they are to leave it alone, and were not made to. `substituted`: they draw it instead of their own.
    """
    if model is None:
        return []
    newcomer: KnownDocument = {"name": concept.name, "kind": asked["kind"], "prompts": asked["prompts"]}
    known = [each for each in knowledge.decided_concepts(session) if each["name"] != concept.name] + [newcomer]
    stored = [each for each in settled(session, model["base_digest"]) if each.concept != concept.name]
    due = knowledge.not_leaving_alone(session, stored, known, knowledge.protected_prompts(session))
    said = {prompt.strip().casefold() for prompt in asked["prompts"]}
    standing = increments.standing(session, model["base_digest"], {concept.name})
    because = dict.fromkeys((each.concept for each in due), "reprojected")
    because |= {
        other.name: "substituted"
        for other, increment in standing
        if other.state == "erased" and draws(increment, concept.name, said)
    }
    return [{"concept": name, "because": because[name]} for name in sorted(because)]


def close_words(session: Session, asked: ErasureDocument) -> list[CloseWords]:
    """List what is known or protected and shares a word with what is asked: words tell a danger, no measurement."""
    known = [each for each in knowledge.known_concepts(session) if each["name"] != asked["name"]]
    found: list[CloseWords] = []
    for kind, entries in (("concept", known), ("protected", knowledge.protected_prompts(session))):
        for entry in entries:
            shared = sorted(_words(asked["prompts"]) & _words(entry["prompts"]))
            if shared:
                found.append({"name": entry["name"], "kind": kind, "words": shared})
    return found


def _words(prompts: Iterable[str]) -> set[str]:
    return {word for prompt in prompts for word in normalised(prompt).split()} - SMALL_WORDS


def is_suggested(model: ModelDescription | None, prompts: Sequence[str]) -> bool | None:
    """Tell whether the model's card names what is asked as something that it draws; None where it names nothing."""
    if model is None or not (named := [*model["suggestions"]["objects"], *model["suggestions"]["styles"]]):
        return None
    drawn = _words(named)
    return any(_words([prompt]) & drawn for prompt in prompts)
