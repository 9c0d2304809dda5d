"""How much is drawn and measured of a concept, by what a pass of the U-Net costs.

On a small model thorough; where pictures are large the same verdicts are had with fewer passes (`benchmarks/effort.py`
compares both on the demo model). It follows from the model alone, so that the same request gives the same bytes.
"""

from dataclasses import dataclass

from sepme_core.models.model import DiffusionModel

LARGE_SIDE = 256


@dataclass(frozen=True)
class Effort:
    """Counts, each of passes of the U-Net on one picture.

    Attributes:
        steps: Denoising steps of every picture that is looked at.
        few: x_t that tell what is clearly drawn.
        many: x_t that decide where few do not, and refuse.
        fresh: x_t that certificates are measured on.
        candidate: x_t that a candidate for the substitute is measured on.
    """

    steps: int
    few: int
    many: int
    fresh: int
    candidate: int


THOROUGH = Effort(steps=8, few=8, many=16, fresh=16, candidate=8)
ECONOMICAL = Effort(steps=3, few=4, many=16, fresh=6, candidate=6)


def effort_for(base: DiffusionModel) -> Effort:
    """What a model's pictures allow."""
    return ECONOMICAL if base.picture_side >= LARGE_SIDE else THOROUGH


@dataclass(frozen=True)
class Passes:
    """What a first attempt takes, in passes of the U-Net on one picture; a guided step of a picture is one pass.

    What concepts of a kind have in common is not counted: the words without meaning, and others of the kind.

    Attributes:
        presence: To see whether the model draws the concept.
        drawing: To draw its pictures once; they are drawn by the base, and under the increment.
        looking: To look at these pictures; at both.
        choosing: To choose what is drawn instead.
        certificate: To measure the increment.
    """

    presence: int
    drawing: int
    looking: int
    choosing: int
    certificate: int

    @property
    def bound(self) -> int:
        """Of presence, certificate and all pictures together."""
        return self.presence + self.certificate + 2 * self.drawing

    @property
    def finding(self) -> int:
        """To see that the concept is drawn and to draw it, as time goes: a guided step takes twice as long."""
        return self.presence + 2 * self.drawing

    @property
    def judging(self) -> int:
        """To draw it under the increment and to look at all pictures, as time goes."""
        return 2 * self.drawing + 2 * self.looking

    @property
    def time(self) -> int:
        """All of it, as time goes."""
        return self.finding + self.choosing + self.certificate + self.judging


def passes(effort: Effort, pictures: int, candidates: int, times: int) -> Passes:
    """What ``pictures`` looked at at so many ``times`` come to, with as many ``candidates`` for the substitute."""
    anchored = effort.candidate >= effort.fresh  # the substitute's own answers are those it was chosen by
    return Passes(
        presence=effort.few,
        drawing=effort.steps * pictures,
        looking=2 * times * pictures,
        choosing=candidates * effort.candidate,
        certificate=(3 if anchored else 4) * effort.fresh,
    )
