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
                rates[f"{kind}_{suffix}"] = 1 / _seconds(lambda path=path: _measure(path), repeats)
        whole = Path(folder) / "drawing.jpeg"
        rates["drawing_jpeg_decoded_whole"] = 1 / _seconds(lambda: _measure_whole(whole), repeats)
    return rates


def duplicate_seconds(count: int = 700_000, distance: int = 6) -> float:
    """Processor seconds to find the near-duplicates among so many hashes, a tenth of which are copies."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    copies = random.integers(0, count, count // 10)
    hashes[copies] = hashes[0 : len(copies)] ^ np.uint64(0b10_0000_0001)
    began = time.process_time()
    near_duplicates(hashes, np.arange(count), distance)
    return time.process_time() - began


def _measure(path: Path) -> None:
    rgb, _ = read_thumbnail(path, PIXELS)
    measure(rgb)
    perceptual_hash(rgb)


def _measure_whole(path: Path) -> None:
    rgb = cv2.resize(read_color(path)[0], (256, 256), interpolation=cv2.INTER_AREA)
    measure(rgb)
    perceptual_hash(rgb)


def _seconds(work: Callable[[], None], repeats: int) -> float:
    """The lower quartile of processor time: the machine may have other work."""
    work()
    seconds = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return sorted(seconds)[repeats // 4]


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


def main() -> None:
    """Print the table."""
    figures = rates()
    print(f"{'pictures of 1,000 px, a second and core':44}{'figure':>9} {'bar':>9}")
    for name, figure in figures.items():
        bar = f">= {BAR:g}" if name.startswith("drawing_") and not name.endswith("whole") else ""
        print(f"{name.replace('_', ' '):44}{figure:9.1f} {bar:>9}")
    print(f"{'near-duplicates among 700,000, s':44}{duplicate_seconds():9.1f}")


if __name__ == "__main__":
    main()
