"""Make a release of this checkout: `make release VERSION=1.2.3`. It commits and tags, and pushes nothing.

CHANGELOG.md is as https://keepachangelog.com has it: what stands under `## [Unreleased]` goes under the new version.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
BRANCH = "main"
CHANGELOG, SOURCE = "CHANGELOG.md", "sepme/__init__.py"
HEADING = "## [Unreleased]\n"
VERSION = re.compile(r'^__version__ = "(\d+)\.(\d+)\.(\d+)"$', re.MULTILINE)
STEPS = (("make", "lint"), (sys.executable, "-m", "hatchling", "build"))
"""What must succeed on the files of the release before they are committed."""


class NotReleased(Exception):
    """There is no release, and the checkout is as it was; says why and what to do."""


def with_release(changelog: str, version: str, day: date) -> str:
    """The changelog with what is unreleased under the version.

    Raises:
        NotReleased: nothing is unreleased.
    """
    before, found, after = changelog.partition(HEADING)
    unreleased = re.split(r"^(?=## |\[[^\]]+\]: )", after, maxsplit=1, flags=re.MULTILINE)[0]
    if not found or not re.search(r"^[-*] ", unreleased, re.MULTILINE):
        raise NotReleased(f"{CHANGELOG} lists nothing under {HEADING.strip()}: say there what changed for users.")
    return f"{before}{HEADING}\n## [{version}] - {day.isoformat()}\n{after}"


def with_version(source: str, version: str) -> str:
    """The source with the version set.

    Raises:
        NotReleased: it is no version, or none that comes after the present one.
    """
    present = VERSION.search(source)
    wanted = VERSION.search(f'__version__ = "{version}"')
    if present is None:
        raise NotReleased(f"{SOURCE} does not say the present version.")
    if wanted is None:
        raise NotReleased(f"{version!r} is no version: make release VERSION=1.2.3")
    if tuple(map(int, wanted.groups())) <= tuple(map(int, present.groups())):
        raise NotReleased(f"{version} does not come after {'.'.join(present.groups())}.")
    return source.replace(present[0], wanted[0])


def check_clean(checkout: Path, tag: str) -> None:
    """Raise NotReleased where what would be tagged is not what stands on the branch."""
    branch = git(checkout, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != BRANCH:
        raise NotReleased(f"The checkout is on {branch}; a release is made on {BRANCH}.")
    if changed := git(checkout, "status", "--porcelain"):
        raise NotReleased(f"Commit these first, or put them aside:\n{changed}")
    if git(checkout, "tag", "--list", tag):
        raise NotReleased(f"{tag} is released already.")


def git(checkout: Path, *arguments: str) -> str:
    """What git answers."""
    done = subprocess.run(("git", *arguments), cwd=checkout, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def release(checkout: Path, version: str, day: date, steps: Sequence[Sequence[str]] = STEPS) -> str:
    """Release the checkout under this version; returns the tag.

    Raises:
        NotReleased: it cannot be released as it is, or a step failed.
    """
    tag = f"v{version}"
    check_clean(checkout, tag)
    changelog, source = checkout / CHANGELOG, checkout / SOURCE
    if not changelog.is_file():
        raise NotReleased(f"There is no {CHANGELOG}.")
    new_source = with_version(source.read_text(), version)
    new_changelog = with_release(changelog.read_text(), version, day)
    source.write_text(new_source)
    changelog.write_text(new_changelog)
    try:
        for step in steps:
            subprocess.run(step, cwd=checkout, check=True)
        git(checkout, "commit", "--quiet", "--message", f"Release {version}", CHANGELOG, SOURCE)
    except (subprocess.CalledProcessError, KeyboardInterrupt) as failed:
        git(checkout, "checkout", "--quiet", "HEAD", "--", CHANGELOG, SOURCE)
        raise NotReleased(f"Nothing was released: {failed or 'interrupted'}") from failed
    git(checkout, "tag", "--annotate", "--message", f"sepme {version}", tag)
    return tag


def main(arguments: Sequence[str]) -> int:
    """Release, and say what is left to do."""
    try:
        tag = release(CHECKOUT, " ".join(arguments), datetime.now(UTC).date())
    except NotReleased as reason:
        print(reason, file=sys.stderr)
        return 1
    print(f"{tag} is committed, tagged and built in dist. To publish it: git push --atomic origin {BRANCH} {tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
