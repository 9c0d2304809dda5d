"""What every case works with: increments by what they are made from, and pictures under a mask, judged."""

import time
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.promise.sets import sets_of
from benchmarks.promise.store import FOLDER, recall_json, recall_pictures, write, write_json
from sepme_core.canonical import digest_of
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import (
    ErasureCache,
    ErasureRefused,
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    MadeIncrement,
    Progress,
    erase,
    reproject,
    run_to_end,
)
from sepme_core.erasure.substitute import wants_substitute
from sepme_core.evaluation.accuracy import Asked, Seen, look_at_all
from sepme_core.evaluation.judge import Judge, Verdict
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel

STEPS, GUIDANCE = 12, 4.0
LEAST_PICTURES, QUICK_PICTURES = 40, 6


@dataclass(frozen=True)
class Outcome:
    """What came of an erasure: an increment, or the code of a refusal with its numbers; and the seconds of a core."""

    increment: Increment | None
    refused: str
    numbers: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True)
class Bench:
    """What every case works with; ``version`` is the method's digest."""

    base: DiffusionModel
    judge: Judge
    cache: ErasureCache
    settings: ErasureSettings
    version: str
    quick: bool

    @cached_property
    def sets(self) -> Mapping[str, Sequence[str]]:
        """What is erased together, by name."""
        return sets_of(self.base.suggestions)

    @cached_property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each of the 33."""
        card = self.base.suggestions
        return dict.fromkeys(card.objects, "object") | dict.fromkeys(card.styles, "style")

    @property
    def cell(self) -> int:
        """How many pictures a cell has."""
        return QUICK_PICTURES if self.quick else LEAST_PICTURES

    @property
    def drawing(self) -> PictureRequest:
        """How every picture is drawn."""
        side = self.base.picture_side
        return PictureRequest("", steps=STEPS, guidance_scale=GUIDANCE, width=side, height=side)

    def request(self, name: str) -> ErasureRequest:
        """One of the 33, to be erased."""
        return ErasureRequest(name, self.kinds[name], (name,), settings=self.settings)

    def known(self, besides: Collection[str], erased: Collection[str] = ()) -> list[KnownConcept]:
        """All of the 33 but some, as an eraser knows them."""
        return [
            KnownConcept(name, kind, (name,), erased=name in erased)
            for name, kind in self.kinds.items()
            if name not in besides
        ]

    def erase(self, name: str, erased: Collection[str] = (), unknown: Collection[str] = ()) -> Outcome:
        """One of the 33, beside all others but the unknown; those of ``erased`` may not be drawn instead."""
        return self.make(self.request(name), self.known({name, *unknown}, erased))

    def make(
        self, request: ErasureRequest, known: Sequence[KnownConcept], serving: Sequence[Increment] = ()
    ) -> Outcome:
        """Any erasure, made once."""
        if not wants_substitute(request):  # what is erased decides about substitutes alone
            known = [replace(each, erased=False) for each in known]
        key = [asdict(request), [asdict(each) for each in known], sorted(each.digest for each in serving)]
        return self._recall(key, lambda: erase(self.base, request, known, serving=serving, cache=self.cache))

    def reproject(self, increment: Increment, known: Sequence[KnownConcept]) -> Outcome:
        """An increment brought to what is known now, made once; a refusal where the version before serves on."""
        key = ["reprojected", increment.digest, [asdict(each) for each in known]]
        return self._recall(key, lambda: reproject(self.base, increment, known, cache=self.cache))

    def _recall(self, key: Sequence[object], make: Callable[[], Generator[Progress, None, MadeIncrement]]) -> Outcome:
        path = FOLDER / "increments" / f"{digest_of([self.version, *key])[7:39]}.json"
        data = path.with_suffix(".safetensors")
        if not path.exists():
            write_json(path, self._made(make, data))
        said = recall_json(path, dict)
        increment = None if said["refused"] else Increment.from_bytes(data.read_bytes(), base=self.base)
        return Outcome(increment, said["refused"], said["numbers"], said["seconds"])

    def _made(self, make: Callable[[], Generator[Progress, None, MadeIncrement]], data: Path) -> dict[str, Any]:
        began, refused, numbers = time.process_time(), "", {}
        try:
            write(data, run_to_end(make()).increment.to_bytes())
        except ErasureRefused as refusal:
            refused, numbers = refusal.code, refusal.numbers
        return {"refused": refused, "numbers": numbers, "seconds": round(time.process_time() - began, 2)}

    def look(self, blocks: Sequence[Sequence[Asked]], mask: Sequence[Increment]) -> list[Seen]:
        """The pictures of blocks under a mask, judged; the base's own are looked at once."""
        mask = in_order(mask)
        if mask:
            return [seen for each in blocks for seen in look_at_all(self.base, self.judge, each, mask, self.drawing)]
        return [seen for each in blocks for seen in self._look_at_base(each)]

    def _look_at_base(self, asked: Sequence[Asked]) -> list[Seen]:
        def verdicts() -> list[tuple[Any, ...]]:
            seen = look_at_all(self.base, self.judge, asked, (), self.drawing)
            return [astuple(each.verdict) for each in seen]

        found = recall_json(self._path("base", "json", [asdict(each) for each in asked]), verdicts)
        return [Seen(each, Verdict(*verdict)) for each, verdict in zip(asked, found, strict=True)]

    def pictures(self, prompts: Sequence[str], seed: int, mask: Sequence[Increment] = ()) -> list[Image.Image]:
        """One picture a prompt under a mask, in one batch; the base's own are drawn once."""
        asked = replace(self.drawing, seed=seed)
        if mask:
            return draw(self.base, prompts, asked, in_order(mask))
        path = self._path("pictures", "npy", [list(prompts), seed])
        return recall_pictures(path, lambda: draw(self.base, prompts, asked))

    def _path(self, folder: str, ending: str, key: Sequence[object]) -> Path:
        """Where something of the base alone, and the judge, is kept."""
        drawn = [self.base.digest, self.judge.digest, STEPS, GUIDANCE]
        return FOLDER / folder / f"{digest_of([*drawn, *key])[7:39]}.{ending}"


def in_order(mask: Sequence[Increment]) -> list[Increment]:
    """As a service applies them."""
    return sorted(mask, key=lambda increment: increment.concept)
