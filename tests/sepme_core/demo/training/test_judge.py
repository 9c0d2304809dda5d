from collections.abc import Callable

import pytest
import torch

from sepme_core.demo.training.crossings import Crossings
from sepme_core.demo.training.judge import CROSSED, IN_LOOKS, NOTHING, OTHERS, Lesson, judge_loss, soften, vary
from sepme_core.demo.training.nothing import Source
from sepme_core.demo.training.pictures import Corpus
from sepme_core.evaluation.judge import JudgeNetwork

OBJECTS, LOOKS, SIDE = 4, 3, 64
Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


def pictures(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, (*shape, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator())


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.fixture
def lesson() -> Lesson:
    source = Source(Corpus(pictures(OBJECTS, LOOKS, 2)), torch.ones(OBJECTS, LOOKS).nonzero())
    return Lesson(source, Crossings(pictures(8), torch.arange(OBJECTS).repeat_interleave(2)), pictures(5))


def test_a_batch_ends_with_pictures_of_none_of_the_objects(lesson: Lesson) -> None:
    shown, objects, looks = lesson.batch(generator())
    assert shown.shape == (len(objects), 3, SIDE, SIDE)
    assert (objects[-OTHERS - NOTHING :] == OBJECTS).all()
    assert (objects[: IN_LOOKS + CROSSED] < OBJECTS).all()
    assert len(objects) == IN_LOOKS + CROSSED + OTHERS + NOTHING
    assert len(looks) == IN_LOOKS


def test_the_judge_learns_from_a_batch(lesson: Lesson) -> None:
    network = JudgeNetwork(OBJECTS, LOOKS)
    judge_loss(network, lesson, generator()).backward()
    assert network.object_head.weight.grad is not None
    assert network.object_head.weight.grad[-1].abs().max() > 0


@pytest.mark.parametrize("change", [vary, soften])
def test_changed_pictures_stay_pictures_and_are_changed_alike_again(change: Change) -> None:
    before = pictures(6).float() / 127.5 - 1
    after = change(before, generator())
    assert after.shape == before.shape
    assert after.abs().max() <= 1
    assert torch.equal(after, change(before, generator()))
    assert not torch.equal(after, before)
