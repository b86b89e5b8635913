"""Speech balloons of comic panels: white, outlined in ink, with a tail and lettering that means nothing.

SVG in units of a thousandth of the panel's side. A balloon is black and white alone, so it is its own line art.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from datamodules.prepare.panels.backgrounds import polygon

SHAPES = ("ellipse", "box", "cloud", "spiky", "caption")
"""A caption is a box without a tail."""
SHAPE_SHARES = (0.42, 0.2, 0.14, 0.14, 0.1)

# Block letters of a box 0.6 wide and 1 high, as strokes; one after another they read like a comic's lettering.
_LETTERS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "A": (((0, 1), (0.3, 0), (0.6, 1)), ((0.12, 0.62), (0.48, 0.62))),
    "C": (((0.58, 0.15), (0.4, 0), (0.15, 0.05), (0, 0.4), (0.05, 0.8), (0.25, 1), (0.58, 0.88)),),
    "E": (((0.55, 0), (0, 0), (0, 1), (0.55, 1)), ((0, 0.5), (0.42, 0.5))),
    "H": (((0, 0), (0, 1)), ((0.55, 0), (0.55, 1)), ((0, 0.5), (0.55, 0.5))),
    "I": (((0.3, 0), (0.3, 1)),),
    "K": (((0, 0), (0, 1)), ((0.55, 0), (0.05, 0.55), (0.58, 1))),
    "L": (((0, 0), (0, 1), (0.5, 1)),),
    "M": (((0, 1), (0.05, 0), (0.3, 0.6), (0.55, 0), (0.6, 1)),),
    "N": (((0, 1), (0, 0), (0.55, 1), (0.55, 0)),),
    "O": (((0.3, 0), (0.05, 0.25), (0.05, 0.75), (0.3, 1), (0.55, 0.75), (0.55, 0.25), (0.3, 0)),),
    "R": (((0, 1), (0, 0), (0.45, 0.05), (0.5, 0.4), (0.05, 0.52), (0.58, 1)),),
    "S": (((0.55, 0.1), (0.2, 0), (0.05, 0.25), (0.5, 0.65), (0.4, 0.97), (0, 0.9)),),
    "T": (((0, 0), (0.6, 0)), ((0.3, 0), (0.3, 1))),
    "U": (((0, 0), (0.02, 0.8), (0.3, 1), (0.56, 0.8), (0.58, 0)),),
    "V": (((0, 0), (0.3, 1), (0.6, 0)),),
    "Y": (((0, 0), (0.3, 0.5), (0.6, 0)), ((0.3, 0.5), (0.3, 1))),
    "!": (((0.3, 0), (0.3, 0.68)), ((0.3, 0.95), (0.3, 1))),
}
_ADVANCE, _SPACE, _LEADING = 0.85, 0.7, 1.55


@dataclass(frozen=True)
class Balloon:
    """Where a balloon lies: its shape, its centre and half sides, and the tip of its tail, in units."""

    shape: str
    x: float
    y: float
    half_width: float
    half_height: float
    tip: tuple[float, float]


def balloon_svg(balloon: Balloon, random: Generator) -> str:
    """SVG elements of a balloon with its lettering; `random` draws the outline's details, the pen and the letters."""
    pen = random.uniform(4, 9)
    bodies = _bodies(balloon, random)
    # First all outlines, then all fills: where tail and body meet, no ink is left.
    outline = f'<g fill="#000" stroke="#000" stroke-width="{2 * pen:.1f}" stroke-linejoin="round">{bodies}</g>'
    return f'{outline}<g fill="#fff">{bodies}</g>{_lettering(balloon, random)}'


def _bodies(balloon: Balloon, random: Generator) -> str:
    x, y, width, height = balloon.x, balloon.y, balloon.half_width, balloon.half_height
    if balloon.shape in ("box", "caption"):
        rounding = height * (random.uniform(0.3, 0.7) if balloon.shape == "box" else 0)
        body = (
            f'<rect x="{x - width:.1f}" y="{y - height:.1f}" width="{2 * width:.1f}" height="{2 * height:.1f}" '
            f'rx="{rounding:.1f}"/>'
        )
        return body if balloon.shape == "caption" else body + _tail(balloon, random)
    if balloon.shape == "cloud":
        puffs = int(random.integers(9, 14))
        radius = 2.2 * (width + height) / puffs
        body = _ellipse(x, y, width * 0.9, height * 0.9)
        for turn in 2 * np.pi * np.arange(puffs) / puffs:
            body += _circle(
                x + 0.85 * width * np.cos(turn), y + 0.8 * height * np.sin(turn), radius * random.uniform(0.45, 0.6)
            )
        return body + _bubbles(balloon)
    if balloon.shape == "spiky":
        count = int(random.integers(12, 20))
        points = []
        for step in range(2 * count):
            turn = np.pi * step / count
            reach = random.uniform(0.88, 0.95) if step % 2 else random.uniform(1.1, 1.35)
            points.append((x + reach * width * np.cos(turn), y + reach * height * np.sin(turn)))
        return f'<path d="{polygon(points)}"/>' + _tail(balloon, random)
    return _ellipse(x, y, width, height) + _tail(balloon, random)


