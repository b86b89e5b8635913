"""Who acts in a comic panel: OpenMoji people, animals and things, DiceBear characters; none on both sides of a split.

A drawing's stance says how it stands in a panel: a `bust` is cut by the lower edge, for its artist drew no more; a
`head` may be cut there; `whole` figures stand on the ground; a `prop` does so too, and is small.
"""

from dataclasses import dataclass
from functools import lru_cache

from numpy.random import Generator

from datamodules.prepare import characters, openmoji
from datamodules.prepare.rendering import rendered_color, rendered_line
from linecolor.arrays import Picture

CHARACTERS = 6000
"""DiceBear characters to choose from, 2,000 of each style, 5 % of them for the test split."""
CHARACTER_SEED = 0
"""Always that of `prepare characters` by default: whoever is held out there is held out here."""
THUMBNAIL = 128
"""Side in pixels at which an actor's outline is measured, whatever the size of the panel."""

# fmt: off
_HEADS = frozenset(
    {0x1F31D, 0x1F414, 0x1F42E, 0x1F42F, 0x1F432, 0x1F436, 0x1F439, 0x1F43B, 0x1F479, 0x1F47A, 0x1F47D, 0x1F480,
     0x1F5FF, 0x1F472, 0x1F648, 0x1F649, 0x1F64A, 0x1F973, 0x1F975, 0x1F978, 0x1F979, 0x1F981, 0x1F984, 0x1F98A,
     0x1FAE9, *range(0x1F600, 0x1F636), *range(0x1F638, 0x1F641), *range(0x1F910, 0x1F926), *range(0x1F927, 0x1F930),}
)
_BUSTS = frozenset(
    {0x1F385, 0x1F431, 0x1F466, 0x1F467, 0x1F468, 0x1F469, 0x1F46A, 0x1F46E, 0x1F470, 0x1F471, 0x1F473, 0x1F474,
     0x1F475, 0x1F476, 0x1F477, 0x1F478, 0x1F47C, 0x1F481, 0x1F482, 0x1F487, 0x1F48F, 0x1F491, 0x1F575,
     0x1F645, 0x1F646, 0x1F647, 0x1F64B, 0x1F64D, 0x1F64E, 0x1F926, 0x1F930, 0x1F931, 0x1F934, 0x1F935, 0x1F936,
     0x1F937, 0x1F977, 0x1F9B8, 0x1F9B9, 0x1F9CC, 0x1F9CF, *range(0x1F9D1, 0x1F9D7), 0x1F9D9, 0x1F9DA, 0x1F9DB,
     0x1F9DD, 0x1F9DE, 0x1F9DF, 0x1FAC3, 0x1FAC4, 0x1FAC5,}
)
_WHOLE = frozenset(
    {0x1F3C7, 0x1F404, 0x1F40F, 0x1F412, 0x1F413, 0x1F415, 0x1F41B, 0x1F41D, 0x1F420, 0x1F423, 0x1F428, 0x1F47B,
     0x1F939, 0x1F93E, 0x1F985, 0x1F986, 0x1F98B, 0x1F98C, 0x1F991, 0x1F99A, 0x1F99C, 0x1F99D, 0x1F9A1, 0x1F9A3,
     0x1F9A4, 0x1F9A5, 0x1F9AC, 0x1F9DC, 0x1F9F8, 0x1FA85, 0x1FABF, 0x1FACF,}
)
# Views, buildings, weather, single limbs and what is held by hands from outside: no actors.
_NO_ACTORS = frozenset(
    {0x1F301, *range(0x1F303, 0x1F309), 0x1F30B, 0x1F326, 0x1F327, 0x1F391, 0x1F3A0, 0x1F3A1, 0x1F3A2,
     *range(0x1F3D4, 0x1F3EE), 0x1F3EF, 0x1F3F0, 0x1F492, *range(0x1F54B, 0x1F54E), 0x1F5FC, 0x1F5FD, 0x1F5FE,
     0x1F486, 0x1F636, 0x1F687, 0x1F689, *range(0x1F69D, 0x1F6A4), 0x1F6AF, 0x1F6B5, 0x1F6C0, *range(0x1F6D5, 0x1F6E0),
     0x1F6E3, 0x1F6E4, 0x1F6E5, 0x1F6F3, 0x1F933, 0x1F93D, 0x1F9AE, 0x1F9BB, 0x1F9D7, 0x1FA7B, 0x1FAF7, 0x1FAF8,}
)
# fmt: on
_SEEN_WHOLE = ("1F9BC", "1F9BD", "1F9AF", "1FAA9")
"""People in a wheelchair, with a cane, at a turntable."""
_BLACKBOARD = "1F3EB"
"""Teachers bring a background of their own."""


