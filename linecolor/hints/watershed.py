"""Watershed from markers over ink as relief: scikit-image's where it is installed, else the same in Python.

The front ends that run from NumPy, OpenCV, Pillow and onnxruntime alone need it too, and a picture must not depend on
which of the two made it.
"""

import heapq
from collections.abc import Sequence
from itertools import count

import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Picture

try:
    from skimage.morphology import reconstruction
    from skimage.segmentation import watershed
except ImportError:
    reconstruction = watershed = None  # type: ignore[assignment]

Labels = NDArray[np.int32]
_STEPS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


def flood(ink: Picture, markers: Labels, with_level: bool) -> tuple[Labels, Picture | None]:
    """Flood a relief from markers, by steps to the four neighbours.

    Args:
        ink: (h, w), 255 = black line.
        markers: (h, w), 0 = none; at least one is not.
        with_level: whether the levels are wanted.

    Returns:
        The marker that floods each pixel, (h, w); and, if wanted, the level at which the water gets there: the most ink
        on the way with the least of it, (h, w).
    """
    relief = _relief(ink, markers)
    if watershed is None:
        basins, level = flood_in_python(relief, markers)
        return basins, level if with_level else None
    basins = watershed(relief, markers)
    if not with_level:
        return basins, None
    seeds = np.where(markers != 0, ink, np.uint8(255))
    return basins, reconstruction(seeds, ink, method="erosion", footprint=_STEPS).astype(np.uint8)


def _relief(ink: Picture, markers: Labels) -> NDArray[np.float64]:
    """The ink, with each marker a fraction of a level lower, and no two alike.

    Pixels of one level are flooded in the order in which the water reaches them; which marker comes first scikit-image
    leaves to how its heap happens to sort.
    """
    relief = ink.astype(np.float64)
    relief[markers != 0] -= np.linspace(0.5, 0.25, np.count_nonzero(markers))
    return relief


def flood_in_python(relief: NDArray[np.float64], markers: Labels) -> tuple[Labels, Picture]:
    """Both results without scikit-image: a tenth of a second for a draft of 256 px."""
    height, width = relief.shape
    stride = width + 2
    # A frame of occupied pixels spares every step a look at the edge.
    owner = np.pad(markers, 1, constant_values=-1).ravel().tolist()
    level = np.pad(relief, 1).ravel().tolist()
    age = count(1)
    shore = [(level[pixel], 0, pixel) for pixel in np.flatnonzero(np.pad(markers, 1)).tolist()]
    heapq.heapify(shore)
    while shore:
        water, _, pixel = heapq.heappop(shore)
        mark = owner[pixel]
        for neighbour in (pixel - stride, pixel - 1, pixel + 1, pixel + stride):
            if owner[neighbour] == 0:
                owner[neighbour] = mark
                if level[neighbour] < water:
                    level[neighbour] = water
                heapq.heappush(shore, (level[neighbour], next(age), neighbour))

    def inner(values: Sequence[float], dtype: type) -> NDArray:
        return np.ceil(np.array(values).reshape(height + 2, stride)[1:-1, 1:-1]).astype(dtype)

    return inner(owner, np.int32), inner(level, np.uint8)
