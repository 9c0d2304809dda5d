"""The pictures of the documentation, made by the method itself: ``python -m benchmarks.readme_picture``.

Five prompts in columns, what is erased in rows. `before-after.png`: nothing, the style sepia, the object cat; the two
erasures and the seed are those of the README's curl lines. `masks.png`: both together, then one given back, then both.
"""

from collections.abc import Mapping
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import generate
from sepme_core.drawing.request import PictureRequest
from sepme_core.erasure import ErasureCache, ErasureRequest, KnownConcept, erase, run_to_end
from sepme_core.evaluation.classifier import open_classifier
from sepme_core.increments.increment import Increment
from sepme_core.models.model import DiffusionModel, load_base

DOCUMENTATION = Path(__file__).parents[1] / "docs"
PROMPTS = ("a cat in sepia style", "a house in sepia style", "a cat in neon style", "a rocket in poster style", "a cat")
SEED = 7
SCALE, GAP, LABEL_WIDTH, HEADING_HEIGHT, FONT_SIZE = 2, 8, 128, 24, 12


def main() -> None:
    """Erase, draw, and write the pictures."""
    base = load_base("demo")
    cache = ErasureCache(base, open_classifier(None, MODEL_FOLDER))
    sepia = erase_concept(cache, ErasureRequest("sepia", "style", ("sepia",)), [])
    erased = [KnownConcept("sepia", "style", ("sepia",), erased=True)]
    cat = erase_concept(cache, ErasureRequest("cat", "object", ("cat",)), erased)
    write(base, "before-after.png", {"nothing erased": [], "sepia erased": [sepia], "cat erased": [cat]})
    write(base, "masks.png", {"both erased": [sepia, cat], "cat given back": [sepia], "both given back": []})


def write(base: DiffusionModel, name: str, rows: Mapping[str, list[Increment]]) -> None:
    """One picture of the documentation, a row for each mask."""
    lay_out({label: draw_row(base, increments) for label, increments in rows.items()}).save(
        DOCUMENTATION / name, optimize=True
    )
    print(f"written: {name}")


def erase_concept(cache: ErasureCache, request: ErasureRequest, known: list[KnownConcept]) -> Increment:
    """The increment of one concept."""
    return run_to_end(erase(cache.base, request, known, cache=cache)).increment


def draw_row(base: DiffusionModel, increments: list[Increment]) -> list[Image.Image]:
    """One picture for each prompt, all from the same noise, with the model's own defaults."""
    defaults = base.describe()["defaults"]
    requests = [PictureRequest(prompt, seed=SEED, **defaults) for prompt in PROMPTS]
    return [generate(base, request, increments)[0].image for request in requests]


def lay_out(rows: dict[str, list[Image.Image]]) -> Image.Image:
    """The pictures as a table, enlarged, with the prompts above and what is erased at the left."""
    side = SCALE * max(picture.width for row in rows.values() for picture in row)
    size = (LABEL_WIDTH + len(PROMPTS) * (side + GAP), HEADING_HEIGHT + len(rows) * (side + GAP))
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(FONT_SIZE)
    for column, prompt in enumerate(PROMPTS):
        at = (LABEL_WIDTH + column * (side + GAP) + side // 2, HEADING_HEIGHT // 2)
        pen.text(at, prompt, fill="black", font=font, anchor="mm")
    for line, (label, pictures) in enumerate(rows.items()):
        top = HEADING_HEIGHT + line * (side + GAP)
        pen.text((LABEL_WIDTH - 2 * GAP, top + side // 2), label, fill="black", font=font, anchor="rm")
        for column, picture in enumerate(pictures):
            enlarged = picture.resize((side, side), Image.Resampling.LANCZOS)
            page.paste(enlarged, (LABEL_WIDTH + column * (side + GAP), top))
    return page


if __name__ == "__main__":
    main()
