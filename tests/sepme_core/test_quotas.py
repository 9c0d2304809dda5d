"""Quotas are read as they are written; what is none is refused by name."""

from typing import Any

import pytest

from sepme_core.quotas import Quotas


def test_quotas_are_read_as_they_are_written() -> None:
    for quotas in (Quotas(), Quotas(pictures_a_minute=30), Quotas(9, 30, 5)):
        assert Quotas.of(quotas.document()) == quotas
    assert Quotas.of({}) == Quotas()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"pictures_an_hour": 3}, "no quota 'pictures_an_hour'; those there are: waiting_jobs"),
        ({"waiting_jobs": 0}, "waiting_jobs must be a whole number from 1"),
        ({"erasures_a_day": True}, "erasures_a_day must be a whole number"),
        ({"pictures_a_minute": "30"}, "pictures_a_minute must be a whole number"),
    ],
)
def test_what_is_no_quota_is_refused_by_name(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Quotas.of(document)
