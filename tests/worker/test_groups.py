import pytest

from sepme_core.erasure import MadeIncrement
from sepme_core.models.model import DiffusionModel
from tests.worker.masks import random_increment
from worker.process import LastGroup, Members


def test_the_last_group_is_made_once_and_another_anew(base: DiffusionModel) -> None:
    group, calls = LastGroup(), []

    def make() -> Members:
        calls.append(1)
        return {"cat": MadeIncrement(random_increment(base, "cat"), (), "erased")}

    first = group.get({"group": ["cat"], "known": []}, make)
    assert group.get({"known": [], "group": ["cat"]}, make) is first
    assert group.get({"group": ["cat"], "known": ["dog"]}, make) is not first
    assert len(calls) == 2


def test_a_group_whose_making_was_interrupted_is_made_again(base: DiffusionModel) -> None:
    made = {"cat": MadeIncrement(random_increment(base, "cat"), (), "erased")}
    group = LastGroup()

    def interrupted() -> Members:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        group.get({"group": ["cat"]}, interrupted)
    assert group.get({"group": ["cat"]}, lambda: made) is made
