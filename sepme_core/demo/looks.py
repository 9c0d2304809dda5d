"""The picture filters that turn one open pictograph set into several looks.

Each filter takes an RGBA drawing on a transparent ground, shape (height, width, 4), and returns RGB of the same
size. The grounds differ on purpose: a look must be told from every other at 64 pixels.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

Filter = Callable[[Image.Image], Image.Image]

MOSAIC_CELLS = 16


def on_ground(drawing: Image.Image, colour: str) -> Image.Image:
    """The drawing composed over a flat ground."""
    ground = Image.new("RGBA", drawing.size, colour)
    return Image.alpha_composite(ground, drawing).convert("RGB")


def silhouette(drawing: Image.Image, colour: str, ground: str) -> Image.Image:
    """The drawing's opaque parts in one colour."""
    picture = Image.new("RGB", drawing.size, ground)
    picture.paste(Image.new("RGB", drawing.size, colour), mask=drawing.getchannel("A"))
    return picture


def plain(drawing: Image.Image) -> Image.Image:
    """The set as it is, on white."""
    return on_ground(drawing, "white")


def blueprint(drawing: Image.Image) -> Image.Image:
    """Pale shapes on deep blue, as a cyanotype."""
    return silhouette(drawing, "#e8f2ff", "#1b3f94")


def sepia(drawing: Image.Image) -> Image.Image:
    """Brown tones on cream paper."""
    grey = ImageOps.autocontrast(ImageOps.grayscale(on_ground(drawing, "white")))
    return ImageOps.colorize(grey, black="#3a1f08", mid="#a8713a", white="#f0dcb4")


def mosaic(drawing: Image.Image) -> Image.Image:
    """Square tiles with grey joints on an off-white ground."""
    cell = drawing.width // MOSAIC_CELLS
    tiles = on_ground(drawing, "#f2f2ee").resize((MOSAIC_CELLS, MOSAIC_CELLS), Image.Resampling.BOX)
    pixels = np.array(tiles.resize(drawing.size, Image.Resampling.NEAREST))
    joint = max(1, cell // 4)
    for line in range(0, drawing.width, cell):
        pixels[line : line + joint, :] = 120
        pixels[:, line : line + joint] = 120
    return Image.fromarray(pixels)


def negative(drawing: Image.Image) -> Image.Image:
    """Colours inverted, so that the ground is black."""
    return ImageOps.invert(on_ground(drawing, "white"))


def neon(drawing: Image.Image) -> Image.Image:
    """Glowing magenta outlines on black violet."""
    grey = ImageOps.grayscale(on_ground(drawing, "white"))
    edges = grey.filter(ImageFilter.MaxFilter(3))
    edges = ImageChops.difference(edges, grey.filter(ImageFilter.MinFilter(3)))
    edges = ImageOps.autocontrast(edges, cutoff=1).filter(ImageFilter.MaxFilter(3))
    glow = ImageChops.lighter(edges, edges.filter(ImageFilter.GaussianBlur(drawing.width / 32)))
    return ImageOps.colorize(glow, black="#12001f", mid="#e0119d", white="#ffe3fb")


def chalk(drawing: Image.Image) -> Image.Image:
    """White strokes on a green board."""
    return silhouette(drawing, "#f4f4ea", "#22634a")


def risograph(drawing: Image.Image) -> Image.Image:
    """Two inks: dark violet on pink."""
    grey = ImageOps.autocontrast(ImageOps.grayscale(on_ground(drawing, "white")))
    return ImageOps.colorize(grey, black="#2b0a6b", mid="#c2348f", white="#ff9fc0")


def poster(drawing: Image.Image) -> Image.Image:
    """Three levels a channel, on bright cyan."""
    flat = drawing.convert("RGB").point(lambda level: round(level / 127.5) * 127.5)
    ground = Image.new("RGB", drawing.size, "#4fd3ee")
    ground.paste(flat, mask=drawing.getchannel("A"))
    return ground


FILTERS: dict[str, Filter] = {
    filter_.__name__: filter_ for filter_ in (plain, blueprint, sepia, mosaic, negative, neon, chalk, risograph, poster)
}
