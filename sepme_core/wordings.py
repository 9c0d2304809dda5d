"""The sentences put around a concept, by its kind, and the company in which it is shown while it is erased.

CLIP's text encoder is causal: a word has another embedding in each sentence. So a concept is erased, and protected, in
several sentences; the wordings by which results are judged are kept out of here.
"""

from collections.abc import Sequence

BARE: dict[str, tuple[str, ...]] = {
    "style": ("{}", "{} style", "in the style of {}", "by {}"),
    "object": ("{}", "a {}", "the {}", "a picture of a {}"),
    "person": ("{}", "a picture of {}", "a portrait of {}", "{} smiling"),
    "explicit": ("{}", "a picture of {}", "{} person"),
    "other": ("{}", "a {}", "a picture of {}", "{} picture"),
}
"""A concept named alone."""

TOGETHER: dict[str, dict[str, str]] = {
    "style": {
        "a {other} in {} style": "a {other}",
        "a {other} in the style of {}": "a {other}",
        "a {other} by {}": "a {other}",
        "{} style {other}": "{other}",
        "a {} picture of a {other}": "a picture of a {other}",
        "{other}, {} style": "{other}",
    },
    "object": {
        "a {} in {other} style": "{other} style",
        "a {} in the style of {other}": "in the style of {other}",
        "a {} by {other}": "by {other}",
        "{other} style {}": "{other} style",
        "a {other} picture of a {}": "a picture in {other} style",
        "{}, {other} style": "{other} style",
    },
    "person": {
        "{} in {other} style": "a person in {other} style",
        "a portrait of {} in the style of {other}": "a portrait in the style of {other}",
        "{} by {other}": "a person by {other}",
    },
    "explicit": {
        "{} in {other} style": "a person in {other} style",
        "a picture of {} in the style of {other}": "a picture in the style of {other}",
    },
    "other": {
        "{} in {other} style": "{other} style",
        "a picture of {} in the style of {other}": "a picture in the style of {other}",
    },
}
"""A concept beside another one (a style beside an object, everything else beside a style), and the counterpart: the
sentence that says the rest without the concept."""

SUBJECTS = (
    "cat", "dog", "horse", "tree", "house", "car", "flower", "boat", "bridge", "mountain", "chair", "bird", "woman",
    "man", "street", "lake",
)  # fmt: skip
"""Common subjects, for models whose card says nothing of what they draw."""

MANNERS = (
    "photographic", "watercolour", "oil painting", "pencil sketch", "cartoon", "pixel art", "engraving", "pastel",
)  # fmt: skip
"""Common manners of drawing, likewise."""

VOWELS = "aeiou"


def fill(pattern: str, phrase: str, other: str = "") -> str:
    """The sentence that ``pattern`` makes of a phrase; ``a`` becomes ``an`` before a vowel."""
    words = pattern.split(" ")
    for index, word in enumerate(words[:-1]):
        following = words[index + 1].format(phrase, other=other)
        if word == "a" and following[:1].lower() in VOWELS:
            words[index] = "an"
    return " ".join(words).format(phrase, other=other)


def listed(kind: str, prompts: Sequence[str]) -> list[str]:
    """A concept's listed prompts: its own, bare, and in the sentences of its kind."""
    return [fill(pattern, prompt) for prompt in prompts for pattern in BARE[kind]]
