import pytest

from sepme_core.demo.saying import TRAINING, say
from sepme_core.models.model import DiffusionModel
from sepme_core.terms import KINDS
from sepme_core.wordings import AROUND, BARE, HELD_OUT, MORE, TOGETHER, fill, in_company, mentions


@pytest.mark.parametrize(
    ("text", "phrase", "mentioned"),
    [
        ("a batman in the night", "bat", False),
        ("a wombat in the night", "bat", False),
        ("the Bat in the night", "bat", True),
        ("a bat", "BAT", True),
        ("bat, ink style", "bat", True),
        ("a portrait of Beyoncé", "beyoncé", True),
        ("BEYONCÉ smiling", "Beyoncé", True),
        ("a portrait of Beyoncé", "Beyonc", False),
        ("a portrait of Beyonce", "Beyoncé", False),
        ("the house of Frida Kahlo", "Frida Kahlo", True),
        ("frida", "Frida Kahlo", False),
        ("a man in the style of van gogh", " van gogh ", True),
        ("Spider-Man on a wall", "spider-man", True),
        ("a spider on a wall", "spider-man", False),
        ("cats", "cat", False),
        ("a picture (of a cat).", "a cat", True),
        ("c++ and r2.d2", "r2.d2", True),
        ("c++ and r2xd2", "r2.d2", False),
    ],
)
def test_a_phrase_is_mentioned_as_words_of_its_own_in_any_case(text: str, phrase: str, mentioned: bool) -> None:
    assert mentions(text, [phrase]) is mentioned
    assert mentions(text, ["elsewhere", phrase]) is mentioned


def test_no_phrase_is_mentioned_where_there_is_none() -> None:
    assert not mentions("a cat", [])


def in_roles(kind: str, patterns: tuple[str, ...]) -> set[str]:
    """Sentences of a style and an object, whichever of them is the concept."""
    return {fill(each, "ink", "cat") if kind == "style" else fill(each, "cat", "ink") for each in patterns}


@pytest.mark.parametrize("kind", KINDS)
def test_what_others_are_measured_on_is_never_worked_with(kind: str, base: DiffusionModel) -> None:
    held_out = in_roles(kind, HELD_OUT[kind])
    worked_with = set().union(
        *(in_roles(each, (*BARE[each], *TOGETHER[each], *MORE[each], *AROUND[each])) for each in KINDS)
    )
    trained = {say(each, "cat", "ink") for each in (*TRAINING.both, *TRAINING.object, *TRAINING.style)}
    assert len(held_out) == len(HELD_OUT[kind])
    assert not held_out & worked_with
    assert not held_out & trained
    assert not held_out & set(base.captions)


def test_each_pattern_in_company_is_filled_as_often_as_asked_with_other_companions() -> None:
    sentences = in_company(["a {}", "a {} by {other}"], ["cat", "owl"], ["ink", "neon", "chalk"], 2)
    assert sentences[:2] == ["a cat", "an owl"]
    assert len(sentences) == len(set(sentences)) == 2 + 4
    assert {each.split(" by ")[0] for each in sentences[2:]} == {"a cat", "an owl"}
