"""Backgrounds of comic panels: one arbitrary colour each, flat or textured in nearby shades, with ink marks on some.

Kang et al. 2017 learn that the colour of a background does not follow from the lines; so nothing here depends on who
stands before it. All is SVG in units of a thousandth of the panel's side.
"""

import colorsys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

SIDE = 1000.0
"""Units of a panel's side: the same panel at every size in pixels."""

FLAT_SHARE = 0.5
INK_SHARE = 0.4


@dataclass(frozen=True)
class Background:
    """SVG elements of a background: its paints, and the ink upon them ("" where there is none)."""

    paint: str
    ink: str


@dataclass(frozen=True)
class Shade:
    """A colour as hue, lightness and saturation in [0, 1]."""

    hue: float
    lightness: float
    saturation: float

    def near(self, random: Generator, least: float = 0.04, most: float = 0.13) -> "Shade":
        """A shade of the same hue, that much lighter or darker."""
        step = random.uniform(least, most) * (1 if random.random() < 0.5 else -1)
        if not 0.1 < self.lightness + step < 1:
            step = -step
        hue = (self.hue + random.uniform(-0.02, 0.02)) % 1
        return Shade(hue, min(1.0, max(0.08, self.lightness + step)), self.saturation)

    def __str__(self) -> str:
        parts = colorsys.hls_to_rgb(self.hue, self.lightness, self.saturation)
        return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def draw_shade(random: Generator) -> Shade:
    """Any colour: every hue; light, middle and dark; some grey, some nearly white."""
    hue, kind = random.random(2)
    if kind < 0.1:
        return Shade(hue, random.uniform(0.3, 0.9), 0.0)
    if kind < 0.2:
        return Shade(hue, random.uniform(0.92, 0.985), random.uniform(0.1, 0.9))
    return Shade(hue, random.uniform(0.2, 0.9), random.uniform(0.15, 1))


def draw_background(random: Generator) -> Background:
    """One background for the whole square of SIDE x SIDE."""
    shade = draw_shade(random)
    textures: list[Callable[[Generator, Shade], str]] = [_gradient, _stripes, _dots, _rays, _speckle]
    paint = f'<rect width="1000" height="1000" fill="{shade}"/>'
    ink = ""
    if random.random() >= FLAT_SHARE:
        which = int(random.integers(len(textures) + 1))
        if which < len(textures):
            paint += textures[which](random, shade)
        else:
            horizon = random.uniform(600, 880)
            paint += f'<rect y="{horizon:.1f}" width="1000" height="400" fill="{shade.near(random, 0.08, 0.2)}"/>'
            if random.random() < 0.7:
                ink += f'<path d="M-9 {horizon:.1f}H1009" stroke="#000" stroke-width="{random.uniform(3, 7):.1f}"/>'
    if random.random() < INK_SHARE:
        marks = (_speed_lines, _focus_lines, _motifs)
        ink += marks[int(random.integers(len(marks)))](random)
    return Background(paint, ink)


