import pytest
import torch

from sepme_core.base import Base
from sepme_core.erasure import (
    ErasureRefused,
    ErasureRequest,
    KnownConcept,
    erase,
    recertify,
    reproject,
    run_to_end,
)
from sepme_core.erasure.protection import Kept, free_directions, listed_moment
from sepme_core.erasure.reprojection import project
from sepme_core.erasure.shared import Shared
from sepme_core.increment import Increment

FISH, INK = KnownConcept("fish", "object", ("fish",)), KnownConcept("ink", "style", ("ink",))
LATE = KnownConcept("rocket", "object", ("rocket",))


@pytest.fixture(scope="module")
def shared(base: Base) -> Shared:
    return Shared(base)


@pytest.fixture(scope="module")
def cat(base: Base, shared: Shared) -> Increment:
    return run_to_end(erase(base, ErasureRequest("cat", "object", ("cat",)), [FISH], shared=shared)).increment


def test_projected_factors_are_the_projection_of_the_change(shared: Shared, cat: Increment) -> None:
    free = free_directions(shared, [Kept("rocket", ("a rocket", "rocket"))], 1e-2)
    projected = project(cat, free)
    for path, w in list(cat.weights.items())[:3]:
        whole = w.double() @ cat.directions.double().T  # (d_out, d_in)
        expected = free.project(whole)
        found = projected.weights[path].double() @ projected.directions.double().T
        assert torch.allclose(found, expected, atol=2e-3 * float(expected.abs().max()))
    identity = projected.directions.T @ projected.directions
    assert torch.allclose(identity, torch.eye(len(identity)), atol=1e-5)
    directions, moment = projected.directions.double(), listed_moment(shared, Kept("rocket", ("a rocket", "rocket")))
    assert (directions * (moment @ directions)).sum() < 1e-3 * moment.trace()


def test_a_late_concept_is_left_alone_and_the_erasure_stays(base: Base, shared: Shared, cat: Increment) -> None:
    late = run_to_end(reproject(base, cat, [FISH, LATE], shared=shared))
    before, after = cat.certificate, late.increment.certificate
    assert late.reason in {"reprojected", "refined"}
    assert set(after["leak"]["by_concept"]) == {"fish", "rocket"}
    untouched = recertify(base, cat, [FISH, LATE], shared=shared)["leak"]["by_concept"]["rocket"]
    assert after["leak"]["by_concept"]["rocket"] < untouched
    assert after["relative_loss"] <= 0.3
    assert after["effect_kept"] >= 0.9
    assert after["overlap"] == before["overlap"]


def test_the_order_of_arrivals_does_not_matter(base: Base, shared: Shared, cat: Increment) -> None:
    one = run_to_end(reproject(base, cat, [FISH, INK, LATE], shared=shared)).increment
    other = run_to_end(reproject(base, cat, [LATE, FISH, INK], shared=Shared(base))).increment
    assert one.digest == other.digest


def test_a_stored_increment_is_measured_as_when_it_was_made(base: Base, cat: Increment) -> None:
    again = recertify(base, cat, [FISH])
    assert again == {name: cat.certificate[name] for name in again}


MASCOT = KnownConcept("mascot", "object", ("cat",))


def test_what_is_too_close_to_the_erased_concept_is_not_made_room_for(
    base: Base, shared: Shared, cat: Increment
) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(reproject(base, cat, [FISH, MASCOT], shared=shared))
    assert refusal.value.code == "concept-too-close"
    assert refusal.value.numbers["overlap"] > refusal.value.numbers["limit"]
    assert refusal.value.numbers["closest"] == "mascot"


def test_an_increment_that_no_longer_erases_is_refused(base: Base, shared: Shared, cat: Increment) -> None:
    settings = {**cat.metadata["settings"], "max_steps": 0, "start": "zero"}
    idle = Increment(
        cat.directions, {path: 0 * w for path, w in cat.weights.items()}, {**cat.metadata, "settings": settings}
    )
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(reproject(base, idle, [FISH, LATE], shared=shared))
    assert refusal.value.code == "effect-lost"
    assert refusal.value.numbers["relative_loss"] > refusal.value.numbers["limit"]


def test_nothing_weakens_an_irrevocable_erasure(base: Base, shared: Shared, cat: Increment) -> None:
    request = ErasureRequest("mascot", "object", ("cat picture",), override=True)
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(
            erase(base, request, [FISH, KnownConcept("cat", "object", ("cat",))], irrevocable=[cat], shared=shared)
        )
    assert refusal.value.code == "irrevocable-weakened"
    said = refusal.value.numbers
    assert (said["irrevocable"], said["because"]) == ("cat", "concept-too-close")
    assert said["overlap"] > said["limit"]


def test_what_was_given_up_by_override_stays_given_up(base: Base, shared: Shared) -> None:
    mascot = KnownConcept("our-mascot", "other", ("cat",))
    request = ErasureRequest("cat", "object", ("cat",), override=True)
    forced = run_to_end(erase(base, request, [FISH], [mascot], shared=shared)).increment
    late = run_to_end(reproject(base, forced, [FISH, LATE], [mascot], shared=shared)).increment
    assert "our-mascot" not in late.certificate["leak"]["by_concept"]
    assert late.certificate["relative_loss"] <= 0.3
