"""What an erasure's linear algebra holds at the width of Stable Diffusion 1.x, however many sentences there are."""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sepme_core.erasure import ErasureCache, ErasureRequest, blocks
from sepme_core.erasure.certificate import measure_leak
from sepme_core.erasure.correlation import Candidate
from sepme_core.erasure.room import (
    KeptConcept,
    free_directions,
    increment_strength,
    kept_cost,
    sentence_strength,
)
from sepme_core.erasure.sentences import Vocabulary, common_captions, concept_sentences
from sepme_core.erasure.solution import Moments, concept_moments, second_moment_of
from sepme_core.models.cross_attention import conditioned_matrices
from sepme_core.models.model import DiffusionModel, load_base
from sepme_core.wordings import MANNERS, SUBJECTS
from tests.sepme_core.narrow import SD_1_4, clip_tokenizer, save_narrow_pipeline

WIDTH, TOKENS = 768, 77
BOUND = 10 * WIDTH * TOKENS * 8
SENTENCES = 64


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> DiffusionModel:
    """A narrowed SD 1.4 that reads prompts of the real one's width and length."""
    folder = save_narrow_pipeline(tmp_path_factory.mktemp("wide"), SD_1_4, "epsilon", clip_tokenizer(), WIDTH)
    base = load_base(str(folder), device="cpu")
    assert (base.width, base.tokens) == (WIDTH, TOKENS)
    return base


@pytest.fixture(scope="module")
def embedded(wide: DiffusionModel) -> ErasureCache:
    """A cache that all sentences of these tests are embedded in, so that only what is done with them is measured."""
    return ErasureCache(wide)


class Largest(TorchDispatchMode):
    """Notes the bytes of the largest tensor that an operation gives in double precision."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        if isinstance(given, Tensor) and given.dtype == torch.float64:
            self.bytes = max(self.bytes, given.untyped_storage().nbytes())
        return given


CONCEPT = concept_sentences(
    ErasureRequest("van gogh", "style", ("van gogh", "starry night")), Vocabulary(MANNERS, SUBJECTS)
)[:SENTENCES]
TEXTS = common_captions()[:SENTENCES]


def increment(base: DiffusionModel) -> Candidate:
    generator = torch.Generator().manual_seed(0)
    matrices = conditioned_matrices(base.unet).items()
    return Candidate(
        torch.linalg.qr(torch.randn(WIDTH, 4, generator=generator))[0],
        {path: torch.randn(linear.out_features, 4, generator=generator).half() for path, linear in matrices},
    )


def parts(found: Moments | Tensor | float) -> Tensor:
    """All numbers of a result side by side."""
    if isinstance(found, Moments):
        return torch.cat([found.concept.flatten(), found.wanted.flatten(), torch.tensor([found.change])])
    return torch.as_tensor(found, dtype=torch.float64).flatten()


SUMS: dict[str, Callable[[ErasureCache], Moments | Tensor | float]] = {
    "a concept's moments": lambda cache: concept_moments(cache, CONCEPT, None),
    "those towards a substitute": lambda cache: concept_moments(cache, CONCEPT, "frida kahlo", 0.9),
    "a sample's moment": lambda cache: second_moment_of(cache, TEXTS),
    "nearness": lambda cache: sentence_strength(cache, TEXTS, torch.eye(WIDTH, dtype=torch.float64)),
    "an increment's nearness": lambda cache: increment_strength(cache, increment(cache.base), TEXTS),
    "an increment's leak": lambda cache: measure_leak(cache, increment(cache.base), TEXTS),
}


@pytest.mark.parametrize("summed", SUMS)
def test_no_tensor_grows_with_the_sentences_and_the_sum_is_that_of_all(
    summed: str, embedded: ErasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parts(SUMS[summed](embedded))
    monkeypatch.setattr(blocks, "BLOCK_BYTES", BOUND)
    embedded._remembered.clear()
    with Largest() as largest:
        found = SUMS[summed](embedded)
    assert 0 < largest.bytes <= BOUND
    assert torch.allclose(parts(found), whole, rtol=1e-5, atol=1e-9)


def test_what_hundreds_of_concepts_cost_is_summed_without_a_stack_of_their_moments(
    embedded: ErasureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [KeptConcept(text, (text,), (text,), (), (), ()) for text in islice(TEXTS, 12)]
    cost, free = kept_cost(embedded, kept), free_directions(embedded, kept, 1e-2)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", BOUND)
    with Largest() as largest:
        again, free_again = kept_cost(embedded, kept), free_directions(embedded, kept, 1e-2)
    assert largest.bytes <= BOUND
    assert torch.allclose(again, cost, rtol=1e-9, atol=1e-12)
    assert free_again.left == free.left