@dataclass(frozen=True)
class Actor:
    """Somebody or something drawn: `name` is its id at its source; `stance` is bust, head, whole or prop."""

    name: str
    stance: str


def draw_actors(random: Generator, split: str, count: int) -> list[Actor]:
    """`count` different actors of a split; the first is a person or an animal, later ones may be props."""
    company = _company(split)
    cast: list[Actor] = []
    while len(cast) < count:
        kind = "prop" if cast and random.random() < 0.35 else "character" if random.random() < 0.45 else "figure"
        bases = company[kind]
        variants = bases[int(random.integers(len(bases)))]
        actor = variants[int(random.integers(len(variants)))]
        if actor not in cast:
            cast.append(actor)
    return cast


@lru_cache(maxsize=32)
def actor_svgs(name: str) -> tuple[str, str]:
    """The colour SVG of an actor and the SVG of its line art."""
    is_character = name.rsplit("-", 1)[0] in characters.STYLES
    return characters.pair_svgs(name, CHARACTER_SEED) if is_character else openmoji.pair_svgs(name)


def actor_pictures(name: str, size: int) -> tuple[Picture, Picture]:
    """An actor's colour (size, size, 4) RGBA with straight alpha, and its line (size, size), paper = 255."""
    color, line = actor_svgs(name)
    return rendered_color(color, size), rendered_line(line, size)


@lru_cache(maxsize=32)
def actor_outline(name: str) -> Picture:
    """An actor's alpha at THUMBNAIL pixels, by which it is placed: at any size of the panel in the same way."""
    return rendered_color(actor_svgs(name)[0], THUMBNAIL)[..., 3]


@lru_cache
def _company(split: str) -> dict[str, list[list[Actor]]]:
    """Kind -> who there is; drawings that share a base count as one, so that no base is met more often."""
    bases: dict[str, dict[str, list[Actor]]] = {"figure": {}, "prop": {}}
    for emoji in openmoji.usable_drawings():
        stance = _stance(emoji.id)
        if emoji.split == split and not emoji.variant and stance is not None:
            kind = "prop" if stance == "prop" else "figure"
            bases[kind].setdefault(emoji.base, []).append(Actor(emoji.id, stance))
    people = [row.id for row in characters.character_rows(tuple(characters.STYLES), CHARACTERS) if row.split == split]
    company = {kind: list(found.values()) for kind, found in bases.items()}
    # An adventurer is a head and no more; the others end at their picture's edge.
    company["character"] = [[Actor(name, "head" if name.startswith("adventurer") else "bust")] for name in people]
    return company


def _stance(stem: str) -> str | None:
    """How an OpenMoji drawing stands in a panel; None for one that cannot."""
    points = stem.split("-")
    first = int(points[0], 16)
    if first in _NO_ACTORS or _BLACKBOARD in points:
        return None
    if first in _WHOLE or (first in _BUSTS and not set(points).isdisjoint(_SEEN_WHOLE)):
        return "whole"
    if first in _BUSTS:
        return "bust"
    return "head" if first in _HEADS else "prop"
