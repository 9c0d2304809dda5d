"""How often pictures show what their prompts ask for, concept by concept, as the judge sees them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sepme_core.demo.saying import HELD_OUT, say
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.judge import Judge, Verdict
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel

BATCH = 48


@dataclass(frozen=True)
class Asked:
    """One picture: what its prompt names, and the seed."""

    object: str
    style: str
    wording: str
    seed: int

    @property
    def prompt(self) -> str:
        """The prompt, in a wording that neither training nor an eraser has seen."""
        return say(self.wording, self.object, self.style)


@dataclass(frozen=True)
class Seen:
    """A picture and the judge's verdict on it."""

    asked: Asked
    verdict: Verdict

    @property
    def object_right(self) -> bool:
        """The object is the one asked for."""
        return self.verdict.object == self.asked.object

    @property
    def style_right(self) -> bool:
        """The style is the one asked for."""
        return self.verdict.look == self.asked.style


def every_pair(objects: Sequence[str], styles: Sequence[str], times: int, first_seed: int = 1000) -> list[Asked]:
    """Every object in every style, ``times`` times, in changing held-out wordings and seeds."""
    wordings = HELD_OUT.both
    return [
        Asked(object_, style, wordings[(5 * i + j + turn) % len(wordings)], first_seed + 7919 * turn + 31 * i + j)
        for turn in range(times)
        for i, object_ in enumerate(objects)
        for j, style in enumerate(styles)
    ]


def look_at_all(
    base: DiffusionModel, judge: Judge, asked: Sequence[Asked], increments: Sequence[Increment], request: PictureRequest
) -> list[Seen]:
    """Draw and judge every picture under the mask; ``request`` gives steps, guidance, size and scheduler.

    Batches are of pictures in the order given; picture k of a batch has the batch's first seed plus k.
    """
    seen: list[Seen] = []
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        pictures = draw(base, [each.prompt for each in batch], replace(request, seed=batch[0].seed), increments)
        seen += [Seen(each, verdict) for each, verdict in zip(batch, judge.look_at(pictures), strict=True)]
    return seen


def percent(answers: Iterable[bool]) -> float:
    """The share of right answers, in percent; 0 for none."""
    listed = list(answers)
    return 100 * sum(listed) / max(len(listed), 1)


def by_concept(seen: Iterable[Seen]) -> dict[str, float]:
    """Right answers in percent for each object and each style."""
    cells: dict[str, list[bool]] = defaultdict(list)
    for each in seen:
        cells[each.asked.object].append(each.object_right)
        cells[each.asked.style].append(each.style_right)
    return {name: percent(answers) for name, answers in cells.items()}


def select(seen: Iterable[Seen], keep: Callable[[Asked], bool]) -> list[Seen]:
    """The pictures whose prompt ``keep`` accepts."""
    return [each for each in seen if keep(each.asked)]
