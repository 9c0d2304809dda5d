import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sepme_core.demo.corpus import DRAWING_SIZE, PICTURE_SIZE, draw, load_concepts
from sepme_core.demo.looks import FILTERS


@pytest.fixture
def drawing() -> Image.Image:
    """A red disc with a black rim on a transparent ground."""
    picture = Image.new("RGBA", (DRAWING_SIZE, DRAWING_SIZE), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((24, 24, 104, 104), fill=(200, 40, 40, 255), outline=(0, 0, 0, 255), width=6)
    return picture


def test_every_look_has_its_filter_and_a_licence() -> None:
    looks = load_concepts().looks
    assert {look.filter for look in looks} == set(FILTERS)
    assert {look.licence for look in looks} <= {"CC-BY-4.0", "MIT", "Apache-2.0"}


def test_looks_differ_and_are_of_the_models_size(drawing: Image.Image) -> None:
    by_filter = {look.filter: draw(drawing, look) for look in load_concepts().looks}
    assert {picture.size for picture in by_filter.values()} == {(PICTURE_SIZE, PICTURE_SIZE)}
    pixels = {name: np.asarray(picture, dtype=float) for name, picture in by_filter.items()}
    for (one, first), (other, second) in itertools.combinations(pixels.items(), 2):
        assert np.abs(first - second).mean() > 8, (one, other)
