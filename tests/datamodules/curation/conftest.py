"""Pictures made to be good, and pictures made to fault; drawn without a thought of how they will be measured."""

from __future__ import annotations

import colorsys
import struct
import zlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

Random = np.random.Generator
PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


# ---- drawing ----


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
    y = (
        np.where(np.arange(2 * count + 1) % 2, random.uniform(0.5, 1.0, 2 * count + 1), random.uniform(-0.1, 0.35))
        * height
    )
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
    canvas.shape(
        blob(random, (cx, cy + unit * 0.3), unit * 1.35, rough=0.25, stretch=(1, random.uniform(1, 1.7))), hair
    )
    body = np.array(
        [
            (cx - unit * 0.5, cy + unit),
            (cx + unit * 0.5, cy + unit),
            (cx + unit * 1.6, height),
            (cx - unit * 1.6, height),
        ]
    )
    canvas.shape(body.astype(np.int32), cloth)
    canvas.shape(blob(random, (cx, cy + unit * 1.6), unit * 0.35, rough=0.3), trim)
    for _ in range(int(random.integers(0, 5))):
        x = random.uniform(cx - unit, cx + unit)
        canvas.shape(blob(random, (x, random.uniform(cy + unit * 1.8, height)), unit * 0.25, rough=0.5), trim)
    canvas.shape(blob(random, (cx, cy), unit, rough=0.06, stretch=(0.85, 1.0)), skin)
    for side in (-1, 1):
        place = (cx + side * unit * 0.38, cy + unit * 0.15)
        canvas.shape(blob(random, place, unit * 0.22, rough=0.05, stretch=(0.8, 1.1)), (255, 255, 255))
        canvas.shape(blob(random, place, unit * 0.14, rough=0.05), eye)
        cv2.circle(
            canvas.pixels,
            (int(place[0] - unit * 0.04), int(place[1] - unit * 0.05)),
            max(1, int(unit * 0.05)),
            (255,) * 3,
            -1,
        )
        brow = np.array(
            [
                (place[0] - unit * 0.2, place[1] - unit * 0.3),
                (place[0], place[1] - unit * 0.38),
                (place[0] + unit * 0.2, place[1] - unit * 0.3),
            ]
        )
        canvas.stroke(brow.astype(np.int32))
    mouth = np.array([(cx - unit * 0.2, cy + unit * 0.55), (cx, cy + unit * 0.65), (cx + unit * 0.2, cy + unit * 0.55)])
    canvas.stroke(mouth.astype(np.int32))
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


# ---- good pictures ----


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


# ---- faults: each makes one picture of its kind from a random generator ----


def grey(random: Random, number: int) -> np.ndarray:
    weights = random.dirichlet((2, 2, 2))
    value = good(number).astype(np.float32) @ weights
    picture = np.repeat(value[..., None], 3, axis=2)
    if random.uniform() < 0.4:  # a scanner's tint
        picture = picture + random.normal(0, 2, 3)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    if random.uniform() < 0.3:  # a signature in colour
        cv2.putText(picture, "sign", (8, picture.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.4, paint(random), 1)
    return picture


def high_key(random: Random, number: int) -> np.ndarray:
    picture = good(number) / 255.0
    kind = number % 3
    if kind == 0:
        picture = 1 - (1 - picture) * random.uniform(0.08, 0.22)
    elif kind == 1:
        picture = 1 - (1 - picture) ** random.uniform(1.0, 1.6) * random.uniform(0.1, 0.2)
    else:  # overexposed
        picture = np.clip(picture * random.uniform(0.6, 1.4) + random.uniform(0.65, 0.75), 0, 1)
    return (picture * 255).astype(np.uint8)


def low_key(random: Random, number: int) -> np.ndarray:
    picture = good(number) / 255.0
    kind = number % 3
    if kind == 0:
        picture = picture * random.uniform(0.06, 0.2)
    elif kind == 1:
        picture = picture ** random.uniform(1.5, 3) * random.uniform(0.1, 0.2)
    else:  # a dim lamp in the dark
        height, width = picture.shape[:2]
        rows, columns = np.mgrid[:height, :width]
        place = random.uniform(0.2, 0.8, 2) * (height, width)
        lamp = np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / (0.12 * width) ** 2)
        picture = picture * (0.08 + 0.8 * lamp[..., None])
    return (picture * 255).astype(np.uint8)


