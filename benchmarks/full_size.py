"""What erasing a hundred concepts takes at the size of Stable Diffusion 1.4: ``python -m benchmarks.full_size``.

The linear algebra is timed on random numbers of that model's shapes (width 768, 77 tokens, 32 matrices of 320 to 1280
rows, all other concepts protected); of the rest, which needs the model and its device, the passes are counted.
"""

import argparse
import time

import torch

from sepme_core.erasure import ErasureRequest, ErasureSettings
from sepme_core.erasure.blocks import sum_of
from sepme_core.erasure.effort import ECONOMICAL, THOROUGH, passes
from sepme_core.erasure.evidence import TRAINING_LATENTS
from sepme_core.erasure.looking import TIMES
from sepme_core.erasure.sentences import Vocabulary, common_captions, concept_sentences
from sepme_core.erasure.solution import Moments, closed_form, null_space, second_moment
from sepme_core.erasure.substitute import CANDIDATES
from sepme_core.wordings import AROUND, BARE, MANNERS, MORE, SUBJECTS

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
    sentences, everyday = len(concept_sentences(request, words)), len(common_captions())
    protecting = len(BARE["object"]) + len(MORE["object"]) + len(AROUND["object"])
    began = time.perf_counter()
    kept = [second_moment(rows(protecting)) for _ in range(concepts)]
    captions = second_moment(rows(everyday))
    once = time.perf_counter() - began
    each = sum(time_one(rows, kept, captions, sentences) for _ in range(3)) / 3
    print(f"common to all, once: {once:.1f} s; linear algebra of each concept: {each:.2f} s")
    print(f"{concepts} concepts: {once + concepts * each:.0f} s of linear algebra on {torch.get_num_threads()} threads")
    print(
        f"prompts embedded: {everyday} once, {2 * sentences + protecting} a concept (some of them other concepts' too)"
    )
    print_passes(settings)


def print_passes(settings: ErasureSettings) -> None:
    """The passes of the U-Net for one concept, that of a first attempt, as small models and large ones take it."""
    print("passes of the U-Net a concept, on one picture each (a guided step is one):")
    for name, effort in (("small models", THOROUGH), ("large models", ECONOMICAL)):
        each = passes(effort, settings.pictures, CANDIDATES, len(TIMES))
        print(f"  {name}: {each.presence} to see that it is drawn, {2 * each.drawing} to draw {2 * settings.pictures}")
        print(f"    pictures, {each.certificate} to certify: {each.bound} together;")
        print(f"    {2 * each.looking} to look at them, {each.choosing} to choose what is drawn instead;")
        print(f"    after a loop, {each.drawing + each.looking} more to look at what came of it")
    print(f"  the loop: {3 * TRAINING_LATENTS} for what it trains on; a step is {settings.batch_size}, forth and back")


def mean_of(moments: list[torch.Tensor]) -> torch.Tensor:
    """What acting on others costs."""
    total = sum_of(moments)
    assert total is not None
    return total / len(moments)


def time_one(rows: object, kept: list[torch.Tensor], captions: torch.Tensor, sentences: int) -> float:
    """Seconds for one concept's moments, null space, closed forms (its own and that of its nearness) and weights."""
    settings = ErasureSettings()
    assert callable(rows)
    concept, target = rows(sentences), rows(sentences)
    weights = [torch.randn(height, WIDTH, dtype=torch.float64) for height in HEIGHTS for _ in range(2)]
    began = time.perf_counter()
    change = target - concept
    moments = Moments(second_moment(concept), concept.T @ change / len(concept), float(change.square().sum(1).mean()))
    free = null_space(concept[:TOKENS], kept[1:], settings.tolerance)
    cost = settings.regular_weight * captions + settings.listed_weight * mean_of(kept[1:])
    solution = closed_form(moments, cost, free, settings.directions, settings.ridge)
    for weight in weights:
        weight @ solution.matrix.T
    unprotected = null_space(concept[:TOKENS], [], settings.tolerance)
    closed_form(moments, settings.regular_weight * captions, unprotected, settings.directions, settings.ridge)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
