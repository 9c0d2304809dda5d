"""What an eraser gives back: the increment and the pictures that it was judged on."""

from dataclasses import dataclass
from typing import Literal

from sepme_core.generation import Picture
from sepme_core.increment import Increment

Reason = Literal["erased", "reprojected", "refined", "substituted"]


@dataclass(frozen=True)
class Made:
    """A certified increment.

    Attributes:
        increment: The file, its certificate inside.
        pictures: Listed prompts drawn without and then with the increment (`evidence`); none for a person, and none
            for what is explicit.
        reason: Trained for a request, brought to what is known now, trained further on the way, or trained anew since
            its substitute was erased.
    """

    increment: Increment
    pictures: tuple[Picture, ...]
    reason: Reason
