from sepme_core.demo.saying import HELD_OUT, TRAINING, say
from sepme_core.wordings import BARE, TOGETHER, fill


def sentences(patterns: tuple[str, ...]) -> set[str]:
    return {say(pattern, "cat", "ink") for pattern in patterns}


def test_held_out_wordings_are_neither_trained_on_nor_erased_by() -> None:
    held_out = sentences(HELD_OUT.both) | sentences(HELD_OUT.object) | sentences(HELD_OUT.style)
    trained = sentences(TRAINING.both) | sentences(TRAINING.object) | sentences(TRAINING.style)
    erased = {fill(pattern, "ink", "cat") for pattern in (*BARE["style"], *TOGETHER["style"])}
    erased |= {fill(pattern, "cat", "ink") for pattern in (*BARE["object"], *TOGETHER["object"])}
    assert not held_out & trained
    assert not held_out & erased


def test_an_article_fits_its_noun() -> None:
    assert say("{an_object} by {style}", "octopus", "ink") == "an octopus by ink"
    assert say("{a_style} {object}", "octopus", "neon") == "a neon octopus"
    assert fill("a {} picture of a {other}", "ink", "cat") == "an ink picture of a cat"
    assert fill("a picture of a {}", "apple") == "a picture of an apple"


def test_a_counterpart_says_the_rest() -> None:
    for kind, patterns in TOGETHER.items():
        for pattern, without in patterns.items():
            assert "{other}" in pattern, kind
            assert "{other}" in without
            assert "{}" not in without
