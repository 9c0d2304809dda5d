import pytest
from PIL import Image, ImageFilter

from sepme_core.evaluation.similarity import structural_similarity


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.effect_mandelbrot((64, 64), (-2.0, -1.2, 1.0, 1.2), 60).convert("RGB")


def test_equal_pictures_are_wholly_alike(picture: Image.Image) -> None:
    assert structural_similarity(picture, picture.copy()) == pytest.approx(1.0, abs=1e-9)


def test_the_more_a_picture_is_blurred_the_less_it_is_alike(picture: Image.Image) -> None:
    blurred = [picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (0.5, 1, 2, 4)]
    likeness = [structural_similarity(picture, each) for each in blurred]
    assert likeness == sorted(likeness, reverse=True)
    assert 0 < likeness[-1] < 0.8


def test_it_is_that_of_wang_et_al_on_a_change_of_brightness_alone() -> None:
    darker, lighter = (Image.new("RGB", (32, 32), (grey,) * 3) for grey in (100, 120))
    a, b, steadying = 100 / 255, 120 / 255, 0.01**2
    expected = (2 * a * b + steadying) / (a * a + b * b + steadying)  # without structure the luminance term is left
    assert structural_similarity(darker, lighter) == pytest.approx(expected, abs=1e-9)


def test_pictures_of_different_sizes_are_refused(picture: Image.Image) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        structural_similarity(picture, picture.resize((32, 32)))
