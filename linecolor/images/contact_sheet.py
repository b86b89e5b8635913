"""Pictures side by side on one sheet."""

from collections.abc import Sequence

import cv2
import numpy as np

from linecolor.arrays import Picture

GAP = 6
GREY = 128
TITLE_HEIGHT = 22


def on_paper(picture: Picture) -> Picture:
    """Any picture as RGB: a grey line three times; a hint layer (H, W, 4) over light grey, so white hints show."""
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, axis=2)
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:].astype(np.float32) / 255
    return np.rint(picture[..., :3] * alpha + 225 * (1 - alpha)).astype(np.uint8)


def fitted(picture: Picture, side: int) -> Picture:
    """A picture (H, W[, C]) on a grey square (side, side, 3), its longer side filling it."""
    picture = on_paper(picture)
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(picture, size, interpolation=how)
    square = np.full((side, side, 3), GREY, np.uint8)
    top, left = (side - small.shape[0]) // 2, (side - small.shape[1]) // 2
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def sheet(rows: Sequence[Sequence[Picture]], side: int, titles: Sequence[str] = ()) -> Picture:
    """Rows of pictures of any size and kind -> one RGB picture, each fitted to a square of `side` pixels.

    Titles, where given, stand over the columns.
    """
    columns = max(len(row) for row in rows)
    head = TITLE_HEIGHT if titles else 0
    height, width = head + len(rows) * (side + GAP) + GAP, columns * (side + GAP) + GAP
    page = np.full((height, width, 3), GREY, np.uint8)
    for column, title in enumerate(titles):
        place = (GAP + column * (side + GAP) + 2, TITLE_HEIGHT - 4)
        cv2.putText(page, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            top, left = head + GAP + row * (side + GAP), GAP + column * (side + GAP)
            page[top : top + side, left : left + side] = fitted(picture, side)
    return page
