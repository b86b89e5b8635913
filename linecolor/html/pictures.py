"""Sheets of pictures: checked, compressed into a budget of bytes, embedded in the page."""

import base64
import heapq
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

_LOSSLESS_PIXELS = 256 * 256
_MOST_PIXELS = 2048 * 2048
_LONGEST_SIDE = 16_383  # of the WebP format
# Format, quality and most pixels, from the best to the last resort. JPEG 4:4:4 comes before WebP because WebP
# halves the chroma resolution, which would look like colour running over the lines in the zoomed view.
_LADDER: tuple[tuple[str, int, int], ...] = (
    ("JPEG", 92, _MOST_PIXELS),
    ("WEBP", 92, _MOST_PIXELS),
    ("WEBP", 80, _MOST_PIXELS),
    ("WEBP", 80, 1_500_000),
    ("WEBP", 75, 500_000),
    ("WEBP", 70, 150_000),
    ("WEBP", 60, 40_000),
)


@dataclass(frozen=True)
class SheetRow:
    """One drawing of a sheet.

    images: one per column of the sheet, uint8 [0, 255], (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGB and alpha
        (a hint layer), of any size; None where there is no such picture (no truth, say).
    captions: one per column, such as "17.1 dB", shown under its picture; empty where there is none.
    """

    name: str
    caption: str
    images: Sequence[np.ndarray | None]
    captions: Sequence[str] = ()


@dataclass(frozen=True)
class Sheet:
    """Pictures side by side: a row a drawing, a column a kind (line, hints, draft, ..., truth).

    The column called "line" (or else a row's first grey picture) is shown pale beneath the hint layers.
    """

    title: str
    note: str
    columns: list[str]
    rows: list[SheetRow]


def embed_sheets(sheets: list[Sheet], picture_bytes: int) -> tuple[list[dict[str, Any]], int, int]:
    """Pictures as data URIs that together stay within picture_bytes (before base64), the largest giving way first.

    Returns:
        The sheets for the template, how many pictures are stored reduced, and how many there are.

    Raises:
        ValueError: a picture that is not uint8 of a known shape, or a row or captions that do not fit the columns.
    """
    arrays: list[np.ndarray] = []
    for sheet, row in ((of, row) for of in sheets for row in of.rows):
        where, wanted = f"sheet {sheet.title!r}, row {row.name!r}", len(sheet.columns)
        if len(row.images) != wanted:
            given = f"{len(row.images)} pictures for {wanted} columns"
            raise ValueError(f"{where}: {given}; give None where there is no picture")
        if len(row.captions) not in (0, wanted):
            given = f"{len(row.captions)} captions for {wanted} columns"
            raise ValueError(f"{where}: {given}; give an empty text where there is no caption")
        for column, image in zip(sheet.columns, row.images):
            if image is not None:
                _check_picture(image, f"{where}, column {column!r}")
                arrays.append(image)
    encoded = iter(_fit(arrays, picture_bytes))
    reduced = 0
    shown = []
    for sheet in sheets:
        rows = []
        for row in sheet.rows:
            pictures = [None if image is None else _shown(image, *next(encoded)) for image in row.images]
            reduced += sum(picture is not None and picture["stored"] != picture["size"] for picture in pictures)
            captions = row.captions or [""] * len(sheet.columns)
            rows.append({"row": row, "pictures": pictures, "captions": captions, "line": _line_column(sheet, row)})
        shown.append({"sheet": sheet, "rows": rows})
    return shown, reduced, len(arrays)


def _shown(image: np.ndarray, data: bytes, media_type: str) -> dict[str, Any]:
    """A picture for the template; sizes are (width, height)."""
    return {
        "uri": f"data:{media_type};base64,{base64.b64encode(data).decode()}",
        "size": image.shape[1::-1],
        "stored": Image.open(io.BytesIO(data)).size,
        "alpha": image.ndim == 3 and image.shape[2] == 4,
    }


def _encode(array: np.ndarray, rung: int) -> tuple[bytes, str]:
    """Bytes and media type of a picture; rung 0 is lossless where that is small, the rest is _LADDER."""
    format_, quality, most_pixels = _LADDER[max(0, rung - 1)]
    height, width = array.shape[:2]
    scale = min(1.0, math.sqrt(most_pixels / (height * width)), _LONGEST_SIDE / max(height, width))
    image = Image.fromarray(array)
    if scale < 1.0:
        size = max(1, int(width * scale)), max(1, int(height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if rung == 0 and (height * width <= _LOSSLESS_PIXELS or _has_few_colors(array)):
        image.save(buffer, "WEBP", lossless=True, quality=50, method=2, exact=True)
    elif format_ == "JPEG" and image.mode == "RGB":
        image.save(buffer, "JPEG", quality=quality, subsampling=0)
        return buffer.getvalue(), "image/jpeg"
    else:
        image.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue(), "image/webp"


def _has_few_colors(array: np.ndarray) -> bool:
    # Line art, hint layers and flat fills are smaller lossless than lossy; shaded pictures ten times larger.
    step = max(1, math.isqrt(array.shape[0] * array.shape[1] // 16_384))
    sample = array[::step, ::step].reshape(-1, array.shape[2] if array.ndim == 3 else 1)
    return len(np.unique(sample, axis=0)) <= len(sample) // 10 + 16


def _fit(arrays: list[np.ndarray], limit: int) -> list[tuple[bytes, str]]:
    """Encode pictures so that together they stay within limit bytes: the largest gives way first."""
    encoded = [_encode(array, 0) for array in arrays]
    total = sum(len(data) for data, _ in encoded)
    heap = [(-len(data), index, 0) for index, (data, _) in enumerate(encoded)]
    heapq.heapify(heap)
    while total > limit and heap:
        _, index, rung = heapq.heappop(heap)
        if rung == len(_LADDER):
            continue
        smaller = _encode(arrays[index], rung + 1)
        if len(smaller[0]) < len(encoded[index][0]):
            total -= len(encoded[index][0]) - len(smaller[0])
            encoded[index] = smaller
        heapq.heappush(heap, (-len(encoded[index][0]), index, rung + 1))
    return encoded


def _check_picture(image: np.ndarray, where: str) -> None:
    shape_is_known = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
    if image.dtype != np.uint8 or not shape_is_known or 0 in image.shape:
        raise ValueError(
            f"{where}: a picture must be uint8 of shape (H, W), (H, W, 3) RGB or (H, W, 4) RGB and alpha, "
            f"not {image.dtype} {image.shape}"
        )


def _line_column(sheet: Sheet, row: SheetRow) -> int | None:
    named = [i for i, column in enumerate(sheet.columns) if column.strip().lower() == "line"]
    grey = [i for i, image in enumerate(row.images) if image is not None and image.ndim == 2]
    return next((i for i in named + grey if row.images[i] is not None), None)
