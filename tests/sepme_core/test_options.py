from typing import Any

import pytest

from sepme_core.erasure import ErasureSettings


def test_options_replace_defaults_and_nothing_else() -> None:
    settings = ErasureSettings.from_options({"max_steps": 7, "learning_rate": 1})
    assert settings.max_steps == 7
    assert settings.learning_rate == 1.0
    assert settings.to_options() == ErasureSettings(max_steps=7, learning_rate=1.0).to_options()


@pytest.mark.parametrize(
    "options",
    [{"steps": 3}, {"max_steps": -1}, {"max_steps": 1.5}, {"start": "random"}, {"seed": True}, {"ridge": "much"}],
)
def test_a_bad_option_is_refused_by_its_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        ErasureSettings.from_options(options)


@pytest.mark.parametrize("target", ["swap", "substitute"])
def test_what_only_an_earlier_release_knew_is_left_out_of_stored_settings(target: str) -> None:
    stored = {**ErasureSettings(seed=3).to_options(), "overshoot": 0.4, "target": target}
    assert ErasureSettings.from_stored(stored) == ErasureSettings(seed=3, target="substitute")
    with pytest.raises(ValueError, match="overshoot"):
        ErasureSettings.from_options(stored)
