from typing import Any

from app.studio.leaks import LEVELS, MOST_WITH_NUMBERS, leak_map, touched


def concept(name: str, listed: dict[str, float], other: dict[str, float]) -> dict[str, Any]:
    leak = {"by_concept": listed, "listed": {"by_concept": listed}, "other": {"by_concept": other}}
    return {"name": name, "certificate": {"leak": leak}}


def test_a_cell_tells_by_how_much_the_row_moves_the_column() -> None:
    found = leak_map([concept("cat", {"dog": 0.043}, {"dog": 0.39}), concept("dog", {}, {})])
    assert found.columns == ["cat", "dog"]
    (own, moved), (unknown, _) = (cells for _, cells in found.rows)
    assert own.own
    assert moved.listed is not None
    assert moved.other is not None
    assert (moved.listed.words, moved.listed.level) == ("4.3 %", 3)
    assert (moved.other.words, moved.other.level) == ("39 %", 5)
    assert unknown.listed is None


def test_what_is_protected_is_touched_too_and_what_has_no_certificate_has_no_row() -> None:
    found = leak_map([concept("cat", {"acme": 0.0005}, {}), {"name": "never", "certificate": None}])
    assert found.columns == ["acme", "cat"]
    assert [name for name, _ in found.rows] == ["cat"]


def test_earlier_certificates_have_one_kind_of_sentences() -> None:
    (cell,) = touched({"leak": {"max": 0.2, "by_concept": {"dog": 0.2}}})
    assert cell.listed is not None
    assert (cell.listed.words, cell.other) == ("20 %", None)
    assert leak_map([{"name": "cat", "certificate": {"leak": {"max": 0.2, "concept": "dog"}}}]).rows == []


def test_what_is_touched_most_comes_first() -> None:
    certificate = concept("cat", {"a": 0.01, "b": 0.3}, {"a": 0.9, "b": 0.1})["certificate"]
    assert [cell.name for cell in touched(certificate)] == ["b", "a"]


def test_a_limit_belongs_to_the_stronger_colour() -> None:
    names = dict(zip("abcde", LEVELS, strict=True))
    levels = {cell.name: cell.listed.level for cell in touched(concept("x", names, {})["certificate"]) if cell.listed}
    assert levels == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}


def test_a_map_of_many_keeps_its_numbers_to_who_points_at_them() -> None:
    few = {f"c{number}": 0.1 for number in range(MOST_WITH_NUMBERS - 1)}
    assert leak_map([concept("cat", few, {})]).with_numbers
    assert not leak_map([concept("cat", {**few, "more": 0.1}, {})]).with_numbers
