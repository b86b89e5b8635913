"""The systems by the names of their stages."""

import math
from collections.abc import Mapping

COMIC = ("low_resolution", "background", "polishing", "plain_polishing")
"""The networks of the comic colorizer; the first ones alone colour as far as they go."""


SYSTEMS = (
    ("draft",),
    ("draft", "colorizer"),
    ("pix2pix",),
    ("alacgan",),
    *(COMIC[:count] for count in range(1, len(COMIC) + 1)),
)
"""Which networks, by the names of their training stages, colour a page together."""


def whole_multiple(networks: Mapping[str, object]) -> int:
    """What the sides of a page must be multiples of: even, for the draft sees half, and what each network can halve."""
    return math.lcm(2, *(getattr(n, "multiple", 1) * (2 if name == "draft" else 1) for name, n in networks.items()))
