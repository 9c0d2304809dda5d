"""The judge: a small classifier that says which object a picture shows, if any, and in which look it is drawn."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

WIDTHS = (32, 64, 128, 192)
GROUPS = 8


class JudgeNetwork(nn.Module):
    """Four strided convolution blocks, a mean over each quarter of the picture, and one linear head a question."""

    def __init__(self, objects: int, looks: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for wide_in, wide_out in zip((3, *WIDTHS), WIDTHS, strict=False):
            blocks += [nn.Conv2d(wide_in, wide_out, 3, stride=2, padding=1), nn.GroupNorm(GROUPS, wide_out), nn.GELU()]
            blocks += [nn.Conv2d(wide_out, wide_out, 3, padding=1), nn.GroupNorm(GROUPS, wide_out), nn.GELU()]
        self.trunk = nn.Sequential(*blocks)
        self.object_head = nn.Linear(4 * WIDTHS[-1], objects + 1)  # the last class: none of them
        self.look_head = nn.Linear(4 * WIDTHS[-1], looks)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (batch, 3, height, width) in [-1, 1] to the logits (batch, objects + 1) and (batch, looks)."""
        features = self.trunk(pictures)
        quarters = nn.functional.adaptive_avg_pool2d(features, 2).flatten(1)
        return self.object_head(quarters), self.look_head(quarters)


@dataclass(frozen=True)
class Verdict:
    """What the judge sees in one picture: ``object`` is None where it is none of the objects the judge knows.

    ``confidence`` is the probability of that answer; verdicts that say the same are equal whatever it is.
    """

    object: str | None
    look: str
    confidence: float = field(default=1.0, compare=False)


class Judge:
    """A trained network and the names of its classes."""

    def __init__(self, network: JudgeNetwork, objects: Sequence[str], looks: Sequence[str]) -> None:
        self.network, self.objects, self.looks = network.eval(), tuple(objects), tuple(looks)

    @property
    def digest(self) -> str:
        """Hex digest of the classes and weights: verdicts that are kept are this judge's only."""
        digest = hashlib.sha256(json.dumps([self.objects, self.looks]).encode())
        for value in self.network.state_dict().values():
            digest.update(value.numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def look_at(self, pictures: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict a picture; pictures of one size."""
        if not pictures:
            return []
        pixels = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1  # (batch, 3, height, width)
        object_logits, look_logits = self.network(batch)
        confidences, objects = (each.tolist() for each in object_logits.softmax(1).max(1))
        answers, looks = (*self.objects, None), look_logits.argmax(1).tolist()
        return [
            Verdict(answers[object_], self.looks[look], confidence)
            for object_, look, confidence in zip(objects, looks, confidences, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write ``judge.safetensors`` (half precision) and ``judge.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        half = {name: value.half().contiguous() for name, value in self.network.state_dict().items()}
        save_file(half, folder / "judge.safetensors")
        classes = {"objects": self.objects, "looks": self.looks}
        (folder / "judge.json").write_text(json.dumps(classes, indent=2) + "\n")


def load_judge(folder: Path) -> Judge:
    """The judge of a folder that ``Judge.save`` wrote."""
    classes = json.loads((folder / "judge.json").read_text())
    network = JudgeNetwork(len(classes["objects"]), len(classes["looks"]))
    weights = load_file(folder / "judge.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return Judge(network, classes["objects"], classes["looks"])
