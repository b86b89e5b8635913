"""Coloured drawings of many kinds, drawn without a thought of how they will be measured."""

import colorsys
from functools import cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

Random = np.random.Generator


def blob(random: Random, centre, radius, points: int = 48, rough: float = 0.12, stretch=(1.0, 1.0)) -> np.ndarray:
    """A closed smooth outline, (points, 2) int."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    r = np.ones(points)
    for k in (2, 3, 5):
        r += rough / k * random.normal() * np.cos(k * angle + random.uniform(0, 6.3))
    ring = np.stack([np.cos(angle) * stretch[0], np.sin(angle) * stretch[1]], axis=1)
    return (np.asarray(centre) + radius * r[:, None] * ring).astype(np.int32)


def spikes(random: Random, centre, width, height, count: int) -> np.ndarray:
    """A fringe of hair."""
    x = np.linspace(-width, width, 2 * count + 1)
    odd, depth = np.arange(2 * count + 1) % 2, random.uniform(0.5, 1.0, 2 * count + 1)
    y = np.where(odd, depth, random.uniform(-0.1, 0.35)) * height
    over = np.stack([np.linspace(width, -width, 12), -height * 1.6 * np.sqrt(1 - np.linspace(1, -1, 12) ** 2 * 0.9)], 1)
    return (np.concatenate([np.stack([x, y], 1), over]) + centre).astype(np.int32)


def paint(random: Random, kind: str = "any", hue: float | None = None) -> tuple[int, int, int]:
    if kind == "skin":
        hue, saturation, value = random.uniform(0.04, 0.09), random.uniform(0.12, 0.5), random.uniform(0.75, 1.0)
    elif kind == "dark":
        hue, saturation, value = random.uniform(), random.uniform(0, 0.5), random.uniform(0.02, 0.25)
    else:
        hue = random.uniform() if hue is None else hue
        saturation, value = random.uniform(0.3, 0.95), random.uniform(0.35, 1.0)
    return tuple(int(255 * v) for v in colorsys.hsv_to_rgb(hue, saturation, value))


class Canvas:
    """RGB pixels and the pen that draws on them; `lines` keeps the pen's strokes alone."""

    def __init__(self, random: Random, height: int, width: int, shading: str) -> None:
        self.random, self.shading = random, shading
        self.pixels = np.full((height, width, 3), 255, np.uint8)
        self.lines = np.full((height, width), 255, np.uint8)
        self.ink = paint(random, "dark")
        self._hue = random.uniform()
        self.pen = int(random.integers(1, 4))

    def color(self) -> tuple[int, int, int]:
        """The next paint of a palette of several hues (the golden section keeps them apart)."""
        self._hue += 0.382 + self.random.normal(0, 0.05)
        return paint(self.random, "any", self._hue % 1)

    def shape(self, outline: np.ndarray, color, outlined: bool = True) -> None:
        mask = np.zeros(self.pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [outline], 255)
        self.pixels[mask > 0] = color
        self.lines[mask > 0] = 255
        x, y, w, h = cv2.boundingRect(outline)
        if self.shading == "cel":
            moved = outline + np.array((int(w * self.random.uniform(-0.3, 0.3)), -max(2, h // 5)))
            lit = np.zeros_like(mask)
            cv2.fillPoly(lit, [moved], 255)
            dark = np.array(color) * (self.random.uniform(0.65, 0.8), self.random.uniform(0.6, 0.75), 0.82)
            self.pixels[(mask > 0) & (lit == 0)] = dark
        elif self.shading == "soft":
            rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]].astype(np.float32)
            tilt = self.random.uniform(0, 6.3)
            ramp = np.cos(tilt) * (columns - x) / max(w, 1) + np.sin(tilt) * (rows - y) / max(h, 1)
            gain = 1 - 0.45 * np.clip(ramp, 0, 1)[mask > 0][:, None]
            self.pixels[mask > 0] = np.clip(np.array(color) * gain, 0, 255)
        if outlined:
            self.stroke(outline, closed=True)

    def stroke(self, points: np.ndarray, closed: bool = False) -> None:
        cv2.polylines(self.pixels, [points], closed, self.ink, self.pen, cv2.LINE_AA)
        cv2.polylines(self.lines, [points], closed, 0, self.pen, cv2.LINE_AA)


def draw_backdrop(canvas: Canvas, kind: str) -> None:
    random, (height, width) = canvas.random, canvas.pixels.shape[:2]
    if kind == "plain":
        canvas.pixels[:] = canvas.color()
    elif kind == "ramp":
        top, bottom = np.array(canvas.color(), float), np.array(canvas.color(), float)
        t = np.linspace(0, 1, height)[:, None, None]
        canvas.pixels[:] = np.broadcast_to(top * (1 - t) + bottom * t, canvas.pixels.shape)
    elif kind == "scenery":
        draw_backdrop(canvas, "ramp")
        for _ in range(int(random.integers(3, 9))):
            centre = (random.uniform(0, width), random.uniform(0.2, 1.1) * height)
            canvas.shape(blob(random, centre, random.uniform(0.1, 0.4) * width, rough=0.4), canvas.color())
    elif kind == "pattern":
        first, second = canvas.color(), canvas.color()
        canvas.pixels[:] = first
        step = int(random.integers(18, 50))
        for y in range(0, height, step):
            for x in range((y // step % 2) * step // 2, width, step):
                cv2.circle(canvas.pixels, (x, y), step // 4, second, -1, cv2.LINE_AA)
    elif kind == "painted":  # broad brush strokes, each of one colour
        draw_backdrop(canvas, "ramp")
        base, swing = canvas.pixels.copy(), random.uniform(10, 40)
        for _ in range(int(random.integers(150, 500))):
            x, y = int(random.integers(width)), int(random.integers(height))
            axes = (int(random.integers(6, 34)), int(random.integers(3, 9)))
            color = np.clip(base[y, x] + random.normal(0, swing) + random.normal(0, swing / 3, 3), 0, 255)
            cv2.ellipse(canvas.pixels, (x, y), axes, random.uniform(0, 180), 0, 360, color.tolist(), -1, cv2.LINE_AA)
    elif kind == "detailed":  # streets, leaves, bricks: many small outlined things
        draw_backdrop(canvas, "plain")
        hue = np.array(canvas.color())
        for _ in range(int(random.integers(40, 160))):
            outline = blob(random, random.uniform(0, 1, 2) * (width, height), random.uniform(6, 30), 16, 0.4)
            color = np.clip(hue + random.normal(0, 25, 3), 0, 255)
            cv2.fillPoly(canvas.pixels, [outline], color.tolist(), cv2.LINE_AA)
            cv2.polylines(canvas.pixels, [outline], True, canvas.ink, 1, cv2.LINE_AA)


def draw_character(canvas: Canvas) -> None:
    random, (height, width) = canvas.random, canvas.pixels.shape[:2]
    unit = min(height, width) * random.uniform(0.16, 0.27)
    cx, cy = width * random.uniform(0.4, 0.6), height * random.uniform(0.32, 0.45)
    hair, skin, cloth, trim, eye = canvas.color(), paint(random, "skin"), canvas.color(), canvas.color(), canvas.color()

    def around(middle, *points) -> np.ndarray:
        return (np.array(points) * unit + middle).astype(np.int32)

    stretch = (1, random.uniform(1, 1.7))
    canvas.shape(blob(random, (cx, cy + unit * 0.3), unit * 1.35, rough=0.25, stretch=stretch), hair)
    body = around((cx, cy), (-0.5, 1), (0.5, 1), (1.6, 1), (-1.6, 1))
    body[2:, 1] = height
    canvas.shape(body, cloth)
    canvas.shape(blob(random, (cx, cy + unit * 1.6), unit * 0.35, rough=0.3), trim)
    for _ in range(int(random.integers(0, 5))):
        x = random.uniform(cx - unit, cx + unit)
        canvas.shape(blob(random, (x, random.uniform(cy + unit * 1.8, height)), unit * 0.25, rough=0.5), trim)
    canvas.shape(blob(random, (cx, cy), unit, rough=0.06, stretch=(0.85, 1.0)), skin)
    for side in (-1, 1):
        place = (cx + side * unit * 0.38, cy + unit * 0.15)
        canvas.shape(blob(random, place, unit * 0.22, rough=0.05, stretch=(0.8, 1.1)), (255, 255, 255))
        canvas.shape(blob(random, place, unit * 0.14, rough=0.05), eye)
        glint = (int(place[0] - unit * 0.04), int(place[1] - unit * 0.05))
        cv2.circle(canvas.pixels, glint, max(1, int(unit * 0.05)), (255,) * 3, -1)
        canvas.stroke(around(place, (-0.2, -0.3), (0, -0.38), (0.2, -0.3)))
    canvas.stroke(around((cx, cy), (-0.2, 0.55), (0, 0.65), (0.2, 0.55)))
    canvas.shape(spikes(random, (cx, cy - unit * 0.55), unit, unit * 0.6, int(random.integers(3, 7))), hair)
    for _ in range(int(random.integers(4, 16))):
        x = cx + random.uniform(-1, 1) * unit
        strand = np.array([(x, cy - unit), (x + random.uniform(-0.2, 0.2) * unit, cy - unit * 0.6)])
        canvas.stroke(strand.astype(np.int32))


def draw_objects(canvas: Canvas) -> None:
    random, (height, width) = canvas.random, canvas.pixels.shape[:2]
    for _ in range(int(random.integers(6, 16))):
        centre = (random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height)
        outline = blob(random, centre, random.uniform(0.06, 0.24) * width, rough=0.5)
        canvas.shape(outline, canvas.color(), outlined=random.uniform() < 0.85)
        x, y, w, h = cv2.boundingRect(outline)
        for _ in range(int(random.integers(0, 6))):
            canvas.stroke((random.uniform(0.2, 0.8, (3, 2)) * (w, h) + (x, y)).astype(np.int32))


def illustration(
    random: Random, kinds=("white", "white", "plain", "ramp", "scenery", "pattern", "painted", "detailed")
) -> Canvas:
    height, width = (int(v) for v in random.integers(260, 400, 2))
    canvas = Canvas(random, height, width, str(random.choice(["flat", "cel", "soft"])))
    draw_backdrop(canvas, str(random.choice(kinds)))
    (draw_character if random.uniform() < 0.7 else draw_objects)(canvas)
    return canvas


def finished(random: Random, pixels: np.ndarray) -> np.ndarray:
    """What happens to a drawing before it is uploaded: paper grain, watercolour, glow, and JPEG."""
    chance = random.uniform()
    picture = pixels.astype(np.float32)
    if chance < 0.15:
        picture += random.normal(0, random.uniform(2, 7), (*picture.shape[:2], 1))
    elif chance < 0.3:
        mottle = cv2.GaussianBlur(random.normal(0, 1, picture.shape[:2]).astype(np.float32), (0, 0), 12)
        picture *= 1 + 0.08 * (mottle / mottle.std())[..., None]
    elif chance < 0.45:
        picture = np.maximum(picture, 0.8 * cv2.GaussianBlur(picture, (0, 0), 8))
    return np.clip(picture, 0, 255).astype(np.uint8)


@cache
def rendered(count: int = 48) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Designers' drawings and their lines: OpenMoji without skin variants, DiceBear people."""
    from datamodules.prepare import characters, openmoji
    from datamodules.prepare.rendering import render_svg

    pairs = [openmoji.pair_svgs(emoji.id) for emoji in openmoji.select_drawings(limit=count // 2, test_limit=0)]
    names = [row.id for row in characters.character_rows(["adventurer"], count - len(pairs))]
    pairs += [characters.pair_svgs(name, 0) for name in names]
    drawn = [
        tuple(np.asarray(Image.open(BytesIO(render_svg(svg, 320, "white"))).convert("RGB")) for svg in pair)
        for pair in pairs
    ]
    # Some emoji are grey: they are no example of a coloured drawing.
    return tuple(pair for pair in drawn if np.mean(np.ptp(pair[0], axis=2) > 60) > 0.08)


@cache
def good(number: int) -> np.ndarray:
    """(H, W, 3) uint8: a coloured drawing of one of many kinds."""
    random = np.random.default_rng([number, 2020])
    if number % 8 == 7:
        color, _ = rendered()[number // 8 % len(rendered())]
        if random.uniform() < 0.4:
            red, green, blue = (255 - color[color.min(2) < 250].mean(axis=0)) / 255
            backed = color.copy()
            backed[color.min(2) > 250] = paint(random, "any", colorsys.rgb_to_hsv(red, green, blue)[0])
            return backed
        return color
    return finished(random, illustration(random).pixels)
