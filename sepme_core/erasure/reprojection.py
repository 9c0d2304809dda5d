"""Increments brought to what is known now, so that a concept erased late is given back as well as the first.

From the last trained version, whatever came between, so that the order of arrivals does not matter: with P the
projector onto the null space of everything known now, P Q = Q' R and w' = w Rᵀ, again a combination of null-space
solutions. Then the effect is measured on the same fresh x_t. Where too much of it went, the closed form is solved
anew in what room is left, and the loop goes on from there.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from sepme_core.documents.certificates import Certificate, FreshMeasurements, SightDocument
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.certificate import certify, measure_effect
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.evidence import Drawn, draw_concept
from sepme_core.erasure.finishing import LeftAlone, describe, make
from sepme_core.erasure.looking import look
from sepme_core.erasure.plan import Plan, make_plan, shown_sentences
from sepme_core.erasure.refusals import ErasureRefused, effect_lost, irrevocable_weakened
from sepme_core.erasure.request import ErasureRequest, KnownConcept, MadeIncrement, Progress, request_of
from sepme_core.erasure.room import KeptConcept, all_kept, measure_overlaps
from sepme_core.erasure.solution import NullSpace
from sepme_core.erasure.substitute import substitute_of
from sepme_core.erasure.training import Trained, as_stored, fresh_of, train
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel

LEAST_EFFECT_KEPT = 0.9
PROJECTED = "not run: the trained version was projected"
NOTHING_LEFT = 1e-6
"""A direction of Q that keeps less than this share of its length under P is gone."""


def reproject(
    base: DiffusionModel,
    trained: Increment,
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    cache: ErasureCache | None = None,
    serving: Increment | None = None,
) -> Generator[Progress, None, MadeIncrement]:
    """Bring a trained increment to what is known now.

    ``serving`` is the version that serves, where that is another one: what is made never looks worse than it.

    Yields its progress and returns the new version: ``reprojected``, or ``refined`` where that alone lost too much.

    Raises:
        ErasureRefused: ``concept-too-close`` to something that came since, ``no-capacity``, or ``effect-lost`` where
            what is left of the room does not erase the concept. The earlier version is as good as it was.
    """
    cache = cache or ErasureCache(base)
    request = request_of(trained)
    yield Progress(0, request.settings.max_steps, 1.0, 1.0, "projecting")
    plan = plan_again(cache, request, trained, remaining(base, request, trained, known, protected), known)
    drawn = draw_concept(cache, request, shown_sentences(cache, request))
    updated = yield from update(cache, trained, plan, drawn, serving or trained)
    described = describe(cache, plan, updated.trained, trained.certificate.get("overridden", ()))
    certificate: Certificate = {
        **trained.certificate,
        **described,
        "given_up": trained.certificate["given_up"],
        "effect_kept": round(updated.effect_kept, 6),
    }
    return make(cache, request, drawn, updated.trained, certificate, updated.reason, LeftAlone(known, protected))


def plan_again(
    cache: ErasureCache,
    request: ErasureRequest,
    made: Increment,
    kept: Sequence[KeptConcept],
    known: Sequence[KnownConcept],
) -> Plan:
    """The plan of a concept that was erased before, with the same substitute and with what is kept now."""
    overlaps = measure_overlaps(cache, KnownConcept(request.name, request.kind, request.prompts), kept)
    return make_plan(cache, request, known, substitute_of(made), kept, overlaps)


def recertify(
    base: DiffusionModel,
    increment: Increment,
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    cache: ErasureCache | None = None,
) -> FreshMeasurements:
    """What the certificate of a stored increment says, measured and looked at afresh: loss, norm, leaks, sight."""
    cache = cache or ErasureCache(base)
    request, substitute = request_of(increment), substitute_of(increment)
    kept = remaining(base, request, increment, known, protected)
    drawn = draw_concept(cache, request, shown_sentences(cache, request))
    effect = measure_effect(base, increment, fresh_of(cache, substitute, drawn))
    looked = look(cache, request, drawn, [increment], substitute.phrase)
    return {**certify(cache, increment, kept, effect), "forgotten": looked.sight.document()}


def look_under(cache: ErasureCache, increment: Increment, mask: Sequence[Increment]) -> SightDocument:
    """What is seen of an increment's concept under a whole mask, as a certificate says it."""
    request = request_of(increment)
    drawn = draw_concept(cache, request, shown_sentences(cache, request))
    ordered = sorted(mask, key=lambda each: each.concept)
    return look(cache, request, drawn, ordered, substitute_of(increment).phrase).sight.document()


