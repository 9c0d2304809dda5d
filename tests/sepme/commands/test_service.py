"""Which service, and with which key: the order, and what is kept from whom."""

from pathlib import Path

import pytest

from sepme.commands.endings import CannotDo
from sepme.commands.service import Service, chosen
from tests.sepme.commands.conftest import Run

TEXT = """
default = "studio"

[profiles.studio]
url = "https://studio.example/"
key = "sepme_of_studio"

[profiles.shop]
url = "https://shop.example"
key_file = "shop-key"

[profiles.open]
url = "http://open.example"
"""


def write(file: Path, text: str, mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


@pytest.fixture
def file(profiles: Path) -> Path:
    write(profiles.parent / "shop-key", "sepme_of_shop\n")
    return write(profiles, TEXT)


def test_where_nothing_names_one_it_is_this_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(None, None, None) == Service("http://127.0.0.1:8000", None, "")
    monkeypatch.setenv("SEPME_PORT", "9000")
    assert chosen(None, None, None).url == "http://127.0.0.1:9000"


def test_options_go_before_variables_and_those_before_the_default_profile(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del file
    assert chosen(None, None, None) == Service("https://studio.example", "sepme_of_studio", "profile studio")
    monkeypatch.setenv("SEPME_PROFILE", "shop")
    assert chosen(None, None, None) == Service("https://shop.example", "sepme_of_shop", "SEPME_PROFILE")
    monkeypatch.setenv("SEPME_URL", "http://variable.example")
    assert chosen(None, None, None) == Service("http://variable.example", None, "SEPME_URL")
    assert chosen(None, None, "shop") == Service("https://shop.example", "sepme_of_shop", "--profile")
    assert chosen("http://option.example", None, "shop") == Service("http://option.example", None, "--url")


def test_the_key_comes_from_the_file_named_then_the_profile_named_then_the_variable(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del file
    monkeypatch.setenv("SEPME_KEY", "sepme_of_variable")
    key_file = write(tmp_path / "key", "sepme_of_file\n")
    assert chosen(None, key_file, "shop").key == "sepme_of_file"
    assert chosen(None, None, "shop").key == "sepme_of_shop"
    assert chosen(None, None, "open").key == "sepme_of_variable"
    assert chosen(None, None, None).key == "sepme_of_variable"


def test_a_profiles_key_goes_to_its_own_address_alone(file: Path) -> None:
    del file
    assert chosen("http://elsewhere.example", None, None).key is None
    assert "sepme_of" not in repr(chosen(None, None, None))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_may_read_is_refused_with_the_remedy(profiles: Path, tmp_path: Path, mode: int) -> None:
    key_file = write(tmp_path / "key", "sepme_of_file", mode)
    with pytest.raises(CannotDo, match=f"chmod 600 {key_file}"):
        chosen(None, key_file, None)
    write(profiles, TEXT, mode)
    with pytest.raises(CannotDo, match=f"chmod 600 {profiles}"):
        chosen(None, None, "studio")


def test_a_file_of_profiles_without_a_key_may_be_read_by_others(profiles: Path) -> None:
    write(profiles, TEXT, 0o644)
    assert chosen(None, None, "open").url == "http://open.example"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("default = ", "is no TOML"),
        ('default = "none"', "has no profile 'none'; it has none"),
        ('default = "a"\nprofiles = 1', "profiles is no table"),
        ('default = "a"\n[profiles.a]\nkey = "k"', "takes url"),
        ('default = "a"\n[profiles.a]\nurl = "u"\nkey = "k"\nkey_file = "f"', "key_file or key"),
        ('default = "a"\n[profiles.a]\nurl = "u"\nkey_file = "f"', "cannot be read"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_with_the_reason(profiles: Path, text: str, reason: str) -> None:
    write(profiles, text)
    with pytest.raises(CannotDo, match=reason):
        chosen(None, None, None)


def test_a_key_is_no_option_since_everybody_may_read_command_lines(run: Run) -> None:
    said = run("concepts", "--key", "sepme_x")
    assert (said.status, said.out) == (2, "")
    assert "No such option: --key" in said.err


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, run: Run) -> None:
    said = run("concepts", "--key-file", str(write(tmp_path / "key", "two words")))
    assert said.status == 2
    assert "does not hold a key" in said.err
