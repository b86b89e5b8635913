"""DiceBear characters: as many seeded cartoon people as wanted, with true line art, at any resolution.

From the packages `dicebear-core` (MIT) and `dicebear-styles`: adventurer (CC BY 4.0, nearest to anime), micah
(CC BY 4.0), open-peeps (CC0). Their SVGs have no line layer, so the line art is the same character drawn with
ink alone: dyed parts (skin, hair, clothes) white, dark paint and every stroke black. White parts still cover
what they cover, so the lines are those one sees.
"""

import json
import xml.etree.ElementTree as ET  # reads what the installed package drew, never a user's file
from collections.abc import Sequence
from functools import lru_cache, partial
from importlib import metadata
from importlib.resources import files
from typing import Any

from PIL import ImageColor

from datamodules.prepare.rendering import DrawingSet, Licence, Origin, Row, data_package, from_svgs
from datamodules.sources.data_set import RenderingRefused
from datamodules.sources.drawing import split_of

INK_LUMINANCE = 72
"""Paints darker than this (ITU-R 601 luma, 0-255) are ink."""

TEST_SHARE = 0.05
MAX_COUNT = 1_000_000

STYLES: dict[str, tuple[str, ...]] = {
    "adventurer": ("hair", "lips", "sclera", "skin", "teeth", "throat", "tongue", "uvula"),
    "micah": ("base", "earring", "eyeShadow", "glasses", "hair", "shirt"),
    "open-peeps": ("clothing", "headContrast", "skin"),
}
"""Style -> its dyed parts: brown hair is dark enough for ink, and is none."""

# Part -> variants left out: micah's mrT has coloured hair without any outline, and open-peeps' longAfro fills two
# thirds of the picture with solid ink; neither can be coloured from its lines.
_LEFT_OUT: dict[str, dict[str, str]] = {"micah": {"hair": "mrT"}, "open-peeps": {"head": "longAfro"}}

_SVG = "{http://www.w3.org/2000/svg}"
_NOT_PAINT = {f"{_SVG}{tag}" for tag in ("mask", "clipPath", "metadata", "filter")}


def character_rows(styles: Sequence[str], count: int) -> list[Row]:
    """`count` characters, dealt to the styles in turn; ids such as "adventurer-000123".

    The split (5 % test) follows from the id, so a larger count only adds.

    Raises:
        RenderingRefused: an unknown style, a style named twice, or a count below 1 or above MAX_COUNT.
    """
    unknown = [style for style in styles if style not in STYLES]
    if unknown or not styles or len(set(styles)) != len(styles):
        raise RenderingRefused(
            f"--styles {','.join(styles) or '(none)'}: name each style once, out of {', '.join(STYLES)}"
        )
    if not 1 <= count <= MAX_COUNT:
        raise RenderingRefused(f"--count {count} must be between 1 and {MAX_COUNT:,}")
    ids = [f"{styles[number % len(styles)]}-{number // len(styles):06d}" for number in range(count)]
    return [Row(name, name, split_of(name, TEST_SHARE)) for name in ids]


def pair_svgs(name: str, seed: int) -> tuple[str, str]:
    """The colour SVG of a character and the SVG of its line art; `name` is an id of `character_rows`."""
    style, number = name.rsplit("-", 1)
    avatar = data_package("dicebear").Avatar
    options: dict[str, Any] = {"seed": f"{seed}-{number}"}
    for part, left_out in _LEFT_OUT.get(style, {}).items():
        variants = _definition(style)["components"][part]["variants"]
        options[f"{part}Variant"] = [variant for variant in variants if variant != left_out]
    white = {f"{part}Color": ["#ffffff"] for part in STYLES[style]}
    color = avatar(_style(style), options).to_string()
    # Each choice of a character has its own random stream, so other colours leave its shape alone.
    line = ET.fromstring(avatar(_style(style), options | white).to_string())
    _keep_ink(line)
    return color, ET.tostring(line, "unicode")


def character_set(styles: Sequence[str] = tuple(STYLES), count: int = 2000, seed: int = 0) -> DrawingSet:
    """Characters for `rendering.render_set`; see `character_rows`."""
    rows, draw = character_rows(styles, count), from_svgs(partial(pair_svgs, seed=seed))
    return DrawingSet(characters_origin(styles), rows, draw, {"styles": list(styles), "count": count, "seed": seed})


def characters_origin(styles: Sequence[str]) -> Origin:
    """Source, versions and the licences of the styles, as the installed packages state them."""
    notes = [_definition(style)["meta"]["license"] for style in styles]

    def joined(field: str) -> str:
        return "; ".join(dict.fromkeys(note[field] for note in notes))

    version = f"dicebear-core {metadata.version('dicebear-core')}, "
    version += f"dicebear-styles {metadata.version('dicebear-styles')}"
    return Origin("characters", version, Licence(joined("name"), joined("url"), joined("text")))


@lru_cache
def _definition(style: str) -> dict[str, Any]:
    data_package("dicebear_styles")
    return json.loads(files("dicebear_styles").joinpath(f"{style}.json").read_text(encoding="utf-8"))


@lru_cache
def _style(style: str) -> Any:
    return data_package("dicebear").Style(_definition(style))


def _keep_ink(element: ET.Element, opacity: float = 1.0) -> None:
    """Repaint in place: ink and strokes black, other fills white, faint shading gone."""
    if element.tag in _NOT_PAINT:
        return
    opacity *= float(element.get("opacity", 1))
    for paint in ("fill", "stroke"):
        value = element.get(paint, "none")
        if value == "none":
            continue
        if opacity * float(element.get(f"{paint}-opacity", 1)) < 0.5:
            element.set(paint, "none")
        elif paint == "stroke" or _luminance(value) < INK_LUMINANCE:
            # A stroke is a line whatever its colour: glasses and earrings have coloured frames.
            element.set(paint, "#000000")
        else:
            element.set(paint, "#ffffff")
    if "mix-blend-mode" in element.get("style", ""):
        del element.attrib["style"]
    for child in element:
        _keep_ink(child, opacity)


def _luminance(paint: str) -> float:
    """ITU-R 601 luma (0-255) of an SVG paint; a paint that is no plain colour counts as light."""
    try:
        red, green, blue = ImageColor.getrgb(paint)[:3]
    except ValueError:
        return 255.0
    return 0.299 * red + 0.587 * green + 0.114 * blue
