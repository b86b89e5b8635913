"""Pictures with one fault each, made from good ones or anew."""

import colorsys
import struct
import zlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from io import BytesIO

import cv2
import numpy as np
from PIL import Image

from tests.datamodules.curation.illustrations import (
    Canvas,
    Random,
    blob,
    draw_character,
    good,
    illustration,
    paint,
    rendered,
)

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


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
            centre = random.uniform(0.25, 0.75, 2) * (width, height)
            outline = blob(random, centre, random.uniform(0.06, 0.3) * width, rough=0.4)
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
    drawn = page * (1 - ink) + pencil * ink + random.normal(0, random.choice([0, 1.5]), page.shape)
    return np.clip(drawn, 0, 255).astype(np.uint8)


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


KINDS = (*MAKERS, "good", "unreadable")


def made(kind: str, number: int) -> tuple[bytes, str]:
    """A file's bytes and suffix, of one of KINDS: the reasons, and "good"; as much variety as numbers."""

    def random() -> Random:
        return np.random.default_rng([number, zlib.crc32(kind.encode())])

    if kind == "unreadable":
        return broken(random(), number)
    return encoded(random(), good(number) if kind == "good" else MAKERS[kind](random(), number))


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
