import pytest
import torch

from sepme_core.erasure import ErasureCache, ErasureRequest, ErasureSettings, KnownConcept
from sepme_core.erasure.certificate import Effect, certify, measure_leak, relative_norm, summarise
from sepme_core.erasure.room import all_kept, moment_around
from sepme_core.erasure.sentences import closed_sentences, held_out_sentences
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel
from sepme_core.wordings import listed, mentions
from tests.sepme_core.erased import erased
from tests.sepme_core.erasure.planned import FISH, INK
from tests.sepme_core.increments.random import random_increment

TEXTS = ["a fish", "the fish by ink", "show two fish"]


def plain_leak(base: DiffusionModel, cache: ErasureCache, text: str) -> float:
    """The largest |e Delta| / |e W| with the whole matrices, row by row."""
    increment, worst = random_increment(base, strength=0.05), 0.0
    for path, linear in conditioned_matrices(base.unet).items():
        delta = increment.weights[path].double() @ increment.directions.double().T  # (d_out, d_in)
        for row in cache.embed([text])[0, 1:]:
            worst = max(worst, float((delta @ row).norm() / (linear.weight.double() @ row).norm()))
    return worst


def test_a_leak_is_the_largest_share_of_any_token_row_but_the_start_in_any_matrix(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    found = measure_leak(cache, random_increment(base, strength=0.05), TEXTS)
    assert found.tolist() == pytest.approx([plain_leak(base, cache, text) for text in TEXTS], rel=1e-3)
    assert measure_leak(cache, random_increment(base), []).shape == (0,)


def test_the_norm_is_that_of_the_whole_change(base: DiffusionModel) -> None:
    increment = random_increment(base)
    ratios = [
        float((increment.weights[path].float() @ increment.directions.T).norm() / linear.weight.norm())
        for path, linear in conditioned_matrices(base.unet).items()
    ]
    assert relative_norm(base, increment) == pytest.approx(sum(ratios) / len(ratios), rel=1e-4)


def test_leaks_are_told_for_listed_sentences_and_for_other_wordings(base: DiffusionModel, cache: ErasureCache) -> None:
    increment, known = erased(base, "cat"), [FISH, INK]
    kept = all_kept(base, ErasureRequest("cat", "object", ("cat",)), known, ())
    leak = certify(cache, increment, kept, Effect(0.0, 0.0, 0.0))["leak"]
    said = {each.name: listed(each.kind, each.prompts) for each in known}
    expected = {name: measure_leak(cache, increment, texts) for name, texts in said.items()}
    assert leak["listed"]["by_concept"] == pytest.approx({n: float(v.max()) for n, v in expected.items()}, abs=1e-6)
    every = torch.cat(list(expected.values()))
    assert (leak["listed"]["max"], leak["listed"]["mean"]) == pytest.approx(
        (float(every.max()), float(every.mean())), abs=1e-6
    )
    assert leak["listed"]["sentences"] == len(every) == 8
    assert leak["listed"]["concept"] == max(expected, key=lambda name: float(expected[name].max()))
    assert {key: leak[key] for key in ("max", "concept", "by_concept")} == {
        key: leak["listed"][key] for key in ("max", "concept", "by_concept")
    }


def test_other_wordings_are_those_held_out_but_where_they_name_what_is_to_go(
    base: DiffusionModel, cache: ErasureCache
) -> None:
    increment = erased(base, "cat")
    kept = all_kept(base, ErasureRequest("sepia", "style", ("sepia",)), [FISH], ())
    other = certify(cache, increment, kept, Effect(0.0, 0.0, 0.0))["leak"]["other"]
    texts = held_out_sentences(base, FISH)
    counted = [text for text in texts if "sepia" not in text]
    assert 0 < len(counted) < len(texts)
    expected = measure_leak(cache, increment, counted)
    assert other["sentences"] == len(counted)
    assert (other["max"], other["mean"]) == pytest.approx((float(expected.max()), float(expected.mean())), abs=1e-6)
    assert other["concept"] == "fish"


def test_nothing_known_leaks_nothing() -> None:
    assert summarise({}) == {"max": 0.0, "mean": 0.0, "concept": None, "sentences": 0, "by_concept": {}}


def test_sentences_beside_what_is_to_go_cost_nothing(base: DiffusionModel, cache: ErasureCache) -> None:
    (kept,) = all_kept(base, ErasureRequest("sepia", "style", ("sepia",)), [FISH], ())
    assert list(kept.texts) == listed("object", ["fish"])
    assert set(kept.texts) < set(kept.closed) == set(closed_sentences(FISH))
    left = [text for text in kept.around if "sepia" not in text]
    assert 0 < len(left) < len(kept.around)
    closed, around = cache.rows(kept.closed), cache.rows(left)
    expected = (closed.T @ closed / len(closed) + around.T @ around / len(around)) / 2
    assert torch.allclose(moment_around(cache, kept), expected, rtol=1e-6, atol=1e-9)


def test_what_is_protected_by_the_very_phrase_that_is_to_go_is_kept_everywhere(base: DiffusionModel) -> None:
    mascot = KnownConcept("mascot", "other", ("our Cat",))
    (kept,) = all_kept(base, ErasureRequest("cat", "object", ("cat",)), [], [mascot])
    assert all(mentions(text, ["cat"]) for text in kept.around)
    assert kept.unaffected(kept.around) == list(range(len(kept.around)))


def test_the_published_variant_keeps_the_bare_prompts_alone(base: DiffusionModel) -> None:
    request = ErasureRequest("cat", "object", ("cat",), settings=ErasureSettings.from_options({"variant": "published"}))
    (kept,) = all_kept(base, request, [FISH], ())
    assert (kept.texts, kept.closed, kept.around) == (("fish",), ("fish",), ())
