"""Where everything of a comic panel lies: frame, figures and balloons, in units of a thousandth of its side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from datamodules.prepare.panels.backgrounds import SIDE, polygon
from datamodules.prepare.panels.balloons import SHAPE_SHARES, SHAPES, Balloon
from datamodules.prepare.panels.cast import THUMBNAIL, Actor, actor_outline

Corners = tuple[tuple[float, float], ...]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Frame:
    """The panel's corners, clockwise from the upper left, its border's width (0: none); outside lies a white gutter."""

    corners: Corners
    border: float

    @property
    def inside(self) -> Box:
        """The largest upright rectangle within the corners."""
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = self.corners
        return max(ax, dx), max(ay, by), min(bx, cx), min(cy, dy)


@dataclass(frozen=True)
class Figure:
    """An actor in its place: the square of its drawing, and within that the box of what is drawn."""

    actor: Actor
    left: float
    top: float
    side: float
    mirrored: bool
    box: Box


@dataclass(frozen=True)
class Layout:
    """A panel without its colours; figures from the back to the front."""

    frame: Frame
    figures: tuple[Figure, ...]
    balloons: tuple[Balloon, ...]


def draw_frame(random: Generator) -> Frame:
    """A fifth of the panels have no border, two fifths one at the picture's edge, and two fifths a gutter around it."""
    kind = random.random()
    border = random.uniform(6, 16)
    if kind < 0.2:
        return Frame(_rectangle(0, 0, SIDE, SIDE), 0.0)
    if kind < 0.6:
        return Frame(_rectangle(border / 2, border / 2, SIDE - border / 2, SIDE - border / 2), border)
    left, top, right, bottom = random.uniform(18, 75, 4)
    corners = _rectangle(left, top, SIDE - right, SIDE - bottom)
    if random.random() < 0.3:
        moved = random.uniform(-14, 14, (4, 2))
        corners = tuple((x + dx, y + dy) for (x, y), (dx, dy) in zip(corners, moved.tolist()))
    return Frame(corners, border if kind < 0.95 else 0.0)


def frame_svg(frame: Frame) -> str:
    """SVG elements of the gutter, white, and the border, black."""
    shape = polygon(frame.corners)
    gutter = f'<path fill="#fff" fill-rule="evenodd" d="M-9 -9H1009V1009H-9Z{shape}"/>'
    if not frame.border:
        return gutter
    return f'{gutter}<path fill="none" stroke="#000" stroke-width="{frame.border:.1f}" d="{shape}"/>'


def draw_layout(random: Generator, frame: Frame, cast: Sequence[Actor], balloons: int) -> Layout:
    """Place a cast and so many balloons in a frame; another draw from the stream places them elsewhere."""
    props = [actor for actor in cast if actor.stance == "prop"]
    players = [actor for actor in cast if actor.stance != "prop"]
    places = list(random.permutation(len(players)))
    figures = [
        _player(random, frame.inside, actor, int(place), len(players), balloons)
        for actor, place in zip(players, places)
    ]
    # Whoever is cut by the lower edge is nearer than who stands on the ground.
    figures.sort(key=lambda figure: (figure.box[3], figure.side))
    speakers = [figure.box for figure in figures]
    figures += [_prop(random, frame.inside, actor, speakers) for actor in props]
    return Layout(frame, tuple(figures), tuple(_balloons(random, frame.inside, speakers, balloons)))


def outline_box(name: str) -> Box:
    """The box of what is drawn in an actor's square, in shares of its side."""
    drawn = actor_outline(name) > 0
    down, across = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    return (across[0] / THUMBNAIL, down[0] / THUMBNAIL, (across[-1] + 1) / THUMBNAIL, (down[-1] + 1) / THUMBNAIL)


