import json
from pathlib import Path

from sepme_core.demo.corpus import load_concepts
from sepme_core.demo.training.sets import MORE_SETS, find_icons, judge_sets


def test_an_icon_is_found_by_its_name_in_one_word_and_numbered(tmp_path: Path) -> None:
    path = tmp_path / "icons.json"
    names = ("red-apple", "penguin-1", "penguin-2", "tropicalfish", "penguin-suit", "pineapple")
    path.write_text(json.dumps({"icons": {name: {"body": ""} for name in names}}))
    assert find_icons(path, "red-apple") == ("red-apple",)
    assert find_icons(path, "penguin") == ("penguin-1", "penguin-2")
    assert find_icons(path, "tropical-fish") == ("tropicalfish",)
    assert find_icons(path, "apple") == ()


def test_the_judge_learns_from_the_sets_of_the_looks_and_more() -> None:
    assert set(judge_sets()) == {look.package for look in load_concepts().looks} | set(MORE_SETS)
