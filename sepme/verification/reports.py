"""What others read of the checks: JUnit XML for reporters, Markdown for a job's page."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from sepme.commands.endings import DONE, FINDING
from sepme.commands.printing import printable
from sepme.verification.checks import Check, ended, verdict

MOST_BYTES = 900_000
"""GitHub leaves out a step's summary of more than a MiB."""
HEADLINES = {DONE: "What is erased is erased", FINDING: "Something is no longer as it was to be"}
UNTOLD = "It cannot be told whether what is erased is erased"
MARKS = {True: "✅", False: "❌", None: "❔"}


def junit(checks: Sequence[Check]) -> bytes:
    """JUnit XML as reporters read it: a suite for each concept, a case for each check.

    What does not hold is a `failure`, what cannot be told an `error`: neither passes anywhere. The pictures of a case
    are named in its `system-out`, in the form by which GitLab shows them.
    """
    root = ET.Element("testsuites", {"name": "sepme verify", **_counts(checks)})
    for about, cases in _by_concept(checks).items():
        suite = ET.SubElement(root, "testsuite", {"name": about, **_counts(cases)})
        for check in cases:
            _add_case(suite, check)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def summary(checks: Sequence[Check], where: str) -> str:
    """Markdown: the verdict, a table of the concepts with their checks, and where the pictures are.

    Args:
        checks: All that were made.
        where: What was verified, in words.
    """
    by_concept = _by_concept(checks)
    names = list(dict.fromkeys(check.name for check in checks))
    said = [
        f"## {MARKS[{DONE: True, FINDING: False}.get(ended(checks))]} {HEADLINES.get(ended(checks), UNTOLD)}",
        "",
        f"{verdict(checks)} {_escaped(where)}",
        "",
        f"| concept | {' | '.join(map(_escaped, names))} |",
        f"|{'---|' * (len(names) + 1)}",
        *(_row(about, cases, names) for about, cases in by_concept.items()),
        *_found(checks),
        *_shown(checks),
    ]
    return _cut("\n".join([*said, ""]))


def _counts(checks: Sequence[Check]) -> dict[str, str]:
    counted = {"tests": len(checks), "failures": 0, "errors": 0, "skipped": 0}
    for check in checks:
        counted["failures"] += check.holds is False
        counted["errors"] += check.holds is None
    return {name: str(count) for name, count in counted.items()}


def _by_concept(checks: Sequence[Check]) -> Mapping[str, list[Check]]:
    ordered = sorted(checks, key=lambda check: check.concept or "")
    return {about: list(cases) for about, cases in groupby(ordered, key=lambda check: check.about)}


def _add_case(suite: ET.Element, check: Check) -> None:
    case = ET.SubElement(suite, "testcase", {"classname": f"sepme.{check.about}", "name": printable(check.name)})
    if check.status:
        kind = "failure" if check.holds is False else "error"
        found = ET.SubElement(case, kind, {"type": printable(check.name), "message": printable(check.detail)})
        found.text = printable("\n".join(filter(None, [check.detail, check.remedy])))
    out = [*([] if check.status else [check.detail]), *(f"[[ATTACHMENT|{file}]]" for file in check.pictures)]
    if out:
        ET.SubElement(case, "system-out").text = printable("\n".join(out))


def _row(about: str, cases: Sequence[Check], names: Sequence[str]) -> str:
    by_name = {check.name: MARKS[check.holds] for check in cases}
    return f"| {_escaped(about)} | {' | '.join(by_name.get(name, '') for name in names)} |"


def _found(checks: Sequence[Check]) -> Iterator[str]:
    """What does not hold first, then what cannot be told, then the rest folded away."""
    for holds, title in ((False, "Found"), (None, "Not told")):
        listed = [check for check in checks if check.holds is holds]
        if listed:
            yield from ("", f"### {title}", "", *map(_item, listed))
    held = [check for check in checks if check.holds]
    if held:
        counted = f"{len(held)} check{'' if len(held) == 1 else 's'} that hold"
        yield from ("", f"<details><summary>{counted}</summary>", "", *map(_item, held), "", "</details>")


def _item(check: Check) -> str:
    remedy = f" {check.remedy}" if check.status and check.remedy else ""
    return f"- **{_escaped(check.about)}**, {_escaped(check.name)}: {_escaped(check.detail + remedy)}"


def _shown(checks: Sequence[Check]) -> Iterator[str]:
    shown = [check for check in checks if check.pictures]
    if shown:
        yield from (
            "",
            "### Pictures",
            "",
            "They cannot be shown here. They are in the artifact that the workflow uploads, under these names.",
            "",
        )
        for check in shown:
            files = ", ".join(f"`{file}`" for file in check.pictures)
            yield f"- **{_escaped(check.about)}**, {_escaped(check.name)}: {files}"


def _escaped(text: str) -> str:
    """A text that is not to be Markdown, nor HTML, nor the end of a table's cell."""
    said = printable(text).replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{each}" if each in "\\`*_[]|~" else each for each in said)


def _cut(text: str) -> str:
    data = text.encode()
    if len(data) <= MOST_BYTES:
        return text
    return data[:MOST_BYTES].decode(errors="ignore").rpartition("\n")[0] + "\n\nThere is more in the JUnit file.\n"
