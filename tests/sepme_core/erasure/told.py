"""A classifier that says what a test told it to."""

from collections.abc import Sequence

from PIL import Image


class Told:
    """Sees the concept in every picture of the base, and in others as often as told, in turn."""

    name = "told"

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)
        self._asked = 0

    def sees(self, pictures: Sequence[Image.Image], kind: str, phrases: Sequence[str]) -> list[bool]:
        del kind, phrases
        self._asked += 1
        seen = self.counts.pop(0) if self._asked % 2 else len(pictures)  # `look` asks of both, these first
        return [place < seen for place in range(len(pictures))]
