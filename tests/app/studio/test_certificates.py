from typing import Any

import pytest

from app.studio.certificates import figures, sentences, share
from tests.app.working import CERTIFICATE

WHOLE: dict[str, Any] = {
    "correlation": 0.0069,
    "relative_loss": 0.015,
    "leak": {
        "max": 0.0427,
        "concept": "penguin",
        "by_concept": {"penguin": 0.0427},
        "listed": {
            "max": 0.0427,
            "mean": 0.0232,
            "concept": "penguin",
            "sentences": 8,
            "by_concept": {"penguin": 0.0427},
        },
        "other": {"max": 0.387, "mean": 0.137, "concept": "penguin", "sentences": 75, "by_concept": {"penguin": 0.387}},
    },
    "substitute": {"phrase": "sailboat", "how": "chosen", "correlation": 0.017, "close_to": []},
    "forgotten": {
        "forgotten": True,
        "by": ["model", "judge"],
        "pictures": 6,
        "seen_before": 6,
        "seen": 0,
        "limit": 1,
        "margin": -1.1,
    },
    "overridden": ["concept-not-drawn"],
    "given_up": [{"concept": "acme", "overlap": 0.61}],
    "steps": 1,
    "loop": "ran out of steps",
    "overlap": {"max": 0.128, "concept": "penguin"},
    "directions": {"used": 16, "left": 202, "of": 256},
    "effect_kept": 0.98,
    "reason": "reprojected",
    "seconds": 22.6,
}


SAID = """
It is forgotten: with the increment the model itself and the demo model's classifier saw it in 0 of 6 pictures, without it in 6. In 1 it may be.
A prompt that names it draws “sailboat” instead, chosen by the service.
Of the correlation with what it was 1.5 % is left: 100 % would be no erasure, 0 % is unrelated.
Of what is to stay, “penguin” is moved most: by 4.3 % of its representation on its listed sentences, all of them by 2.3 % in the mean.
On other wordings, which no erasure works with, “penguin” is moved most: by 39 %, all of them by 14 % in the mean.
Its nearest neighbour is “penguin”: an erasure that protected nothing would act on that with 13 % of its strength.
It took one step of the optimiser: ran out of steps.
It took 23 seconds to make, its pictures included.
It takes 16 of the 256 directions; beside what is protected there were 202.
After making room for what came later it keeps 98 % of the effect that was trained.
By override the protection of “acme” was given up (overlap 61 %).
By override it serves although the model draws nothing for it.
"""  # noqa: E501  (a sentence a line)


def test_each_finding_is_a_sentence_with_its_figure_and_its_limit() -> None:
    assert "\n".join(sentences(WHOLE)) == SAID.strip()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("asked", "draws “sailboat” instead, as it was asked for"),
        ("absence", "is drawn as if it were not named"),
        ("away", "is drawn away from its kind"),
    ],
)
def test_what_is_drawn_instead_is_said_by_how_it_came_about(how: str, said: str) -> None:
    (sentence,) = sentences({"substitute": {"phrase": "sailboat", "how": how}})
    assert said in sentence


def test_what_is_not_forgotten_is_not_said_to_be() -> None:
    seen = {**WHOLE["forgotten"], "forgotten": False, "seen": 4}
    assert sentences({"forgotten": seen})[0].startswith("It is not forgotten: ")


def test_a_certificate_that_knew_nothing_else_says_so() -> None:
    listed: dict[str, Any] = {"max": 0.0, "mean": 0.0, "concept": None, "sentences": 0, "by_concept": {}}
    assert "Nothing else was known when it was made" in sentences({"leak": {"listed": listed}})[0]


def test_certificates_of_earlier_releases_say_what_they_have() -> None:
    assert sentences({}) == []
    assert sentences(CERTIFICATE) == []
    assert [figure.name for figure in figures(CERTIFICATE)] == ["correlation", "steps", "effect_kept"]


def test_the_figures_are_those_of_the_certificate() -> None:
    told = {figure.name: figure.value for figure in figures(WHOLE)}
    assert told["correlation"] == "0.0069"
    assert told["leak.other.max"] == "0.387"


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0 %"), (0.00034, "0.034 %"), (0.0427, "4.3 %"), (0.387, "39 %"), (1.0, "100 %")]
)
def test_shares_are_told_in_as_many_digits_as_they_deserve(value: float, said: str) -> None:
    assert share(value) == said
