from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from deploy.release import NotReleased, git, release

DAY = date(2026, 1, 31)
CHANGELOG = """# Changelog

## [Unreleased]

### Added

- Pictures of cats.

## [0.1.0] - 2026-01-01

### Added

- Everything else.
"""
BUILD = (("sh", "-c", "mkdir dist && cp sepme/__init__.py dist"),)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of its own with a version and something unreleased."""
    (tmp_path / "sepme").mkdir()
    (tmp_path / "sepme" / "__init__.py").write_text('"""What."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / ".gitignore").write_text("dist/\n")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for name, value in {
        "user.name": "somebody",
        "user.email": "somebody@example.org",
        "commit.gpgsign": "false",
    }.items():
        git(tmp_path, "config", name, value)
    commit(tmp_path)
    return tmp_path


def commit(checkout: Path) -> None:
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "Work")


def refused(checkout: Path, version: str = "0.2.0", steps: Sequence[Sequence[str]] = BUILD) -> str:
    """Why there is no release; the checkout must be as it was."""
    before = git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain"), git(checkout, "tag")
    with pytest.raises(NotReleased) as reason:
        release(checkout, version, DAY, steps)
    assert (git(checkout, "rev-parse", "HEAD"), git(checkout, "status", "--porcelain"), git(checkout, "tag")) == before
    return str(reason.value)


def test_what_was_unreleased_stands_under_the_version_and_nothing_is_unreleased(checkout: Path) -> None:
    release(checkout, "0.2.0", DAY, BUILD)
    before, _heading, rest = CHANGELOG.partition("## [Unreleased]\n")
    expected = f"{before}## [Unreleased]\n\n## [0.2.0] - 2026-01-31\n{rest}"
    assert (checkout / "CHANGELOG.md").read_text() == expected
    assert "lists nothing under ## [Unreleased]" in refused(checkout, "0.3.0")


def test_what_is_built_committed_and_tagged_is_the_new_version(checkout: Path) -> None:
    assert release(checkout, "0.2.0", DAY, BUILD) == "v0.2.0"
    assert '__version__ = "0.2.0"' in (checkout / "dist" / "__init__.py").read_text()
    assert '__version__ = "0.2.0"' in git(checkout, "show", "v0.2.0:sepme/__init__.py")
    assert git(checkout, "rev-parse", "v0.2.0^{commit}") == git(checkout, "rev-parse", "main")
    assert git(checkout, "status", "--porcelain") == ""


def test_a_step_that_fails_leaves_everything_as_it_was(checkout: Path) -> None:
    assert "Nothing was released" in refused(checkout, steps=(("false",),))


def test_what_is_not_committed_is_not_released(checkout: Path) -> None:
    (checkout / "new.py").write_text("")
    assert "new.py" in refused(checkout)


def test_a_release_is_made_on_main(checkout: Path) -> None:
    git(checkout, "switch", "--quiet", "--create", "other")
    assert "on other" in refused(checkout)


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "v1.0.0", "1.0", "", "1.0.0rc1"])
def test_only_a_version_that_comes_after_is_one(checkout: Path, version: str) -> None:
    said = refused(checkout, version)
    assert "does not come after" in said or "is no version" in said


def test_a_tag_is_never_set_again(checkout: Path) -> None:
    git(checkout, "tag", "v0.2.0")
    assert "released already" in refused(checkout)


@pytest.mark.parametrize("unreleased", ["", "### Added\n\n"])
def test_headings_alone_are_nothing_to_release(checkout: Path, unreleased: str) -> None:
    (checkout / "CHANGELOG.md").write_text(CHANGELOG.replace("### Added\n\n- Pictures of cats.\n\n", unreleased))
    commit(checkout)
    assert "lists nothing" in refused(checkout)


def test_without_a_changelog_there_is_no_release(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").unlink()
    commit(checkout)
    assert "no CHANGELOG.md" in refused(checkout)
