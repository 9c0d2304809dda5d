"""How a command ends: its exit status, and what is said where it cannot do what was asked."""

DONE, FINDING, USAGE, SERVICE = 0, 1, 2, 3
INTERRUPTED = 130  # what a shell answers for a program that Ctrl+C ended
SAID = (
    "Exit status: 0 done; 1 something was found that does not hold, or a job failed; 2 it cannot be done as it was "
    "asked; 3 the service cannot be reached, fails, or is too busy."
)
"""For `--help`."""


class CannotDo(Exception):
    """It cannot be done; the message says why and what helps.

    Attributes:
        status: the exit status.
    """

    def __init__(self, reason: str, status: int = USAGE) -> None:
        super().__init__(reason)
        self.status = status