def check_irrevocable(
    cache: ErasureCache,
    newcomer: KnownConcept,
    irrevocable: Sequence[Increment],
    known: Sequence[KnownConcept],
    protected: Sequence[KnownConcept],
) -> Generator[Progress, None, None]:
    """See whether the trained increments of irrevocable concepts can make room for one more concept, or more prompts.

    Yields its progress; nothing is made.

    Args:
        cache: What was remembered of earlier erasures on the base.
        newcomer: What is to be left alone from now on: a concept, or protected prompts.
        irrevocable: The trained increments.
        known: Every other concept the registry holds, the irrevocable ones too.
        protected: All other protected prompts.

    Raises:
        ErasureRefused: ``irrevocable-weakened``, for the first that cannot.
    """
    for place, trained in enumerate(irrevocable):
        yield Progress(place, len(irrevocable), 1.0, 1.0, f"measuring what {trained.concept}, irrevocable, would lose")
        request = request_of(trained)
        kept = remaining(cache.base, request, trained, known, [*protected, newcomer])
        try:
            plan = plan_again(cache, request, trained, kept, known)
            drawn = draw_concept(cache, request, shown_sentences(cache, request))
            yield from update(cache, trained, plan, drawn, trained)
        except ErasureRefused as refusal:
            raise irrevocable_weakened(newcomer.name, trained.concept, refusal) from refusal


@dataclass(frozen=True)
class Updated:
    """The factors as they are now, and what it took."""

    trained: Trained
    effect_kept: float
    reason: Literal["reprojected", "refined"]


def update(
    cache: ErasureCache, stored: Increment, plan: Plan, drawn: Drawn, serving: Increment
) -> Generator[Progress, None, Updated]:
    """Project what is stored and look; where too much was lost solve again, refine and look once more.

    Raises:
        ErasureRefused: ``effect-lost``, where more pictures show the concept than under what serves.
    """
    fresh, phrase = fresh_of(cache, plan.substitute, drawn), plan.substitute.phrase
    limit = seen_under(cache, serving, plan, drawn)
    before = min(max(1 - float(stored.certificate["relative_loss"]), 1e-9), 1.0)
    projected = project(stored, plan.free)
    effect = measure_effect(cache.base, projected, fresh)
    kept = effect.gone / before
    if kept >= LEAST_EFFECT_KEPT:
        looked = look(cache, plan.request, drawn, [projected], phrase)
        if looked.sight.seen <= limit:
            return Updated(Trained(projected, 0, effect, looked, PROJECTED), min(kept, 1.0), "reprojected")
    start = projected if plan.request.settings.start == "zero" else None
    trained = yield from train(cache, plan, drawn, start)
    if trained.looked.sight.seen > limit:
        raise effect_lost(stored.concept, trained.looked.sight.seen, trained.looked.sight.pictures, limit)
    return Updated(trained, min(trained.effect.gone / before, 1.0), "refined")


def seen_under(cache: ErasureCache, stored: Increment, plan: Plan, drawn: Drawn) -> int:
    """In how many pictures the concept is seen under what is stored: as its file says, or as is looked at now."""
    said = stored.certificate.get("forgotten")
    same_eyes = said is not None and (cache.classifier is None or cache.classifier.name in said["by"])
    if said is not None and same_eyes and said["pictures"] == len(drawn.sentences):
        return int(said["seen"])
    return look(cache, plan.request, drawn, [stored], plan.substitute.phrase).sight.seen


def project(trained: Increment, free: NullSpace) -> Candidate:
    """P Q = Q' R and w' = w Rᵀ, without the directions that P leaves nothing of."""
    wide = trained.directions.cpu().double()
    directions, lengths, rotation = torch.linalg.svd(free.project(wide.T).T, full_matrices=False)
    some = lengths > NOTHING_LEFT
    mixing = rotation[some].T * lengths[some]  # Rᵀ (rank, rank')
    weights = {path: w.cpu().double() @ mixing for path, w in trained.weights.items()}
    return as_stored(directions[:, some], weights)


def remaining(
    base: DiffusionModel,
    request: ErasureRequest,
    made: Increment,
    known: Sequence[KnownConcept],
    protected: Sequence[KnownConcept],
) -> list[KeptConcept]:
    """What it must leave alone: all but what its request gave up by override."""
    given_up = {each["concept"] for each in made.certificate["given_up"]}
    return [each for each in all_kept(base, request, known, protected) if each.name not in given_up]
