"""The full-size resampling of a blend: linear, then a Gaussian, exact in float32. NumPy only.

Done a band of rows at a time, each axis as a product with a small dense matrix. Colours are held in sixteenths of a
level (12 bits) and weights as whole numbers that sum to 4096: every sum is then a whole number below 2**24, which
float32 holds exactly. The order in which BLAS adds cannot matter, so neither bands nor threads nor the processor show
in the resampling, and a flat colour stays flat.
"""

import numpy as np

from linecolor.arrays import Floats

LEVEL = 16  # steps held per 8-bit level
WEIGHT = 4096  # what the integer weights of one output pixel sum to
PRODUCT_SIZE = 250_000  # m * n * k of one matrix product


class Taps:
    """Resampling along one axis, linear with pixel centres aligned, and a Gaussian after it.

    `starts` (n_out,) is the first source pixel of each output pixel's window; `weights` (n_out, window) are whole
    numbers that sum to WEIGHT.
    When shrinking, the linear kernel widens to cover every source pixel.
    """

    def __init__(self, n_in: int, n_out: int, sigma: float) -> None:
        step = n_in / n_out
        reach = max(step, 1.0)
        radius = int(np.ceil(4 * sigma)) if sigma > 0 else 0
        gauss = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (sigma or 1.0)) ** 2)
        gauss /= gauss.sum()

        centers = (np.arange(n_out) + 0.5) * step - 0.5
        lows = np.ceil(centers - reach).astype(np.int64)
        span = int(np.floor(2 * reach)) + 1
        sources = lows[:, None] + np.arange(span)
        linear = np.maximum(0, 1 - np.abs(sources - centers[:, None]) / reach)
        linear /= linear.sum(axis=1, keepdims=True)
        sources = sources.clip(0, n_in - 1)

        self.starts = sources[np.maximum(np.arange(n_out) - radius, 0), 0]
        ends = sources[np.minimum(np.arange(n_out) + radius, n_out - 1), -1]
        window = int((ends - self.starts).max()) + 1
        self.starts = np.minimum(self.starts, max(n_in - window, 0))

        exact = np.zeros((n_out, window))
        every = np.arange(n_out)
        for share, offset in zip(gauss, range(-radius, radius + 1), strict=True):
            at = (every + offset).clip(0, n_out - 1)  # beyond the page its edge goes on
            for k in range(span):
                exact[every, sources[at, k] - self.starts] += share * linear[at, k]
        # Rounding the running sum keeps the total exact; a mirrored window gets the mirrored weights.
        running = np.rint(np.cumsum(exact, axis=1) * WEIGHT)
        running[:, -1] = WEIGHT
        self.weights = np.diff(running, axis=1, prepend=0).astype(np.float32)

    def matrix(self, begin: int, end: int) -> tuple[int, Floats]:
        """First source pixel k, and the dense (end - begin, n) weights on source pixels k .. k + n - 1."""
        starts, window = self.starts[begin:end], self.weights.shape[1]
        first = int(starts.min())
        dense = np.zeros((end - begin, int(starts.max()) - first + window), np.float32)
        columns = (starts - first)[:, None] + np.arange(window)
        dense[np.arange(end - begin)[:, None], columns] = self.weights[begin:end]
        return first, dense


def stretch(small: Floats, across: Taps) -> Floats:
    """Resample (n, w, 3) whole sixteenths to (n, 3 * width), rounded to whole sixteenths again."""
    n, w, _ = small.shape
    flat = small.reshape(n, 3 * w)
    width = len(across.starts)
    # A few columns at a time keep the matrices small: next to all of a full one would be zeros.
    block = int(np.clip(32 * width / w, 4, 32))
    out: Floats = np.empty((n, 3 * width), np.float32)
    channels = np.eye(3, dtype=np.float32)
    for left in range(0, width, block):
        right = min(left + block, width)
        first, weights = across.matrix(left, right)
        source = flat[:, 3 * first : 3 * (first + weights.shape[1])]
        out[:, 3 * left : 3 * right] = product(source, np.kron(weights, channels).T)
    out *= np.float32(1 / WEIGHT)
    return np.rint(out, out=out)


def product(left: Floats, right: Floats) -> Floats:
    """left (m, k) times right (k, n), in pieces small enough for OpenBLAS to keep on the calling thread.

    Matrices this flat gain nothing from its threads, and on a busy machine wait for them: 10 times slower, measured.
    """
    (m, k), n = left.shape, right.shape[1]
    out: Floats = np.empty((m, n), np.float32)
    piece = max(PRODUCT_SIZE // (m * k), 16)
    for start in range(0, n, piece):
        np.matmul(left, right[:, start : start + piece], out=out[:, start : start + piece])
    return out
