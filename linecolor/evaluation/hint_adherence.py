"""Whether a program follows its hints: the same boxes with exchanged colours should change the result.

A model can score well in PSNR and ignore its hints. No torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from linecolor.arrays import INK, Line, Mask, Picture, check_color, check_line
from linecolor.evaluation.protocol import Hint

NEARLY_SAME = 20.0
CLEARLY_DIFFERENT = 60.0


@dataclass(frozen=True)
class HintAdherence:
    """Which hints the colours followed.

    Attributes:
        followed: (n,) bool, in the order of the hints; False where not counted.
        counted: (n,) bool; False for a hint whose new colour is nearly its old one, or with no free pixel
            around it.
    """

    followed: Mask
    counted: Mask

    @property
    def share(self) -> float:
        """Followed among counted hints, 0 to 1; NaN if none counts."""
        return float(self.followed[self.counted].mean()) if self.counted.any() else float("nan")


def permuted(hints: Sequence[Hint], rng: np.random.Generator) -> list[Hint]:
    """The same boxes in the same order with their colours exchanged, to see whether a program follows its hints.

    Of all permutations, one of those (by the generator) in which the fewest hints keep a colour nearly their
    own (less than 20 levels away, Euclidean in RGB), and of these the fewest one that is not clearly
    different (60 levels).
    """
    from scipy.optimize import linear_sum_assignment

    if not hints:
        return []
    colors = np.array([hint.color for hint in hints], np.float64)
    distance = np.linalg.norm(colors[:, None] - colors[None], axis=2)
    count = len(hints)
    # Each reason outweighs all hints together failing the next one.
    cost = (distance < CLEARLY_DIFFERENT) * (2.0 * count) + (distance < NEARLY_SAME) * (4.0 * count**2)
    _, source = linear_sum_assignment(cost + rng.random(cost.shape))
    return [replace(hint, color=hints[index].color) for hint, index in zip(hints, source)]


def hint_adherence(
    result: Picture,
    result_permuted: Picture,
    hints: Sequence[Hint],
    permuted_hints: Sequence[Hint],
    line: Line,
    scale: float,
    radius: float = 5.0,
) -> HintAdherence:
    """Whether the colour around each hint followed when the hints' colours were exchanged.

    Around a hint means: at most `radius * scale` full-size pixels from its box, and off the ink (line >=
    128). A hint is followed if the mean colour there moved towards the new colour: by more than 5 % of the way
    from the old colour to the new one, measured along that way. A hint whose new colour is less than 20
    levels from its old one tells nothing and does not count.

    Args:
        result, result_permuted: (H, W, 3) uint8 RGB, coloured with `hints` and with `permuted_hints`.
        hints, permuted_hints: the original ones, and the same boxes in other colours, see `permuted`.
        line: (H, W) uint8, paper = 255.
        scale: full-size pixels per pixel of the draft (short side / 256).
        radius: in pixels of the draft.

    Raises:
        ValueError: pictures differ in size, boxes differ, or scale or radius is not positive.
    """
    check_line(line)
    check_color(line, result)
    check_color(line, result_permuted)
    boxes, permuted_boxes = ([(h.y0, h.y1, h.x0, h.x1) for h in of] for of in (hints, permuted_hints))
    if boxes != permuted_boxes:
        raise ValueError("hints and permuted_hints should be the same boxes in the same order")
    if not (scale > 0 and radius >= 0):
        raise ValueError(f"scale={scale} should be positive and radius={radius} not negative")
    reach = radius * scale
    margin = int(np.ceil(reach))
    height, width = line.shape
    followed, counted = np.zeros((2, len(hints)), bool)
    for index, (old, new) in enumerate(zip(hints, permuted_hints)):
        way = np.subtract(new.color, old.color).astype(np.float64)
        rows = slice(max(0, old.y0 - margin), min(height, old.y1 + margin))
        near = rows, slice(max(0, old.x0 - margin), min(width, old.x1 + margin))
        ys, xs = np.ogrid[near]
        # Distance to the box: 0 inside it, to its nearest pixel outside.
        dy, dx = ys - ys.clip(old.y0, old.y1 - 1), xs - xs.clip(old.x0, old.x1 - 1)
        around = (dy**2 + dx**2 <= reach**2) & (line[near] >= INK)
        if way @ way < NEARLY_SAME**2 or not around.any():
            continue
        moved = result_permuted[near][around].mean(axis=0) - result[near][around].mean(axis=0)
        counted[index] = True
        followed[index] = moved @ way > 0.05 * (way @ way)
    return HintAdherence(followed, counted)
