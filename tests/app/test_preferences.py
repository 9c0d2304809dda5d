import pytest

from app.headers import Preference, parse_preference

LIMIT = 600.0


@pytest.mark.parametrize(
    ("values", "preference"),
    [
        ([], Preference()),
        (["wait=60"], Preference(60)),
        (["Wait=60"], Preference(60)),
        (['wait="60"'], Preference(60)),
        (["wait = 60 ; strict"], Preference(60)),
        (["wait=0"], Preference(0)),
        (["wait=9999"], Preference(600)),
        (["respond-async"], Preference(None, asynchronous=True)),
        (["respond-async, wait=5"], Preference(5, asynchronous=True)),
        (["respond-async", "wait=5"], Preference(5, asynchronous=True)),
        (["wait=5, wait=9"], Preference(5)),
        (['handling=lenient; a="b, wait=3", return=minimal'], Preference()),
    ],
)
def test_preferences_are_read_as_rfc_7240_writes_them(values: list[str], preference: Preference) -> None:
    assert parse_preference(values, LIMIT) == preference


@pytest.mark.parametrize(
    ("preference", "header"),
    [
        (Preference(), {}),
        (Preference(5), {"Preference-Applied": "wait=5"}),
        (Preference(5, asynchronous=True), {"Preference-Applied": "wait=5, respond-async"}),
    ],
)
def test_only_what_was_honoured_is_said_to_be_applied(preference: Preference, header: dict[str, str]) -> None:
    assert preference.applied == header
