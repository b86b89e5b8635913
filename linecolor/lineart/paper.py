"""The paper of a page: scans and photographs are yellowed, shaded and noisy, and the networks know white paper alone.

The paper is what stays when lines and areas of ink or tone are left out: a smooth surface, fitted to the brightest
places. Dividing a page by it makes the paper white. Ours, not the paper's. NumPy and OpenCV only.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from linecolor.arrays import Floats, Picture

NEARLY_WHITE = 250
"""Paper at least so bright is left as it is."""
DARKEST = 70
"""Of a page whose brightest places are darker than this no paper is known: it may be drawn in white on black."""
GRID, LONGEST = 128, 1024
"""Short side of the small picture in which the paper is looked for, and its long side at most."""
LINE = 2
"""Radius in its pixels of the widest line that does not count as paper's absence."""
DEGREE = 4
"""Of the polynomial in x and y that is the paper: enough for the shade of a book's fold or of a lamp."""
NOISE = 2.5
"""Deviations of the paper's grain below its surface that still become white."""
_ROWS = 256


def paper_of(page: Picture, nearly_white: int = NEARLY_WHITE) -> Floats | None:
    """The paper of a page.

    Args:
        page: (H, W) or (H, W, 3) uint8, ink on paper.
        nearly_white: paper at least so bright is white enough.

    Returns:
        (h, w, 1 or 3) float32, the page's paper on a small grid, so scaled that its grain becomes white too; None
        where it is white, or where no paper is known.
    """
    scale = min(1.0, GRID / min(page.shape[:2]))
    width, height = (min(LONGEST, max(1, round(side * scale))) for side in (page.shape[1], page.shape[0]))
    size = (width, height)
    small = cv2.resize(page, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
    # Lines are narrow and darker than paper: the brightest place nearby is paper, or an area of ink or tone.
    kernel = np.ones((2 * LINE + 1, 2 * LINE + 1), np.uint8)
    bright = np.dstack([cv2.morphologyEx(small[..., c], cv2.MORPH_CLOSE, kernel) for c in range(small.shape[2])])
    bright = np.asarray(cv2.GaussianBlur(bright.astype(np.float32), (0, 0), 1), np.float32).reshape(small.shape)
    luma = bright.mean(axis=2)
    top = float(np.percentile(luma, 90))
    if top < DARKEST:
        return None
    surface, share = _fitted(bright, luma)
    if share.sum() < 0.02 * share.size:
        return None
    darkest = np.percentile(surface[share > 0.5].mean(axis=1), 2)
    if darkest >= nearly_white:
        return None
    return np.asarray(surface * (1 - NOISE * _grain(page, surface)), np.float32)


def on_white(page: Picture, paper: Floats) -> Picture:
    """A page divided by its paper: white where it is paper; (H, W) or (H, W, 3) uint8."""
    height, width = page.shape[:2]
    wide = cv2.resize(paper, (width, paper.shape[0]), interpolation=cv2.INTER_LINEAR).reshape(len(paper), width, -1)
    rows = np.clip((np.arange(height) + 0.5) * len(paper) / height - 0.5, 0, len(paper) - 1)
    result = np.empty_like(page)
    # In bands of rows: floats of a whole page would take its memory many times over.
    for top in range(0, height, _ROWS):
        at = rows[top : top + _ROWS]
        low = at.astype(np.int64)
        share = (at - low).astype(np.float32)[:, None, None]
        under = wide[low] * (1 - share) + wide[np.minimum(low + 1, len(paper) - 1)] * share
        band = page[top : top + _ROWS].reshape(len(at), width, -1) * (255 / np.maximum(under, 1))
        result[top : top + _ROWS] = np.clip(np.rint(band), 0, 255).astype(np.uint8).reshape(len(at), *page.shape[1:])
    return result


def _fitted(bright: Floats, luma: Floats) -> tuple[Floats, NDArray[np.float64]]:
    """The smooth surface of the brightest places, (h, w, c), and how much each place belongs to it, (h, w)."""
    height, width = luma.shape
    y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    # Chebyshev polynomials stay well conditioned.
    across = np.polynomial.chebyshev.chebvander2d(*np.meshgrid(y, x, indexing="ij"), [DEGREE, DEGREE])
    degrees = np.add.outer(np.arange(DEGREE + 1), np.arange(DEGREE + 1)).ravel()
    basis = across.reshape(height * width, -1)[:, degrees <= DEGREE]
    values = luma.reshape(-1)
    weight = (values >= np.percentile(values, 50)).astype(np.float64)
    for tolerance in (40, 30, 20, 14, 10, 8, 6, 6, 6):
        fit = basis @ _solve(basis, values, weight)
        # What is darker than the surface is ink or tone; what is brighter pulls it up.
        weight = np.where(values < fit, np.exp(-(((values - fit) / tolerance) ** 2)), 1.0)
    surface: NDArray[np.floating] = np.stack(
        [basis @ _solve(basis, channel, weight) for channel in bright.reshape(-1, bright.shape[2]).T], 1
    )
    return np.clip(surface, 1, 255).reshape(bright.shape).astype(np.float32), weight.reshape(luma.shape)


def _solve(
    basis: NDArray[np.floating], values: NDArray[np.floating], weight: NDArray[np.floating]
) -> NDArray[np.floating]:
    weighted = basis * weight[:, None]
    # A little of ridge: where a page is nearly all ink, little holds the surface.
    return np.linalg.solve(weighted.T @ basis + 1e-3 * np.eye(basis.shape[1]), weighted.T @ values)


def _grain(page: Picture, surface: Floats) -> float:
    """The deviation of the paper's grain, as a share of the paper: of the half of the pixels next to the surface."""
    step = max(1, min(page.shape[:2]) // 512)
    sample = page[::step, ::step].astype(np.float32)
    under = cv2.resize(surface, sample.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    ratio = sample.reshape(*sample.shape[:2], -1).mean(axis=2) / under.reshape(*sample.shape[:2], -1).mean(axis=2)
    near = np.abs(ratio[np.abs(ratio - 1) < 0.25] - 1)
    return float(np.median(near)) * 1.4826 if near.size else 0.0
