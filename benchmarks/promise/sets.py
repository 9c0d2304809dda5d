"""What is erased together, and the wordings of the pictures: fixed before anything was tuned on them."""

import random
from collections.abc import Collection, Sequence

from sepme_core.evaluation.accuracy import Asked
from sepme_core.models.model import Suggestions

DRAWN = "the promise, November 2026"
WORDINGS = (
    "the {object} as {style} style",
    "{an_object} made by {style}",
    "{a_style} image of {an_object}",
    "this {object} in the style of {style}",
    "a drawing in {style} style of the {object}",
    "picture of {an_object} by {style}",
    "{an_object}, by {style}",
    "one {style} {object}",
    "an image by {style} of one {object}",
    "an image of {an_object}, {style} style",
    "the {object}, in the style of {style}",
    "drawing of {an_object}, {style}",
)
"""In neither the sentences of an eraser nor the demo model's training."""
FIRST_SEED = 1000
BLOCK = 24  # pictures of one style and turn


def sets_of(suggestions: Suggestions) -> dict[str, list[str]]:
    """Six objects, six styles, three of each, sixteen objects, everything."""
    objects, styles = suggestions.objects, suggestions.styles
    drawn = random.Random(DRAWN)
    six_objects, six_styles = drawn.sample(objects, 6), drawn.sample(styles, 6)
    mixed = [*drawn.sample(objects, 3), *drawn.sample(styles, 3)]
    return {
        "six-objects": six_objects,
        "six-styles": six_styles,
        "six-mixed": mixed,
        "sixteen-objects": drawn.sample(objects, 16),
        "all-33": [*objects, *styles],
    }


def block(suggestions: Suggestions, style: str, turn: int) -> list[Asked]:
    """Every object in one style, in changing wordings; their seeds follow each other, so that one batch draws them."""
    column = suggestions.styles.index(style)
    first = FIRST_SEED + BLOCK * (len(suggestions.styles) * turn + column)
    return [
        Asked(object_, style, WORDINGS[(5 * row + 7 * column + turn) % len(WORDINGS)], first + row)
        for row, object_ in enumerate(suggestions.objects)
    ]


def blocks(suggestions: Suggestions, erased: Collection[str], cell: int) -> list[list[Asked]]:
    """Blocks in which every concept, and of what is kept every one beside what is kept, has ``cell`` pictures."""
    kept_styles = [style for style in suggestions.styles if style not in erased]
    kept_objects = [each for each in suggestions.objects if each not in erased]
    beside = kept_styles or suggestions.styles
    turns = max(-(-cell // len(beside)), -(-cell // max(len(kept_objects), 1)) if kept_styles and kept_objects else 1)
    few = -(-cell // len(suggestions.objects)) if kept_styles else turns
    return [
        block(suggestions, style, turn)
        for style in suggestions.styles
        for turn in range(turns if style in beside else few)
    ]


def companions(suggestions: Suggestions, kind: str, erased: Collection[str]) -> Sequence[str]:
    """What a concept of the kind can stand beside while others are erased."""
    names = suggestions.objects if kind == "style" else suggestions.styles
    return [name for name in names if name not in erased]
