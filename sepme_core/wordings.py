"""The sentences put around a concept, by its kind, and the company in which it is shown while it is erased.

CLIP's text encoder is causal: a word has another embedding in each sentence. So a concept is erased, and protected, in
several sentences; the wordings by which results are judged are kept out of here.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

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

MORE: dict[str, tuple[str, ...]] = {
    "style": ("a picture in {} style", "a drawing by {}", "in {}", "{} picture"),
    "object": ("an image of a {}", "a drawing of a {}", "one {}", "picture of the {}"),
    "person": ("an image of {}", "a drawing of {}", "a photo of {}"),
    "explicit": ("an image of {}", "a photo of {}"),
    "other": ("an image of {}", "a drawing of {}", "the {}", "one {}"),
}
"""Further sentences that name a concept alone, in which it is protected too."""

AROUND: dict[str, tuple[str, ...]] = {
    "style": (
        *TOGETHER["style"],
        "in the style of {}, a {other}",
        "{}, a {other}",
        "the {other} in {}",
        "a drawing of the {other} by {}",
        "{} {other}",
        "my {other} in {} style",
        "that {other} by {}",
        "old {} {other}",
        "look at the {other} in the style of {}",
        "photo of the {other} by {}",
        "with a {other}, {} style",
        "show the {other} in {}",
        "a new {} picture of two {other}",
        "big {} drawing, a {other}",
        "my {} style",
        "that picture by {}",
        "show {}",
        "with {} style",
    ),
    "object": (
        *TOGETHER["object"],
        "in the style of {other}, a {}",
        "{other}, a {}",
        "the {} in {other}",
        "a drawing of the {} by {other}",
        "{other} {}",
        "my {} in {other} style",
        "that {} by {other}",
        "old {other} {}",
        "look at the {} in the style of {other}",
        "photo of the {} by {other}",
        "with a {}, {other} style",
        "show the {} in {other}",
        "a new {other} picture of two {}",
        "big {other} drawing, a {}",
        "my {}",
        "that old {}",
        "show two {}",
        "with a big {}",
    ),
    "person": (
        *TOGETHER["person"],
        "in the style of {other}, {}",
        "{other} portrait of {}",
        "a drawing of {} by {other}",
        "look at {} in the style of {other}",
        "photo of {} by {other}",
        "my picture of {}",
        "that is {}",
        "with {}",
    ),
    "explicit": (
        *TOGETHER["explicit"],
        "in the style of {other}, {}",
        "a drawing of {} by {other}",
        "photo of {} by {other}",
        "my {} picture",
    ),
    "other": (
        *TOGETHER["other"],
        "in the style of {other}, {}",
        "a drawing of the {} by {other}",
        "{other} {}",
        "look at the {} in the style of {other}",
        "photo of {} by {other}",
        "my {}",
        "that {} by {other}",
        "with {}",
    ),
}
"""Sentences, alone and beside another one, in which acting on a known concept costs. They open in many ways: what
stands before a word changes its embedding, and an increment acts as it likes on what it was never shown."""

HELD_OUT: dict[str, tuple[str, ...]] = {
    "style": (
        "an image by {}",
        "drawn in {}",
        "a picture by {}",
        "one picture in {} style",
        "a {other} drawn by {}",
        "this {other} by {}",
        "{} drawing of the {other}",
        "drawn in the style of {}, the {other}",
        "an image of one {other} in {}",
        "one {other} in {} style",
        "seen by {}, this {other}",
        "every {other} in the style of {}",
        "a small {other} and {} style",
        "made in {} for a {other}",
        "this is {}",
        "small {} {other} here",
    ),
    "object": (
        "an image of the {}",
        "a small {}",
        "drawing of one {}",
        "the {} in a picture",
        "a {} drawn by {other}",
        "this {} by {other}",
        "{other} drawing of the {}",
        "drawn in the style of {other}, the {}",
        "an image of one {} in {other}",
        "one {} in {other} style",
        "seen by {other}, this {}",
        "every {} in the style of {other}",
        "a small {} and {other} style",
        "made in {other} for a {}",
        "this is a {}",
        "small {other} {} here",
    ),
    "person": (
        "a painting of {}",
        "{} in a street",
        "drawn by {other}, {}",
        "a {other} drawing of {}",
        "an image of {} in {other}",
        "this is {}",
        "every picture of {} in the style of {other}",
    ),
    "explicit": (
        "a painting of {}",
        "drawn by {other}, {}",
        "an image of {} in {other}",
        "this is {}",
    ),
    "other": (
        "an image of the {}",
        "drawing of one {}",
        "a {} drawn by {other}",
        "drawn in the style of {other}, the {}",
        "an image of one {} in {other}",
        "this {} by {other}",
        "seen by {other}, the {}",
        "small {} here",
    ),
}
"""Sentences that no erasure ever works with: what an increment does to other wordings is measured on them."""

PLAIN: dict[str, tuple[str, ...]] = {
    "object": ("something", "a thing", "a shape"),
    "other": ("something", "a thing", "a shape"),
    "person": ("a person", "someone", "a man", "a woman"),
}
"""What can stand in for a concept where everything of its kind is erased, or the model's card names nothing."""

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


def mentions(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text holds one of the phrases as words of its own, in any case: "a batman" does not mention "bat".

    White space and the ways to write an accent make no difference, as they make none to a tokenizer.
    """
    said = normalised(text)
    return any(re.search(rf"(?<!\w){re.escape(normalised(phrase))}(?!\w)", said) for phrase in phrases)


def normalised(text: str) -> str:
    """A text in one spelling: composed accents, no case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


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


def in_company(patterns: Sequence[str], prompts: Sequence[str], companions: Sequence[str], each: int) -> list[str]:
    """Every prompt in every pattern; one that wants company is filled ``each`` times, with changing companions."""
    sentences = []
    for place, pattern in enumerate(patterns):
        turns = range(each if "{other}" in pattern else 1)
        others = [companions[(7 * place + 5 * turn) % len(companions)] if companions else "" for turn in turns]
        sentences += [fill(pattern, prompt, other) for prompt in prompts for other in others]
    return list(dict.fromkeys(sentences))
