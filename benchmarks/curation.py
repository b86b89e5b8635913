"""How many pictures a second one core measures for linecolor-data curate, and how long near-duplicates take.

Pictures of 1,000 x 1,000 pixels: a drawing (flat and shaded fills, lines, a painted ground) and a photograph, each as
JPEG and PNG. Decoding, measuring and hashing together, in one process with one thread.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.stopwatch import seconds_of, show
from datamodules.curation.duplicates import near_duplicates
from datamodules.curation.measures import PIXELS, measure, perceptual_hash
from linecolor.images import read_color
from linecolor.images.reading import read_thumbnail

BAR = 60.0
"""Drawings a second and core: 700,000 in less than an hour on four cores."""

SIDE = 1000


def rates(repeats: int = 25) -> dict[str, float]:
    """Pictures a second by kind and format, and what full decoding instead would give.

    Returns:
        "drawing_jpeg", "drawing_png", "photograph_jpeg", "photograph_png" and "drawing_jpeg_decoded_whole".
    """
    cv2.setNumThreads(1)
    rates = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, pixels in (("drawing", _drawing()), ("photograph", _photograph())):
            for suffix in ("jpeg", "png"):
                path = Path(folder) / f"{kind}.{suffix}"
                Image.fromarray(pixels).save(path, **({"quality": 90} if suffix == "jpeg" else {}))
                rates[f"{kind}_{suffix}"] = _rate(lambda path=path: _measure(path), repeats)
        whole = Path(folder) / "drawing.jpeg"
        rates["drawing_jpeg_decoded_whole"] = _rate(lambda: _measure(whole, _whole), repeats)
    return rates


def duplicate_seconds(count: int = 700_000, distance: int = 6) -> float:
    """Processor seconds to find the near-duplicates among so many hashes, a tenth of which are copies."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    copies = random.integers(0, count, count // 10)
    hashes[copies] = hashes[0 : len(copies)] ^ np.uint64(0b10_0000_0001)
    return seconds_of(lambda: near_duplicates(hashes, np.arange(count), distance), 1, time.process_time)[0]


def _measure(path: Path, read: Callable[[Path], np.ndarray] = lambda path: read_thumbnail(path, PIXELS)[0]) -> None:
    rgb = read(path)
    measure(rgb)
    perceptual_hash(rgb)


def _whole(path: Path) -> np.ndarray:
    return cv2.resize(read_color(path)[0], (256, 256), interpolation=cv2.INTER_AREA)


def _rate(work: Callable[[], None], repeats: int) -> float:
    """Times a second, by the lower quartile of processor time: the machine may have other work."""
    work()
    return 1 / sorted(seconds_of(work, repeats, time.process_time))[repeats // 4]


def _drawing() -> np.ndarray:
    random = np.random.default_rng(0)
    page = np.linspace((250, 240, 230), (120, 170, 220), SIDE)[:, None].repeat(SIDE, axis=1).astype(np.uint8)
    for _ in range(700):
        place, axes = random.integers(0, SIDE, 2).tolist(), random.integers(8, 60, 2).tolist()
        tone = np.clip(page[place[1], place[0]] + random.normal(0, 25, 3), 0, 255).tolist()
        cv2.ellipse(page, place, axes, float(random.uniform(0, 180)), 0, 360, tone, -1, cv2.LINE_AA)
    for _ in range(60):
        outline = random.integers(0, SIDE, 2) + random.integers(-140, 140, (6, 2))
        paint = random.integers(60, 256, 3).tolist()
        cv2.fillPoly(page, [outline.astype(np.int32)], paint, cv2.LINE_AA)
        cv2.polylines(page, [outline.astype(np.int32)], True, (30, 25, 40), 4, cv2.LINE_AA)
    return page


def _photograph() -> np.ndarray:
    from skimage import data

    photo = cv2.resize(data.astronaut(), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 3, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    show(rates() | {"near_duplicates_seconds": duplicate_seconds()})