def _player(random: Generator, inside: Box, actor: Actor, place: int, players: int, balloons: int) -> Figure:
    left, top, right, bottom = inside
    width, height = right - left, bottom - top
    # Balloons hang from above, and who stands on the ground stands higher than who is cut by the edge.
    tallest = {1: 0.98, 2: 0.82, 3: 0.66}[players] - 0.2 * bool(balloons) - 0.12 * (actor.stance == "whole")
    shortest = {1: 0.62, 2: 0.48, 3: 0.4}[players]
    wanted = height * random.uniform(min(shortest, tallest - 0.08), tallest)
    # How much of it lies below the edge: a bust's artist drew no lower end.
    sunk = {"bust": random.uniform(0.03, 0.16), "head": random.uniform(0.01, 0.13), "whole": 0.0}[actor.stance]
    ground = bottom + 4 if actor.stance != "whole" else bottom - height * random.uniform(0.03, 0.12)
    centre = left + width * (place + 0.5 + random.uniform(-0.14, 0.14)) / players
    widest = 1.25 * width / players if players > 1 else 0.95 * width
    return _figure(actor, centre, ground, wanted / (1 - sunk), widest, sunk, random.random() < 0.5)


def _prop(random: Generator, inside: Box, actor: Actor, speakers: Sequence[Box]) -> Figure:
    """The place, of some that are drawn, at which it hides the least of the faces; most lie on the ground."""
    left, top, right, bottom = inside
    tall = (bottom - top) * random.uniform(0.15, 0.32)
    places = []
    for _ in range(8):
        centre = left + (right - left) * random.uniform(0.1, 0.9)
        ground = bottom - (bottom - top) * random.uniform(0.01, 0.08)
        if random.random() < 0.2:
            ground -= (bottom - top) * random.uniform(0.15, 0.5)
        # Signs and books have writing on them: no mirror.
        places.append(_figure(actor, centre, ground, tall, 0.4 * (right - left), 0.0, mirrored=False))
    faces = [(x0, y0, x1, y0 + 0.65 * (y1 - y0)) for x0, y0, x1, y1 in speakers]
    return min(places, key=lambda figure: sum(_shared_area(figure.box, face) for face in faces))


def _shared_area(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)


def _figure(
    actor: Actor, centre: float, ground: float, tall: float, widest: float, sunk: float, mirrored: bool
) -> Figure:
    """The actor at most so tall and wide, on the ground or sunk into it by a share of its height."""
    x0, y0, x1, y1 = outline_box(actor.name)
    if mirrored:
        x0, x1 = 1 - x1, 1 - x0
    side = min(tall / (y1 - y0), widest / (x1 - x0))
    left = centre - side * (x0 + x1) / 2
    top = ground - side * (y1 - sunk * (y1 - y0))
    return Figure(
        actor, left, top, side, mirrored, (left + side * x0, top + side * y0, left + side * x1, top + side * y1)
    )


def _balloons(random: Generator, inside: Box, speakers: Sequence[Box], count: int) -> list[Balloon]:
    left, top, right, bottom = inside
    width, height = right - left, bottom - top
    found: list[Balloon] = []
    from_left = random.random() < 0.5
    for number in range(count):
        shape = str(random.choice(SHAPES, p=SHAPE_SHARES))
        half_width = width * random.uniform(0.13, 0.24 if count == 1 else 0.2)
        half_height = min(half_width * random.uniform(0.4, 0.75), 0.13 * height)
        on_left = from_left if number == 0 else not from_left
        x = left + half_width + width * random.uniform(0.04, 0.16)
        y = top + half_height + height * random.uniform(0.035, 0.08 if number == 0 else 0.2)
        if shape == "caption":
            # In the corner, a little over the border.
            x, y = left + half_width - 2, top + half_height - 2
        x = x if on_left else left + right - x
        body = np.array((x, y))
        mouth = min((_mouth(box) for box in speakers), key=lambda spot: float(np.hypot(*(spot - body))))
        away = mouth - body
        edge = 1 / float(np.hypot(away[0] / half_width, away[1] / half_height) + 1e-9)
        # From the body's edge towards the speaker, not as far as the face.
        gap = float(np.hypot(*away)) * (1 - edge)
        reach = edge + (1 - edge) * np.clip(0.6 * gap, 45, 150) / gap if gap > 1 else 1.4 * edge
        tip = body + away * reach
        found.append(Balloon(shape, float(x), float(y), half_width, half_height, (float(tip[0]), float(tip[1]))))
    return found


def _mouth(box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return np.array(((left + right) / 2, min(top + 0.25 * (bottom - top), SIDE)))


def _rectangle(left: float, top: float, right: float, bottom: float) -> Corners:
    return (left, top), (right, top), (right, bottom), (left, bottom)
