"""The judge's training: on rendered pictures, with some (object, look) pairs never shown.

The looks come from different pictograph sets, so an unseen pair may be an unseen drawing. To know objects by their
shape the judge also sees every set under every filter ("crossings"), which are no looks and train the object alone;
the crossing that is a held-out pair is left out with it.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from sepme_core.demo.corpus import Look, draw, fetch_set, load_concepts, move, render_drawing
from sepme_core.demo.training.checkpoint import Training
from sepme_core.demo.training.pictures import Corpus
from sepme_core.evaluation.judge import Judge, JudgeNetwork

STEPS = 1500
BATCH = 64
LOG_EVERY = 50
LEARNING_RATE = 2e-3
CROSSING_VARIANTS = 4


def held_out_pairs(objects: int, looks: int) -> torch.Tensor:
    """Boolean (objects, looks): one pair an object is kept from training, spread evenly over the looks."""
    pairs = torch.zeros(objects, looks, dtype=torch.bool)
    for index in range(objects):
        pairs[index, (3 * index + index // looks) % looks] = True
    return pairs


def soften(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blur, noise and contrast as generated pictures have them; (batch, 3, height, width) in and out."""
    size = (len(pictures), 1, 1, 1)
    blurred = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand(size, generator=generator)
    noise = torch.randn(pictures.shape, generator=generator) * 0.15 * torch.rand(size, generator=generator)
    contrast = 1 + 0.2 * (torch.rand(size, generator=generator) - 0.5)
    return ((pictures.lerp(blurred, share) + noise) * contrast).clamp(-1, 1)


@dataclass(frozen=True)
class Crossings:
    """Pictures uint8 (pictures, 3, height, width) of sets under filters that are no look, and their object's number."""

    pictures: torch.Tensor
    objects: torch.Tensor


def draw_crossings(folder: Path, kept_out: torch.Tensor, seed: int = 1) -> Crossings:
    """Every object of every set under every filter, but for the held-out pairs; read where they lie already."""
    cache = folder / f"crossings-{CROSSING_VARIANTS}-{seed}.pt"
    if cache.exists():
        return Crossings(*torch.load(cache, weights_only=True))
    concepts, random_ = load_concepts(), random.Random(seed)
    packages = {look.package: look.licence for look in concepts.looks}
    filters = sorted({look.filter for look in concepts.looks})
    hidden = {
        (number, look.package, look.filter)
        for place, look in enumerate(concepts.looks)
        for number in range(len(concepts.objects))
        if kept_out[number, place]
    }
    pictures, objects = [], []
    for number, icon in enumerate(concepts.objects.values()):
        for package, licence in packages.items():
            drawing = render_drawing(fetch_set(package, folder / "sets"), icon)
            for name in filters:
                if (number, package, name) in hidden:
                    continue
                crossing = Look("", package, licence, name)
                pictures += [np.asarray(draw(move(drawing, random_), crossing)) for _ in range(CROSSING_VARIANTS)]
                objects += [number] * CROSSING_VARIANTS
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    torch.save((stacked, torch.tensor(objects)), cache)
    return Crossings(stacked, torch.tensor(objects))


def train_judge(corpus: Corpus, folder: Path, steps: int = STEPS) -> tuple[Judge, dict[str, float]]:
    """Train, or go on from the checkpoint; returns the judge and its accuracy on the pairs it never saw."""
    torch.manual_seed(2)
    concepts = load_concepts()
    objects, looks, _ = corpus.shape
    kept_out = held_out_pairs(objects, looks)
    crossings = draw_crossings(folder, kept_out)
    network = JudgeNetwork(objects, looks)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    training = Training("judge", folder, {"judge": network}, optimizer, steps, decay=0.99)
    for generator in training.remaining():
        loss = judge_loss(network, corpus, crossings, (~kept_out).nonzero(), generator)
        training.update(loss)
        if (training.step + 1) % LOG_EVERY == 0:
            print(f"judge {training.step + 1}/{steps} loss {loss.item():.4f}", flush=True)
    training.use_averages()
    judge = Judge(network, tuple(concepts.objects), tuple(look.name for look in concepts.looks))
    return judge, accuracy(network, corpus, kept_out)


def judge_loss(
    network: JudgeNetwork, corpus: Corpus, crossings: Crossings, seen: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Cross-entropy of one batch, half looks and half crossings; ``seen`` is the pairs shown, (pairs, 2)."""
    half = BATCH // 2
    pairs = seen[torch.randint(len(seen), (half,), generator=generator)]
    variants = torch.randint(corpus.shape[2], (half,), generator=generator)
    crossed = torch.randint(len(crossings.pictures), (half,), generator=generator)
    shown = [corpus.batch(pairs[:, 0], pairs[:, 1], variants), crossings.pictures[crossed].float() / 127.5 - 1]
    object_logits, look_logits = network(soften(torch.cat(shown), generator))
    answers = torch.cat([pairs[:, 0], crossings.objects[crossed]])
    of_object = functional.cross_entropy(object_logits, answers)
    return of_object + functional.cross_entropy(look_logits[:half], pairs[:, 1])


@torch.no_grad()
def accuracy(network: JudgeNetwork, corpus: Corpus, pairs: torch.Tensor) -> dict[str, float]:
    """Share of right answers, per question, over every variant of ``pairs``, a boolean (objects, looks)."""
    index = pairs.nonzero()
    pictures = corpus.pictures[index[:, 0], index[:, 1]].flatten(0, 1).float() / 127.5 - 1
    answers = index.repeat_interleave(corpus.shape[2], 0)
    objects, looks = (torch.cat(parts) for parts in zip(*(network(p) for p in pictures.split(128)), strict=True))
    return {
        "object": (objects.argmax(1) == answers[:, 0]).float().mean().item(),
        "look": (looks.argmax(1) == answers[:, 1]).float().mean().item(),
    }
