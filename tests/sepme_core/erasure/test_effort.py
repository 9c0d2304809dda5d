from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel

from sepme_core.erasure import ErasureCache, ErasureRefused, ErasureRequest, ErasureSettings, erase, run_to_end
from sepme_core.erasure.certificate import measure_effect
from sepme_core.erasure.effort import ECONOMICAL, THOROUGH, Effort, effort_for, passes
from sepme_core.erasure.evidence import draw_concept, fresh_latents
from sepme_core.erasure.looking import TIMES, look
from sepme_core.erasure.plan import shown_sentences
from sepme_core.erasure.presence import look_at_others, measure_strength
from sepme_core.erasure.sentences import vocabulary
from sepme_core.erasure.substitute import CANDIDATES, Substitute, substitutes
from sepme_core.erasure.training import fresh_of
from sepme_core.models.model import DiffusionModel
from tests.sepme_core.erased import erased
from tests.sepme_core.narrow import SD_1_4, SD_2_1


def rows_of(base: DiffusionModel, work: Callable[[], Any]) -> int:
    """On how many pictures the U-Net is run."""
    batches: list[int] = []
    hook = base.unet.register_forward_pre_hook(lambda _unet, given: batches.append(len(given[0])))
    try:
        work()
    finally:
        hook.remove()
    return sum(batches)


@pytest.mark.parametrize("effort", [THOROUGH, ECONOMICAL])
def test_a_concept_takes_the_passes_that_are_planned(base: DiffusionModel, effort: Effort) -> None:
    cache, increment = ErasureCache(base, effort=effort), erased(base, "cat")
    request = ErasureRequest("cat", "object", ("cat",))
    words, sentences = vocabulary(base, request, ()), shown_sentences(cache, request)
    for _ in look_at_others(cache, request, words):
        pass
    planned = passes(effort, request.settings.pictures, CANDIDATES, len(TIMES))
    found = rows_of(base, lambda: measure_strength(cache, ("cat",), sentences, words, 0, effort.few))
    assert found == planned.presence
    assert rows_of(base, lambda: draw_concept(cache, request, sentences)) == 2 * planned.drawing
    drawn = draw_concept(cache, request, sentences)
    common = rows_of(base, lambda: fresh_latents(cache, drawn))
    chosen: list[Substitute] = []
    choosing = rows_of(
        base,
        lambda: chosen.append(next(substitutes(cache, request, (), drawn.sentences, fresh_latents(cache, drawn)))),
    )
    assert choosing == planned.choosing
    certifying = rows_of(base, lambda: measure_effect(base, increment, fresh_of(cache, chosen[0], drawn)))
    assert common + certifying == planned.certificate
    looked = rows_of(base, lambda: look(cache, request, drawn, [increment], chosen[0].phrase))
    assert looked == 2 * planned.drawing + 2 * planned.looking


@pytest.mark.parametrize("shapes", [SD_1_4, SD_2_1])
def test_large_models_are_erased_from_with_sixty_passes_at_most_besides_looking_and_choosing(
    base: DiffusionModel, shapes: dict[str, Any]
) -> None:
    with torch.device("meta"):
        unet = UNet2DConditionModel(**shapes)
    effort = effort_for(replace(base, unet=unet))
    assert passes(effort, ErasureSettings().pictures, CANDIDATES, len(TIMES)).bound <= 60


def test_what_is_made_of_the_demo_model_keeps_its_effort(base: DiffusionModel) -> None:
    assert effort_for(base) == ErasureCache(base).effort == THOROUGH
    assert passes(THOROUGH, ErasureSettings().pictures, CANDIDATES, len(TIMES)).bound == 168


@pytest.mark.slow
def test_with_the_economical_effort_a_concept_is_forgotten_and_an_unknown_word_is_refused(base: DiffusionModel) -> None:
    cache = ErasureCache(base, effort=ECONOMICAL)
    made = run_to_end(erase(base, ErasureRequest("cat", "object", ("cat",)), cache=cache))
    assert made.increment.certificate["forgotten"]["forgotten"]
    assert {picture.record["steps"] for picture in made.pictures} == {ECONOMICAL.steps}
    with pytest.raises(ErasureRefused) as refusal:
        run_to_end(erase(base, ErasureRequest("wuggo", "object", ("wuggo flim",)), cache=cache))
    assert refusal.value.code == "concept-not-drawn"
