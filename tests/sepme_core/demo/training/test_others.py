import pytest

from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.training.others import NEAR, REPEATED

SAME_THING = (
    "cat tiger-face fish blowfish shark green-apple tomato brown-mushroom deciduous-tree palm-tree taxi bus "
    "oncoming-automobile house-with-garden houses umbrella-with-rain-drops old-key locked-with-key two-hearts "
    "broken-heart motor-boat ship passenger-ship cherry-blossom bouquet person-with-crown banjo"
)


@pytest.mark.parametrize("name", SAME_THING.split())
def test_what_shows_an_object_of_ours_is_not_called_another(name: str) -> None:
    assert NEAR.search(name)


@pytest.mark.parametrize("name", ["turkey", "monkey-face", "donkey", "hockey", "dog-face", "place-of-worship", "pear"])
def test_a_name_within_a_name_is_another_thing(name: str) -> None:
    assert not NEAR.search(name)


def test_no_object_is_left_out_as_a_repetition() -> None:
    assert not [icon for icon in load_concepts().objects.values() if REPEATED.search(icon)]
    assert REPEATED.search("flag-norway")
    assert REPEATED.search("ten-oclock")
