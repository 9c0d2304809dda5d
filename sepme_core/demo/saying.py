"""The sentences of the demo model: those it is trained on, and those kept for evaluation alone."""

from dataclasses import dataclass

TRAINING_BOTH = (
    "{an_object} in {style} style",
    "{an_object} in the style of {style}",
    "{style} style {object}",
    "a picture of {an_object} in {style} style",
    "a picture of {an_object} in the style of {style}",
    "{an_object} by {style}",
    "a picture of {an_object} by {style}",
    "{object}, {style} style",
    "the {object} in the style of {style}",
    "{a_style} style picture of {an_object}",
    "an image of {an_object} in the style of {style}",
    "a drawing of the {object} by {style}",
    "{object} in {style}",
    "one {object} drawn in {style} style",
    "{a_style} {object}",
    "{style}, {an_object}",
    "{a_style} drawing of {an_object}",
    "in the style of {style}, {an_object}",
)
TRAINING_OBJECT = (
    "{an_object}",
    "a picture of {an_object}",
    "{object}",
    "the {object}",
    "an image of {an_object}",
    "one {object}",
    "a drawing of the {object}",
)
TRAINING_STYLE = (
    "{style} style",
    "in the style of {style}",
    "by {style}",
    "{style}",
    "a picture in {style} style",
    "a drawing by {style}",
)

HELD_OUT_BOTH = (
    "a drawing of {an_object} in {style} style",
    "the {object} by {style}",
    "an image of the {object} in {style} style",
    "{a_style} picture of the {object}",
    "one {object} in the style of {style}",
    "{object} drawn by {style}",
)
HELD_OUT_OBJECT = ("a picture of the {object}", "an image of one {object}", "a drawing of {an_object}")
HELD_OUT_STYLE = ("an image in the style of {style}", "a picture by {style}", "drawn in {style} style")


@dataclass(frozen=True)
class Wordings:
    """Sentence patterns by what they name."""

    both: tuple[str, ...]
    object: tuple[str, ...]
    style: tuple[str, ...]


TRAINING = Wordings(TRAINING_BOTH, TRAINING_OBJECT, TRAINING_STYLE)
HELD_OUT = Wordings(HELD_OUT_BOTH, HELD_OUT_OBJECT, HELD_OUT_STYLE)


def with_article(noun: str) -> str:
    """The noun behind its indefinite article: "a cat", "an apple"."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def say(pattern: str, object_: str = "", style: str = "") -> str:
    """The sentence that ``pattern`` makes of an object and a style."""
    return pattern.format(object=object_, style=style, an_object=with_article(object_), a_style=with_article(style))
