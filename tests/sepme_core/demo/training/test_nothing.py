import pytest
import torch

from sepme_core.demo.training.nothing import SOURCES, Source, draw_nothing
from sepme_core.demo.training.pictures import Corpus

OBJECTS, LOOKS, SIDE = 6, 3, 64


@pytest.fixture
def source() -> Source:
    """Each object's pictures have its number as their red; the last object may not be shown."""
    pictures = torch.randint(0, 256, (OBJECTS, LOOKS, 2, 3, SIDE, SIDE), dtype=torch.uint8)
    pictures[:, :, :, 0] = (10 * torch.arange(OBJECTS, dtype=torch.uint8))[:, None, None, None, None]
    seen = torch.ones(OBJECTS, LOOKS, dtype=torch.bool)
    seen[-1] = False
    return Source(Corpus(pictures), seen.nonzero())


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def red(pictures: torch.Tensor) -> torch.Tensor:
    return ((pictures[:, 0, 0, 0] + 1) * 127.5).round()


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_draws_pictures_and_the_same_again(source: Source, name: str) -> None:
    pictures = SOURCES[name](source, 5, generator())
    assert pictures.shape == (5, 3, SIDE, SIDE)
    assert pictures.min() >= -1
    assert pictures.max() <= 1
    assert torch.equal(pictures, SOURCES[name](source, 5, generator()))


def test_two_objects_are_different_ones_and_among_those_that_may_be_shown(source: Source) -> None:
    first, second = source.take_two(40, generator())
    assert first.shape == second.shape == (40, 3, SIDE, SIDE)
    assert (red(first) != red(second)).all()
    assert max(red(first).max(), red(second).max()) < 10 * (OBJECTS - 1)


def test_a_batch_is_of_all_sources(source: Source) -> None:
    assert draw_nothing(source, 11, generator()).shape == (11, 3, SIDE, SIDE)
    assert draw_nothing(source, 3, generator()).shape == (3, 3, SIDE, SIDE)
