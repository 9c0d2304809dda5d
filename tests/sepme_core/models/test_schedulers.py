"""Every scheduler draws at every number of steps that it is said to take, and at none below."""

from itertools import product

import numpy as np
import pytest

from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.models.model import DiffusionModel
from sepme_core.models.schedulers import SCHEDULERS, least_steps


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
def test_few_steps_draw_or_are_below_the_least_at_every_guidance(base: DiffusionModel, scheduler: str) -> None:
    least = base.describe()["limits"]["least_steps"][scheduler]
    for steps, guidance in product((1, 2, 3, 4), (0.0, 1.0, 7.0)):
        request = PictureRequest("a cat", "ink", 7, 1, steps, guidance, 64, 64, scheduler)
        if steps < least:
            with pytest.raises((ValueError, IndexError, TypeError, RuntimeError)):
                generate(base, request)
        else:
            (picture,) = generate(base, request)
            assert np.asarray(picture.image).std() > 0, (steps, guidance)


def test_only_one_scheduler_needs_several_steps_on_the_demo_model(base: DiffusionModel) -> None:
    assert {name: steps for name, steps in least_steps(base.scheduler).items() if steps > 1} == {"pndm": 4}
