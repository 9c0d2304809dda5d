from sepme_core.evaluation.accuracy import Asked, Seen, by_concept, every_pair, percent, select
from sepme_core.evaluation.judge import Verdict


def seen(object_: str, style: str, verdict: tuple[str, str]) -> Seen:
    return Seen(Asked(object_, style, "{object} drawn by {style}", 0), Verdict(*verdict))


PICTURES = [
    seen("cat", "ink", ("cat", "ink")),
    seen("cat", "neon", ("fish", "neon")),
    seen("fish", "ink", ("fish", "plain")),
]


def test_a_cell_is_a_concept_and_its_right_answers() -> None:
    assert by_concept(PICTURES) == {"cat": 50.0, "fish": 100.0, "ink": 50.0, "neon": 100.0}


def test_a_selection_is_by_what_was_asked() -> None:
    assert select(PICTURES, lambda asked: asked.style == "ink") == [PICTURES[0], PICTURES[2]]
    assert percent([]) == 0


def test_every_pair_is_asked_for_as_often_with_seeds_of_its_own() -> None:
    asked = every_pair(["cat", "fish"], ["ink", "neon", "chalk"], times=2)
    assert len(asked) == 12
    assert len({(each.object, each.style) for each in asked}) == 6
    assert len({(each.object, each.style, each.seed) for each in asked}) == 12
    assert asked[0].prompt
