"""What erasing a hundred concepts takes at the size of Stable Diffusion 1.4: ``python -m benchmarks.full_size``.

The linear algebra is timed on random numbers of that model's shapes (width 768, 77 tokens, 32 matrices of 320 to 1280
rows, all other concepts protected); of the rest, which needs the model and its device, the passes are counted.
"""

import argparse
import time

import torch

from sepme_core.erasure import ErasureRequest, ErasureSettings
from sepme_core.erasure.closed_form import closed_form
from sepme_core.erasure.constraints import null_space
from sepme_core.erasure.evidence import FRESH_LATENTS, PICTURES, TRAINING_LATENTS
from sepme_core.erasure.moments import Moments, second_moment
from sepme_core.erasure.noised_latents import PICTURE_STEPS
from sepme_core.erasure.presence import FEW
from sepme_core.erasure.sentences import SHOWN, SWAPS, Vocabulary, concept_sentences, regular_sentences
from sepme_core.wordings import BARE, MANNERS, SUBJECTS

WIDTH, TOKENS = 768, 77
HEIGHTS = (320,) * 5 + (640,) * 5 + (1280,) * 6  # of the sixteen cross-attentions; each has a K and a V


def main() -> None:
    """Time, count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concepts", type=int, default=100)
    concepts = parser.parse_args().concepts
    generator = torch.Generator().manual_seed(0)

    def rows(texts: int) -> torch.Tensor:
        """Token rows whose directions weaken like those of real prompts."""
        strengths = torch.logspace(0, -4, WIDTH, dtype=torch.float64)
        return torch.randn(texts * (TOKENS - 1), WIDTH, generator=generator, dtype=torch.float64) * strengths

    settings = ErasureSettings()
    request = ErasureRequest("cat", "object", ("cat",))
    words = Vocabulary(SUBJECTS, MANNERS)
    sentences, regular = len(concept_sentences(request, words)), len(regular_sentences(request, words, 0))
    began = time.perf_counter()
    listed = [second_moment(rows(len(BARE["object"]))) for _ in range(concepts)]
    everyday = second_moment(rows(regular))
    once = time.perf_counter() - began
    each = sum(time_one(rows, listed, everyday, sentences) for _ in range(3)) / 3
    print(f"shared by all, once: {once:.1f} s; linear algebra of each concept: {each:.2f} s")
    print(f"{concepts} concepts: {once + concepts * each:.0f} s of linear algebra on {torch.get_num_threads()} threads")
    print(f"prompts embedded: {regular} once, {sentences * (SWAPS + 1)} a concept (most of them other concepts' too)")
    drawn = 2 * PICTURE_STEPS * (SHOWN + PICTURES)
    looked = FEW + 3 * FRESH_LATENTS
    print(f"U-Net passes a concept: {drawn} to draw {SHOWN + PICTURES} pictures, {looked} to check and certify;")
    more = 2 * TRAINING_LATENTS + FRESH_LATENTS
    print(f"where the closed form will not do, {more} more, and a batch of {settings.batch_size} forth and back a step")


def time_one(rows: object, listed: list[torch.Tensor], everyday: torch.Tensor, sentences: int) -> float:
    """Seconds for one concept's moments, null space, closed form and weights."""
    settings = ErasureSettings()
    assert callable(rows)
    concept, target = rows(sentences), rows(sentences)
    weights = [torch.randn(height, WIDTH, dtype=torch.float64) for height in HEIGHTS for _ in range(2)]
    began = time.perf_counter()
    change = target - concept
    moments = Moments(second_moment(concept), concept.T @ change / len(concept), float(change.square().sum(1).mean()))
    free = null_space(concept[:TOKENS], listed[1:], settings.tolerance)
    cost = settings.regular_weight * everyday + settings.listed_weight * torch.stack(listed[1:]).mean(0)
    solution = closed_form(moments, cost, free, settings.directions, settings.ridge)
    for weight in weights:
        weight @ solution.matrix.T
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
