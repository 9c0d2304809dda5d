from typing import Any

import pytest

from sepme_core.provenance import history
from sepme_core.provenance.history import Untold

ONE, TWO = ("sha256:" + 64 * digit for digit in "12")


def entries(*told: tuple[str, str | None, str | None, dict[str, Any]]) -> Any:
    return [
        {
            "sequence": number,
            "at": at(number),
            "action": action,
            "from_digest": before,
            "to_digest": after,
            "details": details,
        }
        for number, (action, before, after, details) in enumerate(told, 1)
    ]


def at(number: int) -> str:
    return f"2026-01-01T00:00:{number:02}.000000Z"


ERASED = ("erase", None, ONE, {"version": 1, "case": "2026-0117", "reason": "a notice"})
PROJECTED = ("reproject", ONE, TWO, {"version": 2, "reason": "reprojected"})
RESTORED = ("restore", ONE, None, {"case": "2026-0118"})
PURGED: tuple[str, str | None, str | None, dict[str, Any]] = ("purge", ONE, None, {})


@pytest.mark.parametrize(
    ("told", "state", "sequence"),
    [
        ([ERASED], "erased", 1),
        ([ERASED, PROJECTED], "erased", 1),
        ([ERASED, RESTORED], "restored", 2),
        ([ERASED, RESTORED, ("restore", None, None, {"cancelled_job": "1"})], "restored", 2),
        ([ERASED, RESTORED, ("reproject", None, None, {"version": 2, "digest": TWO})], "restored", 2),
        ([ERASED, RESTORED, ("reactivate", None, ONE, {"version": 1})], "erased", 3),
        ([ERASED, PURGED, ERASED], "erased", 3),
    ],
)
def test_since_when_is_the_last_entry_by_which_it_began_to_serve_or_ceased_to(
    told: Any, state: str, sequence: int
) -> None:
    assert history.since(entries(*told), state)["sequence"] == sequence


@pytest.mark.parametrize(
    ("told", "state", "reason"),
    [
        ([], "erased", "no entry"),
        ([ERASED], "restored", "it is erased"),
        ([ERASED, RESTORED], "erased", "it is restored"),
        ([ERASED, PURGED], "restored", "it is purged"),
    ],
)
def test_what_the_audit_does_not_tell_is_said(told: Any, state: str, reason: str) -> None:
    with pytest.raises(Untold, match=reason):
        history.since(entries(*told), state)


def test_a_version_came_to_be_with_one_increment_whether_it_served_or_not() -> None:
    again = ("erase", None, TWO, {"version": 1})
    assert history.made(entries(ERASED, PURGED, again), 1, TWO)["sequence"] == 3
    unserved = ("reproject", None, None, {"version": 2, "digest": TWO})
    assert history.made(entries(ERASED, RESTORED, unserved), 2, TWO)["sequence"] == 3
    with pytest.raises(Untold, match="version 2"):
        history.made(entries(ERASED), 2, ONE)
    with pytest.raises(Untold, match=f"is {ONE}"):
        history.made(entries(ERASED), 1, TWO)


FIRST = {"sequence": 1, "case": "2026-0117", "reason": "a notice"}


@pytest.mark.parametrize(
    ("told", "state", "expected"),
    [
        ([("erase", None, ONE, {"version": 1})], "erased", []),
        ([ERASED], "erased", [FIRST]),
        ([ERASED, PROJECTED], "erased", [FIRST]),
        (
            [ERASED, ("case-noted", ONE, ONE, {"of": "erase", "case": "2"})],
            "erased",
            [FIRST, {"sequence": 2, "case": "2"}],
        ),
        (
            [ERASED, ("further-name", None, None, {"reason": "too"})],
            "erased",
            [FIRST, {"sequence": 2, "reason": "too"}],
        ),
        (
            [("case-noted", None, None, {"of": "erase", "case": "0"}), ERASED],
            "erased",
            [{"sequence": 1, "case": "0"}, FIRST | {"sequence": 2}],
        ),
        ([ERASED, ("case-noted", ONE, ONE, {"of": "protect", "case": "2"})], "erased", [FIRST]),
        ([ERASED, RESTORED], "restored", [{"sequence": 2, "case": "2026-0118"}]),
        (
            [ERASED, RESTORED, ("case-noted", None, None, {"of": "restore", "case": "3"})],
            "restored",
            [{"sequence": 2, "case": "2026-0118"}, {"sequence": 3, "case": "3"}],
        ),
        ([ERASED, RESTORED, ("reactivate", None, ONE, {})], "erased", []),
        ([ERASED, PURGED, ("erase", None, ONE, {"case": "4"})], "erased", [{"sequence": 3, "case": "4"}]),
    ],
)
def test_the_grounds_are_all_that_were_named_for_what_is_so_now(told: Any, state: str, expected: Any) -> None:
    assert history.grounds(entries(*told), state) == expected


def test_a_case_noted_for_protected_prompts_is_of_no_concept_of_that_name() -> None:
    noted = [("case-noted", None, None, {"of": of}) for of in ("erase", "restore", "protect", "unprotect")]
    assert [history.is_of_a_concept(each) for each in entries(*noted)] == [True, True, False, False]


@pytest.mark.parametrize(
    ("moment", "sequences"), [(0, [1, 2]), (1, [1, 2]), (3, [1, 2]), (4, [3, 4, 5]), (9, [3, 4, 5])]
)
def test_of_several_lives_of_a_name_it_was_the_one_that_had_made_the_increment_by_then(
    moment: int, sequences: list[int]
) -> None:
    protected = ("erase", None, TWO, {"version": 1})
    told = entries(ERASED, PURGED, RESTORED, ERASED, PURGED, protected)
    assert [each["sequence"] for each in history.life(told, 1, ONE, at(moment))] == sequences
    with pytest.raises(Untold, match="version 2"):
        history.life(told, 2, ONE, at(9))


@pytest.mark.parametrize(("moment", "found"), [(0, [1]), (1, [1]), (2, []), (3, [3])])
def test_the_grounds_at_a_moment_are_those_that_were_named_until_then(moment: int, found: list[int]) -> None:
    told = entries(ERASED, RESTORED, ("reactivate", None, ONE, {"version": 1, "case": "2026-0119"}))
    assert [each["sequence"] for each in history.grounds_by(told, at(moment), 1)] == found
