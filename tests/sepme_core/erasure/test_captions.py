from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sepme_core.erasure import ErasureCache
from sepme_core.erasure.sentences import captions, captions_digest, common_captions
from sepme_core.erasure.solution import caption_moment
from sepme_core.models.model import DiffusionModel, load_base
from sepme_core.wordings import HELD_OUT, MANNERS, SUBJECTS, fill
from tests.sepme_core.erased import erased
from tests.sepme_core.narrow import SD_1_4, save_narrow_pipeline


def direct(cache: ErasureCache, texts: list[str]) -> torch.Tensor:
    rows = torch.cat([embedded[1:] for embedded in cache.embed(texts)])
    return torch.einsum("ri,rj->ij", rows, rows) / len(rows)


def test_what_captions_cost_is_their_second_moment(base: DiffusionModel, cache: ErasureCache) -> None:
    assert len(base.captions) > 500
    expected = direct(cache, list(base.captions))
    assert torch.allclose(caption_moment(cache, ()), expected, rtol=1e-9, atol=1e-12)


def test_captions_that_mention_the_concept_are_left_out(base: DiffusionModel, cache: ErasureCache) -> None:
    left = [caption for caption in base.captions if "cat" not in caption.replace(",", "").split(" ")]
    assert 0 < len(left) < len(base.captions)
    found, expected = caption_moment(cache, ("Cat",)), direct(cache, left)
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-9 * float(expected.diagonal().max()))
    assert not torch.allclose(found, caption_moment(cache, ()), rtol=1e-3)


def test_where_every_caption_mentions_it_nothing_is_left_to_cost(base: DiffusionModel) -> None:
    few = ErasureCache(replace(base, captions=("a cat", "the cat")))
    assert float(caption_moment(few, ("cat",)).abs().max()) == 0


def test_an_increment_names_the_captions_it_was_made_beside(base: DiffusionModel) -> None:
    assert erased(base, "cat").metadata["captions"] == captions_digest(base)
    assert captions_digest(replace(base, captions=base.captions[1:])) != captions_digest(base)


@pytest.mark.parametrize("lines", [None, "a cat\n\n  a fish \na cat\n"])
def test_a_model_brings_its_own_or_has_the_common_ones(tmp_path: Path, lines: str | None) -> None:
    folder = save_narrow_pipeline(tmp_path, SD_1_4, "epsilon")
    if lines is not None:
        (folder / "captions.txt").write_text(lines)
    loaded = load_base(str(folder), device="cpu")
    assert captions(loaded) == (common_captions() if lines is None else ("a cat", "a fish"))


def test_the_common_captions_name_every_subject_and_manner_and_nothing_held_out() -> None:
    common = common_captions()
    assert len(common) == len(set(common)) > 500
    assert all(any(word in caption for caption in common) for word in (*SUBJECTS, *MANNERS))
    held_out = {
        fill(pattern, subject, manner) for pattern in HELD_OUT["object"] for subject in SUBJECTS for manner in MANNERS
    }
    assert not held_out & set(common)
