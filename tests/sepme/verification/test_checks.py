"""How checks end, and what is made of them for others."""

import xml.etree.ElementTree as ET

import pytest

from sepme.verification import checks, reports
from sepme.verification.checks import Check

HELD = Check("cat", "state", 0, "erased by version 1", "unused", {"version": 1})
FOUND = Check("dog", "state", 1, "it is restored", "Erase it again.")
REFUSED = Check("cat", "bundle", 2, "the key is not good for this")
DOWN = Check("cat", "mask", 3, "nobody answers", pictures=("seen/cat/new-1.png",))


@pytest.mark.parametrize(
    ("made", "status", "holds"),
    [
        ([HELD], 0, True),
        ([HELD, REFUSED], 2, None),
        ([HELD, REFUSED, DOWN], 3, None),
        ([DOWN, FOUND, HELD], 1, False),
        ([], 2, None),
    ],
    ids=["holds", "refused", "down", "found", "nothing"],
)
def test_what_cannot_be_told_is_never_a_pass_and_a_finding_goes_before_it(
    made: list[Check], status: int, holds: bool | None
) -> None:
    assert checks.ended(made) == status
    assert checks.document(made)["holds"] is holds


def test_a_line_says_what_was_found_and_a_second_what_helps() -> None:
    assert checks.lines(HELD) == ["ok      cat: state: erased by version 1"]
    assert checks.lines(FOUND) == ["FAILED  dog: state: it is restored", "        Erase it again."]
    assert checks.lines(DOWN) == ["UNTOLD  cat: mask: nobody answers"]
    assert checks.verdict([HELD, FOUND, DOWN]) == "1 of 3 checks do not hold, 1 cannot be told."


def test_junit_has_a_suite_for_each_concept_and_a_case_for_each_check() -> None:
    root = ET.fromstring(reports.junit([REFUSED, FOUND, HELD, DOWN]))
    assert {suite.attrib["name"]: [case.attrib["name"] for case in suite] for suite in root} == {
        "cat": ["bundle", "state", "mask"],
        "dog": ["state"],
    }
    counted = [(suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) for suite in (root, *root)]
    assert counted == [("4", "1", "2"), ("3", "0", "2"), ("1", "1", "0")]
    (failure,) = root.iter("failure")
    assert (failure.attrib["message"], failure.text) == ("it is restored", "it is restored\nErase it again.")
    assert {error.attrib["type"] for error in root.iter("error")} == {"bundle", "mask"}
    assert "[[ATTACHMENT|seen/cat/new-1.png]]" in [each.text for each in root.iter("system-out")]


def test_what_cannot_stand_in_xml_is_left_out_of_it() -> None:
    found = Check("cat", "state", 1, 'it is\x00 <b>&\x1b[2J"')
    (failure,) = ET.fromstring(reports.junit([found])).iter("failure")
    assert failure.attrib["message"] == 'it is� <b>&�[2J"'


def test_the_summary_has_the_verdict_a_row_for_each_concept_and_the_names_of_the_pictures() -> None:
    said = reports.summary([HELD, REFUSED, FOUND, DOWN], "Asked of http://service.")
    assert said.startswith("## ❌ Something is no longer as it was to be\n")
    assert "| concept | state | bundle | mask |" in said
    assert "| cat | ✅ | ❔ | ❔ |" in said
    assert "| dog | ❌ |  |  |" in said
    assert said.index("### Found") < said.index("### Not told") < said.index("1 check that hold")
    assert "`seen/cat/new-1.png`" in said
    assert "data:" not in said
    assert reports.summary([DOWN], "").startswith("## ❔ It cannot be told")
    assert reports.summary([HELD], "").startswith("## ✅ ")


def test_what_a_service_says_is_no_markdown_and_no_html_in_the_summary() -> None:
    said = reports.summary([Check("cat", "state", 1, "a|b\n<img src=x> [link](http://a) `code`")], "")
    assert "a\\|b &lt;img src=x> \\[link\\](http://a) \\`code\\`" in said


def test_a_summary_is_no_larger_than_what_github_shows() -> None:
    many = [Check(f"concept-{number}", "state", 1, "x" * 1000) for number in range(1200)]
    said = reports.summary(many, "")
    assert len(said.encode()) < 2**20
    assert said.endswith("There is more in the JUnit file.\n")
