"""A figure of closed areas at any size, with a dab of colour for each, and what scans and tone make of it."""

import numpy as np
from PIL import Image, ImageDraw

AREAS = {  # x, y as shares of the page; colour
    "sky": (0.08, 0.08, (191, 227, 255)),
    "face": (0.5, 0.34, (242, 201, 160)),
    "shirt": (0.5, 0.70, (208, 60, 60)),
    "sun": (0.86, 0.14, (255, 210, 60)),
    "box": (0.14, 0.78, (79, 163, 90)),
}
PAPERS = {
    "grey 220": {"color": (220,) * 3},
    "grey 205": {"color": (205,) * 3},
    "grey 180": {"color": (180,) * 3},
    "kraft": {"color": (214, 190, 150)},
    "yellowed": {"color": (243, 230, 190), "grain": 3},
    "shaded": {"color": (245, 238, 220), "shade": 0.35, "grain": 6},
    "photographed": {"color": (230, 222, 205), "shade": 0.55, "grain": 8},
    "pencil": {"color": (250, 250, 245), "grain": 4, "ink": 0.5},
}
SHIRT = ((0.36, 0.5), (0.64, 0.5), (0.74, 0.86), (0.26, 0.86))


def line(width: int, height: int) -> np.ndarray:
    """(H, W) uint8, outlines a two-hundredth of the short side wide."""
    picture = Image.new("L", (2 * width, 2 * height), 255)
    draw, wide = ImageDraw.Draw(picture), max(4, 2 * min(width, height) // 200)

    def box(*shares: float) -> list[float]:
        return [share * 2 * (width, height)[at % 2] for at, share in enumerate(shares)]

    for ellipse in (
        (0.28, 0.12, 0.72, 0.5),
        (0.39, 0.30, 0.45, 0.35),
        (0.55, 0.30, 0.61, 0.35),
        (0.78, 0.06, 0.94, 0.22),
    ):
        draw.ellipse(box(*ellipse), outline=0, width=wide)
    draw.polygon(box(*(share for corner in SHIRT for share in corner)), outline=0, width=wide)
    draw.rectangle(box(0.05, 0.68, 0.23, 0.88), outline=0, width=wide)
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def shirt(width: int, height: int) -> np.ndarray:
    """(H, W) bool."""
    mask = Image.new("1", (width, height))
    ImageDraw.Draw(mask).polygon([(x * width, y * height) for x, y in SHIRT], fill=1)
    return np.asarray(mask)


def tones(kind: str, height: int, width: int) -> np.ndarray:
    """(H, W) uint8, a tone over a whole page."""
    y, x = np.mgrid[:height, :width]
    if kind.startswith("hatching"):
        tone = np.where((x + y) % int(kind.split()[1]) < 3, 0, 255)
    elif kind == "cross-hatching":
        tone = np.where(((x + y) % 24 < 3) | ((x - y) % 24 < 3), 0, 255)
    elif kind.startswith("dots"):
        size, pitch = (float(word) for word in kind.split()[1:])
        tone = np.where(np.hypot(x % pitch - pitch / 2, y % pitch - pitch / 2) < size / 2, 0, 255)
    elif kind == "dither":
        tone = np.asarray(Image.new("L", (width, height), 225).convert("1").convert("L"))
    else:
        tone = np.full((height, width), int(kind.split()[1]))
    return tone.astype(np.uint8)


def toned(page: np.ndarray, kind: str) -> np.ndarray:
    """The page with tone on the shirt."""
    height, width = page.shape
    return np.where(shirt(width, height), np.minimum(page, tones(kind, height, width)), page)


def on_paper(page: np.ndarray, color, shade: float = 0.0, grain: float = 0.0, ink: float = 0.9) -> np.ndarray:
    """(H, W, 3) uint8, the page on other paper: colour, how much darker a corner is, grain, and strength of the ink."""
    height, width = page.shape
    y, x = np.mgrid[:height, :width]
    light = 1 - shade * (0.7 * (x / width) ** 1.5 + 0.3 * y / height)
    scan = np.array(color) * (1 - ink + ink * page[..., None] / 255) * light[..., None]
    return np.clip(np.rint(scan + np.random.default_rng(0).normal(0, grain, (height, width, 1))), 0, 255).astype(
        np.uint8
    )


def hint_points(width: int, height: int) -> list:
    """A dab in each area."""
    return [(x * width, y * height, color) for x, y, color in AREAS.values()]


def color_at(picture: np.ndarray, area: str) -> np.ndarray:
    """The colour of an area between the strokes that lie over it: the median of the brightest third next to its dab."""
    height, width = picture.shape[:2]
    x, y, _ = AREAS[area]
    top, left, side = int((y + 0.03) * height), int((x + 0.02) * width), max(12, min(height, width) // 40)
    pixels = picture[top : top + side, left : left + side].reshape(-1, 3).astype(int)
    bright = pixels[pixels.sum(axis=1) >= np.percentile(pixels.sum(axis=1), 67)]
    return np.median(bright, axis=0)
