"""How long to wait before a child that died is started again."""

from dataclasses import dataclass

FIRST_SECONDS = 0.2  # a worker killed by accident is back at once: its job's lease runs out in eight seconds
MOST_SECONDS = 30.0
CALM_SECONDS = 20.0  # a child that lived this long had started, and worked; what ended it is no reason to wait


@dataclass(frozen=True)
class Backoff:
    """Deaths in a row, and the wait they ask for: 0.2 s, 0.4 s, 0.8 s … 30 s."""

    deaths: int = 0

    def after_death(self, lived_seconds: float) -> "Backoff":
        """The backoff once a child has died that lived this many seconds."""
        return Backoff(1 if lived_seconds >= CALM_SECONDS else self.deaths + 1)

    @property
    def seconds(self) -> float:
        """The wait in seconds before the next start."""
        if self.deaths == 0:
            return 0.0
        doublings = min(self.deaths - 1, 16)  # 2**16 is far beyond MOST_SECONDS; the bound only keeps the power small
        return min(MOST_SECONDS, FIRST_SECONDS * 2.0**doublings)
