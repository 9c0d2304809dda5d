"""What every case works with: increments by name, and pictures under a mask, judged."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sepme_core.base import Base
from sepme_core.canonical import digest_of
from sepme_core.erasure import (
    ErasureRequest,
    ErasureSettings,
    KnownConcept,
    Shared,
    erase,
    erase_together,
    run_to_end,
)
from sepme_core.evaluation.accuracy import Asked, Seen, every_pair, look_at_all
from sepme_core.evaluation.judge import Judge, Verdict
from sepme_core.generation import PictureRequest
from sepme_core.increment import Increment

FOLDER = Path("build/promise")
STEPS, GUIDANCE = 12, 4.0
LEAST_PICTURES = 40
AGAIN = 500_000  # the first seed of the pairs that are drawn again to fill their cells


@dataclass(frozen=True)
class Bench:
    """What every case works with."""

    base: Base
    judge: Judge
    shared: Shared
    kinds: Mapping[str, str]
    settings: ErasureSettings
    quick: bool

    @property
    def drawing(self) -> PictureRequest:
        """How every picture is drawn."""
        side = self.base.picture_side
        return PictureRequest("", steps=STEPS, guidance_scale=GUIDANCE, width=side, height=side)

    def known(self, names: Iterable[str]) -> list[KnownConcept]:
        """The concepts as an eraser knows them."""
        return [KnownConcept(name, self.kinds[name], (name,)) for name in names]

    def erase(self, name: str, known: Sequence[str]) -> Increment:
        """One increment that leaves ``known`` alone."""
        request = ErasureRequest(name, self.kinds[name], (name,), settings=self.settings)
        others = self.known(each for each in known if each != name)
        return run_to_end(erase(self.base, request, others, shared=self.shared)).increment

    def erase_together(self, names: Sequence[str]) -> list[Increment]:
        """One increment each, by one optimisation."""
        requests = [ErasureRequest(name, self.kinds[name], (name,), settings=self.settings) for name in names]
        made = run_to_end(erase_together(self.base, requests, shared=self.shared))
        return [made[name].increment for name in names]

    def asked(self, erased: Sequence[str]) -> list[Asked]:
        """Every pair, and pairs of what is not erased again, until each cell has its pictures."""
        objects, styles = self.base.suggestions.objects, self.base.suggestions.styles
        if self.quick:
            return every_pair(objects, styles, 1)
        kept_objects, kept_styles = ([each for each in names if each not in erased] for names in (objects, styles))
        turns = -(-LEAST_PICTURES // len(styles))
        missing = max(-(-LEAST_PICTURES // max(len(kept_styles), 1)) - turns, 0)
        return every_pair(objects, styles, turns) + every_pair(kept_objects, kept_styles, missing, first_seed=AGAIN)

    def look(self, asked: Sequence[Asked], increments: Sequence[Increment]) -> list[Seen]:
        """The pictures under a mask, judged; the base's own are looked at once."""
        again = next((place for place, each in enumerate(asked) if each.seed >= AGAIN), len(asked))
        parts = [part for part in (asked[:again], asked[again:]) if part]
        return [seen for part in parts for seen in self.look_at_part(part, increments)]

    def look_at_part(self, asked: Sequence[Asked], increments: Sequence[Increment]) -> list[Seen]:
        """The same for pictures that are drawn together."""
        if increments:
            return look_at_all(self.base, self.judge, asked, increments, self.drawing)
        path = FOLDER / f"base-{digest_of([asdict(each) for each in asked])[7:19]}.json"
        if not path.exists():
            seen = look_at_all(self.base, self.judge, asked, (), self.drawing)
            path.write_text(json.dumps([[each.verdict.object, each.verdict.look] for each in seen]))
        return [
            Seen(each, Verdict(*verdict)) for each, verdict in zip(asked, json.loads(path.read_text()), strict=True)
        ]
