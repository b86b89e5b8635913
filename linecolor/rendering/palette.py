"""The dominant colours of a picture, to paint hints with. NumPy and OpenCV."""

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Floats, Picture

Color = tuple[int, int, int]

SAMPLES = 1 << 15
"""Pixels that are sampled, evenly spread over the picture."""
LEAST_SHARE = 0.002
"""A colour on fewer of the pixels is the blend of an edge, or dust."""
DISTINCT = 7.0
"""CIE76 distance below which two colours are one swatch."""

_CELL = 6.0
_ITERATIONS = 12


def dominant_colors(picture: Picture, count: int = 12) -> list[tuple[Color, float]]:
    """The colours that make up a picture, by k-means in CIELAB.

    Random starts give another palette each time and miss small accents (an eye, a ribbon). So the start is fixed: the
    most frequent colour, then again and again the one that is farthest from all so far, large areas counting for more.

    Args:
        picture: (H, W, 3) RGB.
        count: colours at most, 1 to 64; fewer where the picture has no more.

    Returns:
        ((r, g, b), share of the pixels), the largest share first. A swatch is the mean of its pixels, and swatches are
        `DISTINCT` apart.

    Raises:
        ValueError: another shape or dtype, or a count out of range.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(f"a reference is (H, W, 3) uint8 RGB, got {picture.shape} {picture.dtype}")
    if not 1 <= count <= 64:
        raise ValueError(f"a palette has 1 to 64 colours, not {count}")
    rgb = _sampled(picture)
    lab = cv2.cvtColor((rgb.astype(np.float32) / 255)[None], cv2.COLOR_RGB2Lab)[0]
    centers = _spread_out(lab, count)
    labels = np.argmin(np.stack([((lab - center) ** 2).sum(axis=1) for center in centers], axis=1), axis=1)
    if len(centers) > 1:
        stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, _ITERATIONS, 0.5)
        start = labels[:, None].astype(np.int32)
        _, assigned, moved = cv2.kmeans(lab, len(centers), start, stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)
        labels, centers = np.asarray(assigned, np.int64).ravel(), np.asarray(moved, np.float32)
    return _swatches(rgb, centers, labels)


def _sampled(picture: Picture) -> Picture:
    """(n, 3): evenly spread pixels."""
    height, width = picture.shape[:2]
    step = max(1, int(np.ceil(np.sqrt(height * width / SAMPLES))))
    # A thin strip would be skipped whole by steps as large as it is wide.
    ys, xs = (np.arange(min(step, side) // 2, side, min(step, side)) for side in (height, width))
    return picture[np.ix_(ys, xs)].reshape(-1, 3)


def _spread_out(lab: Floats, count: int) -> Floats:
    """(k, 3): where the clusters start, k <= count."""
    cells, members = np.unique(np.round(lab / _CELL).astype(np.int16), axis=0, return_counts=True)
    frequent = members >= max(1, LEAST_SHARE * len(lab))
    if not frequent.any():
        frequent = members == members.max()
    colors = cells[frequent].astype(np.float32) * np.float32(_CELL)
    # The fourth root: an area sixteen times larger is worth twice the distance.
    weight = members[frequent].astype(np.float32) ** 0.25
    chosen = [int(np.argmax(members[frequent]))]
    distance = np.full(len(colors), np.inf, np.float32)
    while len(chosen) < count:
        distance = np.minimum(distance, np.linalg.norm(colors - colors[chosen[-1]], axis=1))
        farthest = int(np.argmax(np.where(distance >= DISTINCT, distance * weight, 0)))
        if distance[farthest] < DISTINCT:
            break
        chosen.append(farthest)
    return colors[chosen]


def _swatches(rgb: Picture, centers: Floats, labels: NDArray[np.integer]) -> list[tuple[Color, float]]:
    """Clusters as colours, those nearer than `DISTINCT` to a larger one joined with it."""
    members = np.bincount(labels, minlength=len(centers))
    merged: list[list[int]] = []
    for cluster in np.argsort(-members, kind="stable").tolist():
        near = (group for group in merged if float(np.linalg.norm(centers[group[0]] - centers[cluster])) < DISTINCT)
        home = next(near, None)
        if home is not None:
            home.append(cluster)
        elif members[cluster] >= max(1, LEAST_SHARE * len(labels)):
            merged.append([cluster])
    swatches = []
    for group in merged:
        inside = np.isin(labels, group)
        red, green, blue = (int(value) for value in np.rint(rgb[inside].mean(axis=0)))
        swatches.append(((red, green, blue), float(inside.mean())))
    return sorted(swatches, key=lambda swatch: -swatch[1])
