"""The options that the front end lets through are those that the method knows, in the method's ranges."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import ValidationError

from app.concepts.schemas import ErasureBody
from sepme_core.options import ErasureOptions, ErasureSettings

NUMBERS = [field.name for field in fields(ErasureSettings) if field.name not in {"variant", "start", "target"}]


def accepts(options: dict[str, Any]) -> bool:
    try:
        ErasureOptions(**options)
    except ValidationError:
        return False
    return True


def method_accepts(options: dict[str, Any]) -> bool:
    try:
        ErasureSettings.from_options(options)
    except ValueError:
        return False
    return True


def test_the_options_are_those_of_the_method() -> None:
    assert list(ErasureOptions.model_fields) == [field.name for field in fields(ErasureSettings)]
    for variant in ("sepme", "published", "both"):
        assert accepts({"variant": variant}) == method_accepts({"variant": variant})
    for start in ("closed-form", "zero", "random"):
        assert accepts({"start": start}) == method_accepts({"start": start})
    for target in ("by-kind", "counterpart", "substitute", "swap"):
        assert accepts({"target": target}) == method_accepts({"target": target})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [
        -2,
        -1,
        0,
        1,
        2,
        64,
        65,
        256,
        257,
        10_000,
        10_001,
        1e-9,
        1e-8,
        0.5,
        0.51,
        0.999,
        1.5,
        10.0,
        10.5,
        1e4,
        1e6,
        1e6 + 1,
        True,
        "1",
    ],
)
def test_a_value_is_accepted_where_the_method_accepts_it(name: str, value: Any) -> None:
    assert accepts({name: value}) == method_accepts({name: value})


@pytest.mark.parametrize("options", [{"variant": "published"}, {"target": "counterpart"}])
def test_a_substitute_that_would_never_be_drawn_is_refused_and_what_to_leave_out_is_named(
    options: dict[str, Any],
) -> None:
    ErasureBody.model_validate({"options": options})
    with pytest.raises(ValidationError, match="leave substitute out") as refused:
        ErasureBody.model_validate({"substitute": "a heart", "options": options})
    assert refused.value.errors()[0]["loc"] == ("options",)