def _tail(balloon: Balloon, random: Generator) -> str:
    """A bent wedge from inside the body to the tip."""
    start, tip = np.array((balloon.x, balloon.y)), np.array(balloon.tip)
    along = (tip - start) / max(1.0, float(np.hypot(*(tip - start))))
    across = np.array((-along[1], along[0]))
    half = random.uniform(0.13, 0.22) * min(balloon.half_width, 2 * balloon.half_height)
    bend = across * random.uniform(-25, 25)
    (ax, ay), (bx, by) = start + half * across, start - half * across
    (cx, cy), (dx, dy) = ((start + tip) / 2 + bend + side * half * 0.7 * across for side in (1, -1))
    return (
        f'<path d="M{ax:.1f} {ay:.1f}Q{cx:.1f} {cy:.1f} {tip[0]:.1f} {tip[1]:.1f}'
        f'Q{dx:.1f} {dy:.1f} {bx:.1f} {by:.1f}Z"/>'
    )


def _bubbles(balloon: Balloon) -> str:
    """A thought's tail: three bubbles that shrink towards the tip."""
    start, tip = np.array((balloon.x, balloon.y)), np.array(balloon.tip)
    along = tip - start
    edge = 1.1 / float(np.hypot(along[0] / balloon.half_width, along[1] / balloon.half_height) + 1e-9)
    bubbles = ""
    for step, radius in ((0.1, 18), (0.55, 13), (1.0, 8)):
        x, y = start + along * (edge + (1 - edge) * step)
        bubbles += _circle(float(x), float(y), radius)
    return bubbles


def _lettering(balloon: Balloon, random: Generator) -> str:
    """Rows of words that fit into the body, each row centred."""
    width, height = 2 * balloon.half_width * 0.78, 2 * balloon.half_height * 0.68
    size = min(random.uniform(22, 40), height)
    rows = max(1, min(4, int((height + 0.55 * size) / (_LEADING * size))))
    top = balloon.y - ((rows - 1) * _LEADING + 1) * size / 2
    strokes = []
    for row in range(rows):
        # The outer rows of a round body have less room.
        outer = abs(row - (rows - 1) / 2) / max(1, rows / 2)
        room = width * (1 - (0.3 if balloon.shape in ("ellipse", "cloud", "spiky") else 0.1) * outer)
        text = _words(random, int((room / size + _ADVANCE - 0.6) / _ADVANCE))
        left = balloon.x - (sum(_step(letter) for letter in text) - (_ADVANCE - 0.6)) * size / 2
        for letter in text:
            strokes += [
                _polyline(stroke, left, top + row * _LEADING * size, size) for stroke in _LETTERS.get(letter, ())
            ]
            left += _step(letter) * size
    pen = size * random.uniform(0.13, 0.21)
    return (
        f'<path fill="none" stroke="#000" stroke-width="{pen:.1f}" stroke-linecap="round" stroke-linejoin="round" '
        f'd="{"".join(strokes)}"/>'
    )


def _words(random: Generator, letters: int) -> str:
    """At most so many letters and spaces, at least one letter."""
    text = ""
    alphabet = sorted(set(_LETTERS) - {"!"})
    while len(text) < letters - 1:
        word = "".join(random.choice(alphabet, int(random.integers(1, 8))))
        text += f" {word}" if text else word
    text = text[: max(1, letters)].rstrip() or "I"
    return text[:-1] + "!" if len(text) > 2 and random.random() < 0.2 else text


def _step(letter: str) -> float:
    return _SPACE if letter == " " else _ADVANCE


def _polyline(points: Sequence[tuple[float, float]], left: float, top: float, size: float) -> str:
    return "M" + "L".join(f"{left + size * x:.1f} {top + size * y:.1f}" for x, y in points)


def _ellipse(x: float, y: float, width: float, height: float) -> str:
    return f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{width:.1f}" ry="{height:.1f}"/>'


def _circle(x: float, y: float, radius: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