def polygon(points: Iterable[tuple[float, float]]) -> str:
    """A closed path through points."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def _gradient(random: Generator, shade: Shade) -> str:
    ends = (shade.near(random, 0.08, 0.2), shade)
    stops = "".join(f'<stop offset="{place}" stop-color="{end}"/>' for place, end in enumerate(ends))
    if random.random() < 0.35:
        x, y = random.uniform(0.2, 0.8, 2)
        element = f'<radialGradient id="g" cx="{x:.3f}" cy="{y:.3f}" r="0.8">{stops}</radialGradient>'
    else:
        x, y = _direction(random.uniform(0, 2 * np.pi))
        places = f'x1="{0.5 - x / 2:.3f}" y1="{0.5 - y / 2:.3f}" x2="{0.5 + x / 2:.3f}" y2="{0.5 + y / 2:.3f}"'
        element = f'<linearGradient id="g" {places}>{stops}</linearGradient>'
    return f'<defs>{element}</defs><rect width="1000" height="1000" fill="url(#g)"/>'


def _stripes(random: Generator, shade: Shade) -> str:
    pitch = random.uniform(40, 160)
    width = pitch * random.uniform(0.25, 0.6)
    angle = random.choice([0, 90, 45, -45, random.uniform(0, 180)])
    bars = "".join(
        f'<rect x="{x:.1f}" y="-300" width="{width:.1f}" height="1600"/>' for x in np.arange(-300, 1300, pitch)
    )
    return f'<g fill="{shade.near(random)}" transform="rotate({angle:.1f} 500 500)">{bars}</g>'


def _dots(random: Generator, shade: Shade) -> str:
    pitch = random.uniform(45, 110)
    radius = pitch * random.uniform(0.15, 0.38)
    rows = enumerate(np.arange(-250, 1250, pitch * 0.87))
    circles = "".join(
        f'<circle cx="{x + pitch / 2 * (row % 2):.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        for row, y in rows
        for x in np.arange(-250, 1250, pitch)
    )
    return f'<g fill="{shade.near(random)}" transform="rotate({random.uniform(0, 60):.1f} 500 500)">{circles}</g>'


def _rays(random: Generator, shade: Shade) -> str:
    centre = random.uniform(250, 750), random.uniform(200, 900)
    count = int(random.integers(8, 20))
    first = random.uniform(0, 2 * np.pi)
    wedges = []
    for ray in range(count):
        start = first + 2 * np.pi * ray / count
        ends = (_at(centre, start + turn, 1600) for turn in (0, np.pi / count))
        wedges.append(polygon((centre, *ends)))
    return f'<path fill="{shade.near(random)}" d="{"".join(wedges)}"/>'


def _speckle(random: Generator, shade: Shade) -> str:
    count = int(random.integers(150, 500))
    places = np.concatenate([random.uniform(0, 1000, (count, 2)), random.uniform(2, 7, (count, 1))], axis=1)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}"/>' for x, y, r in places)
    return f'<g fill="{shade.near(random, 0.06, 0.15)}">{dots}</g>'


def _speed_lines(random: Generator) -> str:
    """Tapering strokes from one side across, all in one direction."""
    count = int(random.integers(8, 22))
    strokes = []
    for y in random.uniform(-100, 1100, count):
        x, length, half = random.uniform(-300, 700), random.uniform(250, 900), random.uniform(1.2, 4)
        strokes.append(polygon(((x, y - half), (x, y + half), (x + length, y))))
    angle = random.choice([0, 180, 90, random.uniform(-30, 30)])
    return f'<path d="{"".join(strokes)}" transform="rotate({angle:.1f} 500 500)"/>'


def _focus_lines(random: Generator) -> str:
    """Strokes from all sides that point at one place, and end well before it."""
    centre = random.uniform(400, 600), random.uniform(400, 650)
    count = int(random.integers(28, 60))
    strokes = []
    for start in 2 * np.pi * (np.arange(count) + random.uniform(-0.3, 0.3, count)) / count:
        spread = random.uniform(0.004, 0.014)
        ends = (_at(centre, start + turn, 1200) for turn in (-spread, spread))
        strokes.append(polygon((_at(centre, start, random.uniform(330, 520)), *ends)))
    return f'<path d="{"".join(strokes)}"/>'


def _motifs(random: Generator) -> str:
    """Some outlined signs of one kind: stars, sparkles, hearts, clouds or rings; the background shows through."""
    shapes = (_STAR, _SPARKLE, _HEART, _CLOUD, _RING)
    shape = shapes[int(random.integers(len(shapes)))]
    scale, width = random.uniform(28, 70), random.uniform(3, 7)
    copies = []
    for _ in range(int(random.integers(4, 11))):
        x, y = random.uniform(40, 960), random.uniform(40, 760)
        size, angle = scale * random.uniform(0.7, 1.3), random.uniform(-15, 15)
        copies.append(
            f'<path d="{shape}" stroke-width="{width / size:.4f}" '
            f'transform="translate({x:.1f} {y:.1f}) rotate({angle:.1f}) scale({size:.1f})"/>'
        )
    return f'<g fill="none" stroke="#000" stroke-linejoin="round">{"".join(copies)}</g>'


def _direction(angle: float) -> tuple[float, float]:
    return float(np.cos(angle)), float(np.sin(angle))


def _at(centre: tuple[float, float], angle: float, radius: float) -> tuple[float, float]:
    x, y = _direction(angle)
    return centre[0] + radius * x, centre[1] + radius * y


def _spikes(count: int, inner: float) -> str:
    turns = (np.pi * (step / count - 0.5) for step in range(2 * count))
    points = (_at((0, 0), turn, inner if step % 2 else 1) for step, turn in enumerate(turns))
    return "M" + "L".join(f"{x:.3f} {y:.3f}" for x, y in points) + "Z"


# Outlines of about one unit's radius.
_STAR = _spikes(5, 0.42)
_SPARKLE = _spikes(4, 0.3)
_HEART = "M0 .9C-1.4 -.1 -.9 -1 -.45 -.9C-.15 -.85 0 -.6 0 -.45C0 -.6 .15 -.85 .45 -.9C.9 -1 1.4 -.1 0 .9Z"
_CLOUD = "M-.9 .4A.4 .4 0 0 1 -.8 -.3A.55 .55 0 0 1 .2 -.5A.42 .42 0 0 1 .85 -.1A.32 .32 0 0 1 .8 .4Z"
_RING = "M-.7 0A.7 .7 0 1 1 .7 0A.7 .7 0 1 1 -.7 0Z"
