"""The judge's training: on rendered pictures, with some (object, look) pairs never shown.

The looks come from different pictograph sets, so an unseen pair may be an unseen drawing. To know objects by their
shape the judge also sees every set under every filter ("crossings"), which are no looks and train the object alone;
the crossing that is a held-out pair is left out with it. A third kind of pictures shows none of the objects: other
icons (``others``) and pictures of nothing in particular (``nothing``).
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.training.checkpoint import Training
from sepme_core.demo.training.crossings import Crossings, draw_crossings
from sepme_core.demo.training.decoded import half_decoded
from sepme_core.demo.training.nothing import Source, coin, draw_nothing, smooth, uniform
from sepme_core.demo.training.others import draw_others
from sepme_core.demo.training.pictures import Corpus
from sepme_core.evaluation.judge import Judge, JudgeNetwork

STEPS = 1800
IN_LOOKS, CROSSED, OTHERS, NOTHING = 32, 32, 24, 16  # pictures of each kind in a batch
LOG_EVERY = 50
LEARNING_RATE = 2e-3


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
class Lesson:
    """All that the judge is shown."""

    source: Source
    crossings: Crossings
    others: torch.Tensor  # uint8 (pictures, 3, height, width)

    def batch(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pictures (batch, 3, height, width), their objects (batch,), and the looks of the first (IN_LOOKS,)."""
        in_looks, pairs = self.source.take(IN_LOOKS, generator)
        crossed, objects = self.crossings.take(CROSSED, generator)
        other = self.others[torch.randint(len(self.others), (OTHERS,), generator=generator)]
        icons = vary(torch.cat([crossed, other]).float() / 127.5 - 1, generator)
        nothing = draw_nothing(self.source, NOTHING, generator)
        none = torch.full((OTHERS + NOTHING,), self.source.corpus.shape[0])
        return torch.cat([in_looks, icons, nothing]), torch.cat([pairs[:, 0], objects, none]), pairs[:, 1]


def vary(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Icons as other hands would have drawn them: mirrored, in other colours, of another size and build."""
    count, _, height, width = pictures.shape
    pictures = torch.where(coin(count, generator), pictures.flip(3), pictures)
    order = torch.rand(count, 3, generator=generator).argsort(1)[:, :, None, None].expand_as(pictures)
    pictures = torch.where(coin(count, generator), pictures.gather(1, order), pictures)
    size = uniform(0.9, 1.4, count, generator)[:, :, 0, 0]
    build = torch.eye(2) * size[:, :, None] + 0.1 * torch.randn(count, 2, 2, generator=generator)
    shift = 0.2 * torch.rand(count, 2, 1, generator=generator) - 0.1
    places = functional.affine_grid(torch.cat([build, shift], 2), [count, 3, height, width], align_corners=False)
    bent = smooth(count, 2, 4, height, generator) * uniform(0, 0.08, count, generator)
    return functional.grid_sample(
        pictures, places + bent.permute(0, 2, 3, 1), padding_mode="border", align_corners=False
    )


def draw_lesson(corpus: Corpus, kept_out: torch.Tensor, autoencoder: AutoencoderKL, folder: Path) -> Lesson:
    """All that the judge is shown, without the held-out pairs, a boolean (objects, looks)."""
    crossings, others = draw_crossings(folder, kept_out), draw_others(folder).seen
    in_looks = half_decoded("corpus", corpus.pictures.flatten(0, 2), autoencoder, folder)
    return Lesson(
        Source(Corpus(in_looks.view_as(corpus.pictures)), (~kept_out).nonzero()),
        Crossings(half_decoded("crossings", crossings.pictures, autoencoder, folder), crossings.objects),
        half_decoded("others", others, autoencoder, folder),
    )


def train_judge(
    corpus: Corpus, autoencoder: AutoencoderKL, folder: Path, steps: int = STEPS
) -> tuple[Judge, dict[str, float]]:
    """Train, or go on from the checkpoint; returns the judge and its accuracy on the pairs it never saw."""
    torch.manual_seed(2)
    concepts = load_concepts()
    objects, looks, _ = corpus.shape
    kept_out = held_out_pairs(objects, looks)
    lesson = draw_lesson(corpus, kept_out, autoencoder, folder)
    network = JudgeNetwork(objects, looks)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    training = Training("judge", folder, {"judge": network}, optimizer, steps, decay=0.99)
    for generator in training.remaining():
        loss = judge_loss(network, lesson, generator)
        training.update(loss)
        if (training.step + 1) % LOG_EVERY == 0:
            print(f"judge {training.step + 1}/{steps} loss {loss.item():.4f}", flush=True)
    training.use_averages()
    judge = Judge(network, tuple(concepts.objects), tuple(look.name for look in concepts.looks))
    return judge, accuracy(network, corpus, kept_out)


def judge_loss(network: JudgeNetwork, lesson: Lesson, generator: torch.Generator) -> torch.Tensor:
    """Cross-entropy of one batch: of the object everywhere, of the look where the picture is in one."""
    pictures, objects, looks = lesson.batch(generator)
    with torch.autocast("cpu", torch.bfloat16):
        object_logits, look_logits = network(soften(pictures, generator))
    of_look = functional.cross_entropy(look_logits[: len(looks)].float(), looks)
    return functional.cross_entropy(object_logits.float(), objects) + of_look


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