def biased_tone(random: Random, number: int) -> np.ndarray:
    """Everything in one narrow band of brightness between dark and light: fog, faded prints."""
    picture = good(number).astype(np.float32)
    level = random.uniform(95, 165)
    kind = number % 3
    if kind == 0:
        picture = level + (picture - picture.mean()) * random.uniform(0.06, 0.18)
    elif kind == 1:  # all paints of one lightness, their hues kept
        lab = cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB).astype(np.float32)
        lab[..., 0] = level + 0.15 * (lab[..., 0] - 128)
        lab[..., 1:] = 128 + 0.5 * (lab[..., 1:] - 128)
        return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)
    else:  # a veil of fog
        veil = random.uniform(0.82, 0.92)
        picture = picture * (1 - veil) + veil * (level + random.normal(0, 6, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


def biased_color(random: Random, number: int) -> np.ndarray:
    """Everything in one colour: duotones, coloured light, filters."""
    picture = good(number) / 255.0
    luma = (picture @ np.array([0.299, 0.587, 0.114]))[..., None]
    tint = np.array(colorsys.hsv_to_rgb(random.uniform(), random.uniform(0.6, 1.0), random.uniform(0.7, 1.0)))
    kind = number % 4
    if kind == 0:  # dark tint to light tint
        picture = np.where(luma < 0.6, tint * luma / 0.6, tint + (1 - tint) * (luma - 0.6) / 0.4 * 0.8)
    elif kind == 1:  # all under a coloured lamp
        picture = (0.35 * picture + 0.65 * luma) * tint ** random.uniform(1.5, 2.5)
        picture = picture / max(0.2, np.quantile(picture, 0.98)) * random.uniform(0.8, 1)
    elif kind == 2:  # a filter over it
        strength = random.uniform(0.6, 0.75)
        picture = picture * (1 - strength) + tint * strength * random.uniform(0.8, 1)
    else:  # one hue, every saturation, on paper of it
        hsv = cv2.cvtColor((picture * 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
        hsv[..., 0] = random.integers(0, 180)
        hsv[..., 1] = np.maximum(hsv[..., 1], 45)
        return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def scribble(random: Random, number: int) -> np.ndarray:
    kind = number % 5
    height, width = (int(v) for v in random.integers(260, 400, 2))
    paper = np.array((255, 255, 255) if random.uniform() < 0.6 else random.integers(225, 256, 3))
    page = np.ones((height, width, 3), np.float32) * paper
    pencil = np.array(paint(random, "dark" if random.uniform() < 0.5 else "any"), np.float32)
    if kind == 0:  # the line drawing of a picture that was never coloured
        lines = illustration(random, ("white",)).lines
    elif kind == 1:
        lines = rendered()[number // 5 % len(rendered())][1][..., 0]
    elif kind == 2:  # searching strokes, each line drawn several times
        lines = np.full((height, width), 255, np.uint8)
        for _ in range(int(random.integers(4, 10))):
            outline = blob(
                random, random.uniform(0.25, 0.75, 2) * (width, height), random.uniform(0.06, 0.3) * width, rough=0.4
            )
            for _ in range(int(random.integers(2, 5))):
                shaken = outline + random.normal(0, 2.5, outline.shape) + random.normal(0, 3, 2)
                cv2.polylines(lines, [shaken.astype(np.int32)], True, int(random.integers(40, 150)), 1, cv2.LINE_AA)
    elif kind == 3:  # doodles: a pen that wanders
        lines = np.full((height, width), 255, np.uint8)
        for _ in range(int(random.integers(3, 9))):
            turn = np.cumsum(random.normal(0, 0.35, 160))
            path = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * random.uniform(2, 6), axis=0)
            path += random.uniform(0.15, 0.85, 2) * (width, height)
            cv2.polylines(lines, [path.astype(np.int32)], False, 30, int(random.integers(1, 4)), cv2.LINE_AA)
    else:  # a line drawing with its first dabs of colour
        canvas = illustration(random, ("white",))
        lines = canvas.lines
        page = np.ones((*lines.shape, 3), np.float32) * paper
        for _ in range(int(random.integers(1, 4))):
            place = tuple(int(v) for v in random.uniform(0.3, 0.7, 2) * lines.shape[::-1])
            cv2.circle(page, place, int(random.integers(5, 14)), paint(random), -1, cv2.LINE_AA)
    if page.shape[:2] != lines.shape:
        page = np.ones((*lines.shape, 3), np.float32) * paper
    ink = (1 - lines[..., None] / 255.0) * random.uniform(0.55, 1)
    return np.clip(
        page * (1 - ink) + pencil * ink + random.normal(0, random.choice([0, 1.5]), page.shape), 0, 255
    ).astype(np.uint8)


@cache
def photos() -> tuple[np.ndarray, ...]:
    folder = files("skimage").joinpath("data")
    return tuple(np.asarray(Image.open(str(folder.joinpath(name))).convert("RGB")) for name in PHOTOS)


def spectrum(random: Random, height: int, width: int, slope: float) -> np.ndarray:
    """Noise whose amplitude falls with frequency as in nature, (H, W) with mean 0 and deviation 1."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(y, x), 1 / max(height, width)) ** slope
    noise = np.fft.irfft2(amplitude * np.exp(2j * np.pi * random.uniform(size=amplitude.shape)), (height, width))
    return (noise - noise.mean()) / noise.std()


def leaves(random: Random, height: int, width: int) -> np.ndarray:
    """The dead-leaves model of natural scenes: textured things that hide one another, seen through a lens."""
    picture = np.zeros((height, width, 3), np.float32)
    base = 120 + random.normal(0, 25, 3)
    for radius in np.sort(1 / random.uniform(1 / 150, 1 / 8, 260))[::-1]:
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [blob(random, random.uniform(-0.1, 1.1, 2) * (width, height), radius, 24, 0.5)], 1)
        shade = np.clip(base + random.normal(0, 55, 3) * (0.6, 0.5, 0.6) + random.normal(0, 35), 5, 250)
        picture[mask > 0] = shade
    picture *= 1 + 0.22 * spectrum(random, height, width, 1.1)[..., None]
    picture *= 1 + 0.25 * spectrum(random, height, width, 2.0)[..., None]
    return cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 1.1))


def photograph(random: Random, number: int) -> np.ndarray:
    kind = number % 5
    height, width = (int(v) for v in random.integers(260, 400, 2))
    if kind <= 2:
        photo = photos()[number // 5 % len(photos())]
        scale = random.uniform(0.75, 1.0)
        h, w = int(photo.shape[0] * scale), int(photo.shape[1] * random.uniform(0.75, 1.0))
        y, x = random.integers(0, photo.shape[0] - h + 1), random.integers(0, photo.shape[1] - w + 1)
        picture = photo[y : y + h, x : x + w].astype(np.float32)
        picture = 255 * (picture / 255) ** random.uniform(0.8, 1.2) * random.uniform(0.9, 1.1, 3)
        if random.uniform() < 0.5:
            picture = picture[:, ::-1]
        if kind == 2:  # a drawn figure before a photographed place
            canvas = Canvas(random, *picture.shape[:2], "cel")
            canvas.pixels[:] = (1, 2, 3)
            draw_character(canvas)
            drawn = (canvas.pixels != (1, 2, 3)).any(2)
            small = random.uniform(0.5, 0.8)
            matrix = np.array([[small, 0, w * (1 - small) * random.uniform()], [0, small, h * (1 - small)]])
            figure = cv2.warpAffine(canvas.pixels, matrix, (w, h))
            shape = cv2.warpAffine(drawn.astype(np.float32), matrix, (w, h))[..., None]
            picture = picture * (1 - shape) + figure * shape
    elif kind == 3:
        picture = leaves(random, height, width)
    else:
        slope = random.uniform(0.9, 1.25)
        base, light = 120 + random.normal(0, 40, 3), spectrum(random, height, width, slope)[..., None]
        tints = np.stack([spectrum(random, height, width, slope) for _ in range(3)], axis=2)
        picture = 0.5 * base + 60 + 45 * light + 22 * tints
    noisy = picture + random.normal(0, random.uniform(1, 6), picture.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def too_small(random: Random, number: int) -> np.ndarray:
    picture = good(number)
    height, width = picture.shape[:2]
    scale = SHORT_SIDE / min(height, width) * random.uniform(0.5, 1.0)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def copied(random: Random, number: int) -> np.ndarray:
    """The same picture again: smaller, cropped by a pixel or two, brighter, signed, with noise."""
    picture = good(number)
    height, width = picture.shape[:2]
    kind = number % 5
    if kind == 1:
        edge = max(1, height // 100)
        picture = picture[edge:-edge, edge:-edge]
    elif kind == 2:
        picture = np.clip(picture * random.uniform(0.92, 1.08) + random.uniform(-6, 6), 0, 255).astype(np.uint8)
    elif kind == 3:
        picture = cv2.putText(picture.copy(), "sign", (4, height - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (30, 30, 30), 1)
    elif kind == 4:
        picture = np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    scale = random.uniform(0.72, 0.98)
    return cv2.resize(picture, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)


SHORT_SIDE = 180
"""The limit for these pictures, which are small to be made fast."""

MAKERS: dict[str, Callable[[Random, int], np.ndarray]] = {
    "short_side": too_small,
    "greyscale": grey,
    "high_key": high_key,
    "low_key": low_key,
    "biased_tone": biased_tone,
    "biased_color": biased_color,
    "scribble": scribble,
    "photograph": photograph,
    "near_duplicate": copied,
}


def broken(random: Random, number: int) -> tuple[bytes, str]:
    """A file with a picture's suffix that is none, or no longer."""
    data, suffix = encoded(random, good(number), ["PNG", "JPEG", "WEBP"][number % 3])
    kind = number // 3 % 5
    if kind == 0:
        data = data[: int(len(data) * random.uniform(0.2, 0.8))]
    elif kind == 1:
        data = b""
    elif kind == 2:
        data = random.bytes(2000)
    elif kind == 3:
        data = b"<!doctype html><title>404</title>" * 40
    else:  # a header that promises far too many pixels
        header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
        data += struct.pack(">I", zlib.crc32(b"IHDR" + header))
        data += struct.pack(">I", 200) + b"IDAT" + random.bytes(200)
    return data, suffix


def encoded(random: Random, pixels: np.ndarray, kind: str | None = None) -> tuple[bytes, str]:
    """A file's bytes and suffix: PNG, WebP, or JPEG of any quality."""
    kind = kind or str(random.choice(["PNG", "JPEG", "JPEG", "WEBP"]))
    buffer = BytesIO()
    options = {"compress_level": 1} if kind == "PNG" else {"quality": int(random.integers(60, 96))}
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue(), {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp"}[kind]


@pytest.fixture(scope="session")
def faults() -> dict[str, Callable[[int], tuple[bytes, str]]]:
    """Kind -> number -> a file's bytes and suffix; "good", the reasons, and as much variety as numbers."""

    def seeded(kind: str, number: int) -> Random:
        return np.random.default_rng([number, zlib.crc32(kind.encode())])

    def of(kind: str, make: Callable[[Random, int], np.ndarray]) -> Callable[[int], tuple[bytes, str]]:
        return lambda number: encoded(seeded(kind, number), make(seeded(kind, number), number))

    makers = {kind: of(kind, make) for kind, make in MAKERS.items()}
    makers["good"] = of("good", lambda random, number: good(number))
    makers["unreadable"] = lambda number: broken(seeded("unreadable", number), number)
    return makers
