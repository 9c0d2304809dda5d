import io
from pathlib import Path

import pytest
from PIL import Image

from sepme.command import main
from sepme.commands import pictures
from sepme.commands.endings import CannotDo
from sepme.commands.generate import read_mask
from tests.app.running import RunningService
from tests.sepme.commands.conftest import Run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is typed."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def seed_in(file: Path) -> int:
    """What the worker of these tests paints."""
    red, _, _ = Image.open(file).getpixel((0, 0))  # type: ignore[misc]
    return int(red)


def test_pictures_are_named_by_prompt_and_seed_and_never_overwritten(run: Run, worker: None, folder: Path) -> None:
    del worker
    said = run("generate", "A cat, in Sepia style", "--seed", "7", "-n", "2")
    assert said.status == 0
    assert [line.split("  ")[0] for line in said.out.splitlines()[:2]] == [
        "a-cat-in-sepia-style-7.png",
        "a-cat-in-sepia-style-8.png",
    ]
    assert said.out.splitlines()[2] == "Nothing was erased."
    assert seed_in(folder / "a-cat-in-sepia-style-8.png") == 8
    assert run("generate", "A cat, in Sepia style", "--seed", "7").out.startswith("a-cat-in-sepia-style-7-2.png")


def test_a_file_that_is_there_is_refused_before_anything_is_drawn(run: Run, worker: None, folder: Path) -> None:
    del worker
    (folder / "cat.png").write_text("mine")
    said = run("generate", "a cat", "--seed", "3", "-o", "cat.png")
    assert said.status == 2
    assert "--force" in said.err
    assert run("jobs", "--json").document["items"] == []
    assert run("generate", "a cat", "--seed", "3", "-o", "cat.png", "--force").status == 0
    assert seed_in(folder / "cat.png") == 3


def test_several_into_one_name_are_told_apart_by_their_seeds(run: Run, worker: None, folder: Path) -> None:
    del worker
    (folder / "out").mkdir()
    assert run("generate", "a cat", "--seed", "3", "-n", "2", "-o", "cat.png").status == 0
    assert run("generate", "a cat", "--seed", "5", "-o", "out").status == 0
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.png")} == {
        "cat-3.png",
        "cat-4.png",
        "out/a-cat-5.png",
    }


def test_one_goes_to_stdout(worker: None, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    del worker
    assert main(["generate", "a cat", "--seed", "9", "-o", "-"]) == 0
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).size == (64, 64)
    assert main(["generate", "a cat", "-n", "2", "-o", "-"]) == 2


def test_with_json_the_document_names_the_files(run: Run, worker: None) -> None:
    del worker
    assert run("erase", "cat").status == 0
    said = run("generate", "a dog", "--seed", "7", "--json")
    assert said.document["files"] == ["a-dog-7.png"]
    assert [each["name"] for each in said.document["result"]["mask"]["concepts"]] == ["cat"]
    assert run("generate", "a dog", "--seed", "8").out.splitlines()[-1] == "Without cat (version 1)."
    none = run("generate", "a dog", "--seed", "7", "--erased", "none", "--json")
    assert none.document["result"]["mask"]["concepts"] == []


def test_what_is_sent_is_what_was_typed(run: Run, service: RunningService) -> None:
    del service
    sizes = ("--width", "128", "--height", "64", "--steps", "5", "--scheduler", "euler", "--guidance-scale", "3.5")
    said = run(
        "generate", "a cat", *sizes, "--negative-prompt", "a dog", "-n", "3", "--seed", "2", "--no-wait", "--json"
    )
    asked = said.document["request"]
    assert (asked["width"], asked["height"], asked["steps"], asked["scheduler"]) == (128, 64, 5, "euler")
    assert (asked["count"], asked["seed"], asked["guidance_scale"], asked["negative_prompt"]) == (3, 2, 3.5, "a dog")


@pytest.mark.parametrize(
    ("erased", "mask"), [("active", "active"), ("none", []), ("cat", ["cat"]), ("cat, van-gogh", ["cat", "van-gogh"])]
)
def test_masks_as_they_are_typed(erased: str, mask: object) -> None:
    assert read_mask(erased) == mask


@pytest.mark.parametrize("erased", ["", ",", "none,cat", "active,cat"])
def test_masks_that_say_two_things_are_refused(erased: str) -> None:
    with pytest.raises(CannotDo, match="--erased"):
        read_mask(erased)


def test_names_of_files_are_the_prompts_words_and_bounded() -> None:
    assert pictures.named_after("../Ein Würfel; rm -rf /") == "ein-würfel-rm--rf"
    assert pictures.named_after("…") == "picture"
    assert len(pictures.named_after("word " * 100)) <= pictures.LONGEST_NAME + 8


def test_a_folder_that_is_not_there_is_refused(run: Run, service: RunningService) -> None:
    del service
    said = run("generate", "a cat", "-o", "nowhere/cat.png")
    assert said.status == 2
    assert "make it first" in said.err
