from collections.abc import Mapping
from typing import Any

import pytest
import torch

from sepme_core.erasure import (
    ErasureRefused,
    ErasureRequest,
    KnownConcept,
    erase,
    recertify,
    reproject,
    run_to_end,
)
from sepme_core.erasure.cache import ErasureCache
from sepme_core.erasure.reprojection import look_under, project
from sepme_core.erasure.request import request_of
from sepme_core.erasure.room import all_kept, free_directions, moment_of
from sepme_core.erasure.substitute import ABSENCE, substitute_of
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import QUICK, erased
from tests.sepme_core.erasure.planned import FISH, INK
from tests.sepme_core.erasure.told import Told

LATE = KnownConcept("rocket", "object", ("rocket",))


@pytest.fixture(scope="module")
def cat(base: DiffusionModel, cache: ErasureCache) -> Increment:
    return run_to_end(
        erase(base, ErasureRequest("cat", "object", ("cat",), settings=QUICK), [FISH], cache=cache)
    ).increment


def test_projected_factors_are_the_projection_of_the_change(cache: ErasureCache, cat: Increment) -> None:
    rocket = all_kept(cache.base, request_of(cat), [LATE], ())
    free = free_directions(cache, rocket, 1e-2)
    projected = project(cat, free)
    for path, w in list(cat.weights.items())[:3]:
        whole = w.double() @ cat.directions.double().T  # (d_out, d_in)
        expected = free.project(whole)
        found = projected.weights[path].double() @ projected.directions.double().T
        assert torch.allclose(found, expected, atol=2e-3 * float(expected.abs().max()))
    identity = projected.directions.T @ projected.directions
    assert torch.allclose(identity, torch.eye(len(identity)), atol=1e-5)
    directions, moment = projected.directions.double(), moment_of(cache, rocket[0].closed)
    assert (directions * (moment @ directions)).sum() < 1e-3 * moment.trace()


def test_a_late_concept_is_left_alone_and_the_erasure_stays(
    base: DiffusionModel, cache: ErasureCache, cat: Increment
) -> None:
    late = run_to_end(reproject(base, cat, [FISH, LATE], cache=cache))
    before, after = cat.certificate, late.increment.certificate
    assert late.reason in {"reprojected", "refined"}
    assert set(after["leak"]["by_concept"]) == {"fish", "rocket"}
    untouched = recertify(base, cat, [FISH, LATE], cache=cache)["leak"]["by_concept"]["rocket"]
    assert after["leak"]["by_concept"]["rocket"] < untouched
    assert abs(after["relative_loss"]) <= 0.3
    assert after["effect_kept"] >= 0.9
    assert (after["forgotten"]["seen"], after["substitute"]) == (0, before["substitute"])
    assert after["overlap"]["max"] >= before["overlap"]["max"]


def test_the_order_of_arrivals_does_not_matter(base: DiffusionModel, cache: ErasureCache, cat: Increment) -> None:
    one = run_to_end(reproject(base, cat, [FISH, INK, LATE], cache=cache)).increment
    other = run_to_end(reproject(base, cat, [LATE, FISH, INK], cache=ErasureCache(base))).increment
    assert one.digest == other.digest


def test_a_stored_increment_is_measured_as_when_it_was_made(base: DiffusionModel, cat: Increment) -> None:
    again = recertify(base, cat, [FISH])
    certified: Mapping[str, object] = cat.certificate
    assert again == {name: certified[name] for name in again}


MASCOT = KnownConcept("mascot", "object", ("cat",))


def test_no_version_serves_under_which_more_is_seen_than_under_the_one_that_serves(
    base: DiffusionModel, cache: ErasureCache, cat: Increment
) -> None:
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(reproject(base, cat, [FISH, MASCOT], cache=cache))
    assert refusal.value.code == "effect-lost"
    assert refusal.value.numbers["seen"] > refusal.value.numbers["limit"] == cat.certificate["forgotten"]["seen"]
    assert refusal.value.numbers["of"] == 6


def idle(increment: Increment, **said: object) -> Increment:
    """The same without an effect."""
    weights = {path: 0 * w for path, w in increment.weights.items()}
    certificate: Any = {**increment.certificate, "relative_loss": 1.0, **said}
    return Increment(increment.directions, weights, {**increment.metadata, "certificate": certificate})


def test_what_serves_is_the_bar_whatever_was_trained(base: DiffusionModel, cache: ErasureCache, cat: Increment) -> None:
    zero = {**cat.metadata["settings"], "max_steps": 0, "start": "zero"}
    still = idle(cat, forgotten={**cat.certificate["forgotten"], "seen": 6})
    still = Increment(still.directions, still.weights, {**still.metadata, "settings": zero})
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(reproject(base, still, [FISH, LATE], cache=cache, serving=cat))
    assert refusal.value.code == "effect-lost"
    assert refusal.value.numbers == {"seen": 6, "of": 6, "limit": 0}
    made = run_to_end(reproject(base, still, [FISH, LATE], cache=cache, serving=still)).increment
    assert made.certificate["forgotten"]["seen"] == 6


