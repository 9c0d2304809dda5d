"""The corpus of the demo model: every object in every look, rendered from openly licensed SVG sets.

The sets are npm packages, fetched with ``npm pack``; ``concepts.json`` lists package, icon name and licence of each.
Pictures are drawn at twice their final size, moved a little (rotation, scale, shift), filtered into their look and
reduced, so that the filters act on sharp lines.
"""

import json
import random
import subprocess
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from PIL import Image

from sepme_core.demo.looks import FILTERS

PICTURE_SIZE = 64
DRAWING_SIZE = 2 * PICTURE_SIZE
MARGIN = 0.06


@dataclass(frozen=True)
class Look:
    """One hand in which objects are drawn: a pictograph set and a filter."""

    name: str
    package: str
    licence: str
    filter: str


@dataclass(frozen=True)
class Concepts:
    """What the corpus draws. The first look has no name in prompts: it is taken where no style is asked."""

    objects: dict[str, str]  # object: icon name
    looks: tuple[Look, ...]

    @property
    def styles(self) -> tuple[str, ...]:
        """The looks that prompts can name."""
        return tuple(look.name for look in self.looks[1:])


@lru_cache(maxsize=1)
def load_concepts() -> Concepts:
    """Objects and looks of the packaged ``concepts.json``."""
    data = json.loads(files("sepme_core.demo").joinpath("concepts.json").read_text())
    return Concepts(data["objects"], tuple(Look(name, **look) for name, look in data["looks"].items()))


def fetch_set(package: str, folder: Path) -> Path:
    """The unpacked npm package, fetched if it is not in ``folder`` yet."""
    target = folder / package.replace("/", "--")
    if not (target / "package" / "icons.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
        ).stdout.strip()
        with tarfile.open(folder / packed) as archive:
            archive.extractall(target, filter="data")
    return target / "package" / "icons.json"


@lru_cache(maxsize=16)
def read_set(path: Path) -> dict[str, object]:
    """The icon table of one set."""
    table: dict[str, object] = json.loads(path.read_text())
    return table


def render_drawing(path: Path, icon: str) -> Image.Image:
    """One icon as RGBA at drawing size, with a margin, on a transparent ground."""
    import resvg_py

    table = read_set(path)
    icons, aliases = table["icons"], table.get("aliases", {})
    assert isinstance(icons, dict)
    assert isinstance(aliases, dict)
    while icon not in icons:
        icon = aliases[icon]["parent"]
    width = icons[icon].get("width", table.get("width", 16))
    height = icons[icon].get("height", table.get("height", 16))
    side = max(width, height) * (1 + 2 * MARGIN)
    left, top = (width - side) / 2, (height - side) / 2
    body = icons[icon]["body"].replace("currentColor", "#101010")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="{left} {top} {side} {side}" width="{DRAWING_SIZE}" height="{DRAWING_SIZE}">{body}</svg>'
    )
    return Image.open(BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")


def move(drawing: Image.Image, random_: random.Random) -> Image.Image:
    """A small random rotation, scale and shift."""
    side = drawing.width
    scale = random_.uniform(0.82, 1.0)
    shift = tuple(round(random_.uniform(-0.05, 0.05) * side) for _ in range(2))
    turned = drawing.rotate(random_.uniform(-12, 12), resample=Image.Resampling.BICUBIC)
    small = turned.resize((round(side * scale),) * 2, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", drawing.size, (0, 0, 0, 0))
    corner = tuple((side - small.width) // 2 + offset for offset in shift)
    canvas.paste(small, corner)  # type: ignore[arg-type]
    return canvas


def draw(drawing: Image.Image, look: Look) -> Image.Image:
    """The drawing in its look, RGB at picture size."""
    picture = FILTERS[look.filter](drawing)
    return picture.resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BOX)


def drawings(folder: Path) -> dict[tuple[str, str], Image.Image]:
    """The clean RGBA drawing of every (object, look)."""
    concepts = load_concepts()
    return {
        (name, look.name): render_drawing(fetch_set(look.package, folder), icon)
        for look in concepts.looks
        for name, icon in concepts.objects.items()
    }
