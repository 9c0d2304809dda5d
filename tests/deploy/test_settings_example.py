import re
from pathlib import Path

from sepme_core.settings import Settings

EXAMPLE = Path(__file__).parents[2] / "deploy" / "settings.example.env"
LINE = re.compile(r"^#?(SEPME_[A-Z_]+)=(.*)$", re.MULTILINE)
SHOWN_OTHERWISE = {
    "home",
    "database_url",
    "broker_url",
    "blob_url",
    "audit_heads",
    "erase_workers",
    "model_revision",
    "model_variant",
    "pulse_file",
    "classifier",
    "public_url",
    "allowed_hosts",
    "trusted_proxies",
    "keys_pepper",
    "webhooks",
    "webhooks_allow",
    "signing_key",
    "signing_certificates",
}  # defaults that depend, or are unset


def named() -> dict[str, str]:
    return {name.removeprefix("SEPME_").lower(): value for name, value in LINE.findall(EXAMPLE.read_text())}


def test_it_names_every_setting_and_no_other() -> None:
    assert set(named()) == set(Settings.model_fields)


def test_the_values_it_shows_are_the_defaults() -> None:
    shown = {name: value for name, value in named().items() if name not in SHOWN_OTHERWISE}
    read = Settings.model_validate_strings(shown)
    for name in shown:
        assert getattr(read, name) == Settings.model_fields[name].get_default(), name


def test_the_examples_of_places_are_accepted() -> None:
    places = {name: value for name, value in named().items() if name in SHOWN_OTHERWISE and value}
    assert set(places) == SHOWN_OTHERWISE - {"model_revision"}
    Settings.model_validate_strings(places)