def test_a_projection_that_loses_its_effect_is_solved_anew(
    base: DiffusionModel, cache: ErasureCache, cat: Increment
) -> None:
    still = idle(cat)
    lost = Increment(still.directions, still.weights, {**cat.metadata})
    made = run_to_end(reproject(base, lost, [FISH, LATE], cache=cache, serving=cat))
    assert (made.reason, made.increment.certificate["forgotten"]["seen"]) == ("refined", 0)


def test_a_projection_that_keeps_its_effect_but_is_seen_is_solved_anew(
    base: DiffusionModel, cache: ErasureCache, cat: Increment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_to_end(reproject(base, cat, [FISH, LATE], cache=cache)).reason == "reprojected"
    told = Told(0, 2, 0)  # under what serves, under its projection, and under what is solved anew
    monkeypatch.setattr(cache, "classifier", told)
    made = run_to_end(reproject(base, cat, [FISH, LATE], cache=cache))
    assert told.counts == []
    assert (made.reason, made.increment.certificate["forgotten"]["seen"]) == ("refined", 0)


def test_nothing_weakens_an_irrevocable_erasure(base: DiffusionModel, cache: ErasureCache, cat: Increment) -> None:
    request = ErasureRequest("mascot", "object", ("cat picture",), override=True, settings=QUICK)
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(
            erase(base, request, [FISH, KnownConcept("cat", "object", ("cat",))], irrevocable=[cat], cache=cache)
        )
    assert refusal.value.code == "irrevocable-weakened"
    said = refusal.value.numbers
    assert (said["irrevocable"], said["because"]) == ("cat", "effect-lost")
    assert said["seen"] > said["limit"]


def test_what_was_given_up_by_override_stays_given_up(base: DiffusionModel, cache: ErasureCache) -> None:
    mascot = KnownConcept("our-mascot", "other", ("cat",))
    request = ErasureRequest("cat", "object", ("cat",), override=True, settings=QUICK)
    forced = run_to_end(erase(base, request, [FISH], [mascot], cache=cache)).increment
    late = run_to_end(reproject(base, forced, [FISH, LATE], [mascot], cache=cache)).increment
    assert late.certificate["given_up"] == forced.certificate["given_up"] != []
    assert "our-mascot" not in late.certificate["leak"]["by_concept"]
    assert late.certificate["forgotten"]["seen"] == 0


@pytest.fixture(scope="module")
def earlier(cat: Increment) -> Increment:
    """The file as an earlier release wrote it."""
    settings = {name: value for name, value in cat.metadata["settings"].items() if name != "pictures"}
    settings |= {"overshoot": 0.4, "target": "swap", "listed_weight": 300.0}
    unsaid = {"substitute", "forgotten", "overridden", "distance", "attempt"}
    certificate: Any = {name: value for name, value in cat.certificate.items() if name not in unsaid}
    leak = certificate["leak"]
    certificate["leak"] = {name: leak[name] for name in ("max", "concept", "by_concept")}
    metadata: Any = {name: value for name, value in cat.metadata.items() if name != "captions"}
    metadata |= {"settings": settings, "certificate": certificate}
    return Increment(cat.directions, cat.weights, metadata)


def test_the_file_of_an_earlier_release_is_read(earlier: Increment) -> None:
    request = request_of(earlier)
    assert (request.name, request.kind, request.prompts) == ("cat", "object", ("cat",))
    assert (request.settings.target, request.settings.listed_weight) == ("substitute", 300.0)
    assert substitute_of(earlier) == ABSENCE


def test_an_increment_of_an_earlier_release_is_brought_to_what_is_known_now(
    base: DiffusionModel, cache: ErasureCache, earlier: Increment
) -> None:
    late = run_to_end(reproject(base, earlier, [FISH, LATE], cache=cache)).increment
    assert set(late.certificate["leak"]["by_concept"]) == {"fish", "rocket"}
    assert late.certificate["forgotten"]["seen"] == 0
    assert late.certificate["overridden"] == []
    assert recertify(base, earlier, [FISH], cache=cache)["forgotten"]["pictures"] == 6


def test_a_stored_increment_is_looked_at_under_a_whole_mask_in_any_order(cache: ErasureCache, cat: Increment) -> None:
    sepia = erased(cache.base, "sepia")
    both = look_under(cache, cat, [sepia, cat])
    assert (both["seen"], both["seen_before"]) == (0, 6)
    assert look_under(cache, cat, [cat, sepia]) == both
    assert look_under(cache, cat, [sepia])["seen"] == 6
