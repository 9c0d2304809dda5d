"""The pictograph sets that the judge learns from: those of the looks, and more, to know objects in other hands."""

import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from sepme_core.demo.corpus import Look, load_concepts, read_set

MORE_SETS = {"@iconify-json/emojione": "CC-BY-4.0", "@iconify-json/streamline-emojis": "CC-BY-4.0"}


def judge_sets() -> dict[str, str]:
    """Package and licence of every set."""
    return {look.package: look.licence for look in load_concepts().looks} | MORE_SETS


def filters() -> list[str]:
    """The filters of the looks."""
    return sorted({look.filter for look in load_concepts().looks})


def crossing(package: str, filter_: str) -> Look:
    """A set under a filter that need be no look."""
    return Look("", package, judge_sets().get(package, ""), filter_)


def icon_names(path: Path) -> list[str]:
    """The names in one set, without its aliases."""
    icons = read_set(path)["icons"]
    assert isinstance(icons, dict)
    return list(icons)


def find_icons(path: Path, name: str) -> tuple[str, ...]:
    """What a set calls an icon: some number several drawings of it, some write names in one word."""
    found = icons_by_name(path)
    return tuple(dict.fromkeys((*found.get(name, ()), *found.get(name.replace("-", ""), ()))))


@lru_cache(maxsize=16)
def icons_by_name(path: Path) -> dict[str, list[str]]:
    """The icons of a set by their names without number."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in icon_names(path):
        found[re.sub(r"-\d$", "", each)].append(each)
    return dict(found)
