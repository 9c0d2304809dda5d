"""The demo model's bars: ``python -m benchmarks.demo_model``.

Every object in every style, two seeds, in wordings that training never saw: object right >= 90 %, style right >= 90 %,
by the judge; and the judge itself >= 97 % on pairs it never saw (needs the corpus: `--corpus`, which fetches the sets).
Writes a contact sheet beside the numbers.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from sepme_core.demo import MODEL_FOLDER
from sepme_core.drawing.draw import draw
from sepme_core.drawing.request import PictureRequest
from sepme_core.evaluation.accuracy import by_concept, every_pair, look_at_all, percent
from sepme_core.evaluation.judge import load_judge
from sepme_core.models.model import DiffusionModel, load_base


def main() -> None:
    """Print the numbers, and the worst cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--corpus", type=Path, default=None, help="the training's work folder, to judge the judge")
    parser.add_argument("--sheet", type=Path, default=Path("build/contact-sheet.png"))
    options = parser.parse_args()
    base, judge = load_base("demo"), load_judge(MODEL_FOLDER / "judge")
    objects, styles = base.suggestions.objects, base.suggestions.styles
    side = base.picture_side
    request = PictureRequest("", steps=options.steps, guidance_scale=4.0, width=side, height=side)
    seen = look_at_all(base, judge, every_pair(objects, styles, times=2), (), request)
    cells = by_concept(seen)
    print(f"object right {percent(each.object_right for each in seen):.1f} % (bar 90), {len(seen)} pictures")
    print(f"style right {percent(each.style_right for each in seen):.1f} % (bar 90)")
    for name in sorted(cells, key=lambda name: cells[name])[:5]:
        print(f"  among the worst: {name} {cells[name]:.1f} %")
    if options.corpus:
        judge_the_judge(options.corpus)
    draw_sheet(base, options.sheet, request)


def judge_the_judge(folder: Path) -> None:
    """Print the judge's accuracy on rendered pictures of pairs that its training left out."""
    from sepme_core.demo.training.judge import accuracy, held_out_pairs
    from sepme_core.demo.training.pictures import draw_corpus

    corpus = draw_corpus(folder)
    judge = load_judge(MODEL_FOLDER / "judge")
    unseen = accuracy(judge.network, corpus, held_out_pairs(*corpus.shape[:2]))
    print(f"judge on unseen pairs: object {100 * unseen['object']:.1f} %, look {100 * unseen['look']:.1f} % (bar 97)")


def draw_sheet(base: DiffusionModel, path: Path, request: PictureRequest) -> None:
    """A picture of every object (columns) in every style (rows)."""
    objects, styles = base.suggestions.objects, base.suggestions.styles
    sheet = Image.new("RGB", (request.width * len(objects), request.height * len(styles)))
    for row, style in enumerate(styles):
        pictures = draw(base, [f"a picture of the {each} by {style}" for each in objects], request)
        for column, picture in enumerate(pictures):
            sheet.paste(picture, (column * request.width, row * request.height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    print(f"contact sheet: {path}")


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
