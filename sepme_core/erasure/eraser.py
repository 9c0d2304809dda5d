"""The eraser: from a request, or a group of them, to certified increments."""

from collections.abc import Generator, Sequence

from sepme_core.base import Base
from sepme_core.erasure.evidence import draw_concept, fresh_latents
from sepme_core.erasure.finishing import Known, finish
from sepme_core.erasure.made import Made
from sepme_core.erasure.plan import make_plan
from sepme_core.erasure.reprojection import check_irrevocable
from sepme_core.erasure.request import ErasureRequest, KnownConcept, Progress
from sepme_core.erasure.shared import Shared
from sepme_core.erasure.training import train, train_together
from sepme_core.increment import Increment


def erase(
    base: Base,
    request: ErasureRequest,
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    irrevocable: Sequence[Increment] = (),
    shared: Shared | None = None,
) -> Generator[Progress, None, Made]:
    """Make the increment that erases ``request`` and touches neither ``known`` concepts nor ``protected`` prompts.

    Yields its progress after every step, can be closed there, and returns what it made. The same base, request,
    concepts, device and thread count give the same bytes, in whatever order the concepts are given.

    Args:
        base: The model.
        request: The concept and how it is erased.
        known: Every other concept the registry holds.
        protected: Prompts that no increment may change.
        irrevocable: The trained increments of irrevocable concepts among ``known``.
        shared: What was remembered of earlier erasures on this base.

    Raises:
        ErasureRefused: ``concept-not-drawn``, ``no-capacity``, ``concept-too-close`` or ``irrevocable-weakened``,
            before optimising.
    """
    shared, of = shared or Shared(base), request.settings.max_steps
    yield Progress(0, of, 1.0, 1.0, "measuring how the model draws the concept")
    plan = make_plan(shared, request, known, protected)
    yield from check_irrevocable(shared, newcomer(request), irrevocable, known, protected)
    yield Progress(0, of, 1.0, 1.0, "drawing the concept")
    drawn = draw_concept(shared, request, plan.sentences)
    trained = yield from train(shared, plan, drawn, fresh_latents(shared, drawn))
    return finish(shared, plan, drawn, trained, Known(known, protected))


def erase_together(
    base: Base,
    requests: Sequence[ErasureRequest],
    known: Sequence[KnownConcept] = (),
    protected: Sequence[KnownConcept] = (),
    irrevocable: Sequence[Increment] = (),
    shared: Shared | None = None,
) -> Generator[Progress, None, dict[str, Made]]:
    """Make the increments of a group by one optimisation (SRS-ME†), by name; each leaves the other members alone.

    The losses are balanced by eta (equation 4) and stopped as one; each is measured under the increments of the whole
    group. The loop's settings are those of the first request by name.

    Args:
        base: The model.
        requests: The group; two or more, with names of their own.
        known: Every other concept the registry holds.
        protected: Prompts that no increment may change.
        irrevocable: The trained increments of irrevocable concepts among ``known``.
        shared: What was remembered of earlier erasures on this base.

    Raises:
        ErasureRefused: as for `erase`, for the first member that it holds for.
    """
    shared = shared or Shared(base)
    members = sorted(requests, key=lambda request: request.name)
    settings = members[0].settings
    plans, drawn = [], []
    for request in members:
        yield Progress(0, settings.max_steps, 1.0, 1.0, f"measuring how the model draws {request.name}")
        others = beside(request, members, known)
        plans.append(make_plan(shared, request, others, protected))
        yield from check_irrevocable(shared, newcomer(request), irrevocable, others, protected)
        drawn.append(draw_concept(shared, request, plans[-1].sentences))
    group = yield from train_together(shared, plans, drawn, settings)
    return {
        plan.request.name: finish(shared, plan, shown, trained, Known(beside(plan.request, members, known), protected))
        for plan, shown, trained in zip(plans, drawn, group, strict=True)
    }


def beside(
    request: ErasureRequest, members: Sequence[ErasureRequest], known: Sequence[KnownConcept]
) -> list[KnownConcept]:
    """What a member of a group leaves alone: the known concepts and the other members."""
    return [*known, *(newcomer(each) for each in members if each.name != request.name)]


def newcomer(request: ErasureRequest) -> KnownConcept:
    """The concept as others have to leave it alone."""
    return KnownConcept(request.name, request.kind, request.prompts)
