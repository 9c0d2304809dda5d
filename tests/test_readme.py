"""The README as a newcomer follows it: its lines, word for word, against the service it starts."""

import re
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.request import pixel_digest
from sepme_core.evaluation.judge import Verdict, load_judge
from tests.documents import blocks
from tests.sepme.service import serving

PAGE = "README.md"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Followed:
    """What came of the page's lines: the folder they were run in, and what they printed."""

    folder: Path
    printed: str

    def picture(self, name: str) -> Image.Image:
        """A picture that they fetched."""
        return Image.open(self.folder / name)

    def verdict(self, name: str) -> Verdict:
        """What the judge sees in it."""
        (verdict,) = load_judge(MODEL_FOLDER / "judge").look_at([self.picture(name)])
        return verdict


def lines_to_run() -> str:
    """All that the page has one type into the second shell."""
    return "\n".join(block for block in blocks(PAGE, "sh") if not block.startswith("make "))


def port() -> int:
    """The one port that the lines speak to."""
    (only,) = set(re.findall(r"127\.0\.0\.1:(\d+)", lines_to_run()))
    return int(only)


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    with socket.create_server(("127.0.0.1", port())):
        pass  # another service there would be the one that is tested
    folder = tmp_path_factory.mktemp("newcomer")
    with serving(tmp_path_factory.mktemp("home"), SEPME_PORT=str(port())):
        command = ("bash", "-e", "-o", "pipefail", "-c", lines_to_run())
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Followed(folder, done.stdout)


@pytest.fixture(scope="module")
def followed_with_a_key(followed: Followed, tmp_path_factory: pytest.TempPathFactory) -> Followed:
    """The same lines once more, on the service that the page's key has closed."""
    del followed  # its service runs
    folder = tmp_path_factory.mktemp("holder")
    (keyed,) = blocks(PAGE, "bash")
    command = ("bash", "-e", "-o", "pipefail", "-c", f"{keyed}\n{lines_to_run()}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = httpx.get(f"http://127.0.0.1:{port()}/concepts", trust_env=False)
    assert answer.status_code == 401
    return Followed(folder, done.stdout)


def test_with_nothing_erased_the_cat_is_there_in_sepia(followed: Followed) -> None:
    assert followed.verdict("original.png") == Verdict("cat", "sepia")


def test_the_style_is_gone_where_it_is_in_the_list_and_the_cat_stays(followed: Followed) -> None:
    verdict = followed.verdict("without-sepia.png")
    assert verdict.look != "sepia"
    assert verdict.object == "cat"


def test_the_object_is_gone_where_it_is_in_the_list_and_the_style_stays(followed: Followed) -> None:
    verdict = followed.verdict("without-cat.png")
    assert verdict.object != "cat"
    assert verdict.look == "sepia"


def test_both_are_gone_where_all_that_is_erased_is_left_out(followed: Followed) -> None:
    verdict = followed.verdict("without-both.png")
    assert verdict.object != "cat"
    assert verdict.look != "sepia"


def test_after_restoring_the_pixels_are_the_first_ones(followed: Followed) -> None:
    first, last = (pixel_digest(followed.picture(name)) for name in ("original.png", "restored.png"))
    assert first == last


def test_with_a_key_the_same_lines_do_the_same(followed: Followed, followed_with_a_key: Followed) -> None:
    """An increment may have been made better meanwhile, since the other became known; the model's own pixels stay."""
    for name in ("original.png", "restored.png"):
        assert pixel_digest(followed.picture(name)) == pixel_digest(followed_with_a_key.picture(name)), name
    seen = {name: followed_with_a_key.verdict(f"without-{name}.png") for name in ("sepia", "cat", "both")}
    assert [verdict.look == "sepia" for verdict in seen.values()] == [False, True, False]
    assert [verdict.object == "cat" for verdict in seen.values()] == [True, False, False]


def test_the_answers_are_those_that_the_page_shows(followed: Followed) -> None:
    """Numbers differ between machines; what stands between the ellipses must be there, in this order."""
    rest = without_numbers(followed.printed)
    for piece in without_numbers("…".join(blocks(PAGE, "text"))).split("…"):
        _before, found, rest = rest.partition(piece)
        assert found == piece, f"not printed, or not in this order: {piece}"


def without_numbers(text: str) -> str:
    """A text without its white space, every number in it the same."""
    return re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "0", "".join(text.split()))
