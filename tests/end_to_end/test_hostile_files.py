"""What hostile and odd files do to linecolor-colorize: a picture, or an error that names them and the limit."""

import io
import os
import pickle
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from linecolor.cli.colorize import main
from linecolor.images import read_color, write_png
from linecolor.images.formats import names
from linecolor.systems.bundle import CARD, WEIGHTS
from tests.linecolor.images.made_files import chunk, encoded, noise, png


def line_art(height: int, width: int) -> np.ndarray:
    line = np.full((height, width), 255, np.uint8)
    line[height // 4 : height // 4 + 2] = 0
    line[:, width // 2] = 60
    return line


def saved(path: Path, picture: np.ndarray) -> Path:
    write_png(path, picture)
    return path


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1, 1), 255, np.uint8),
        np.full((1, 5000), 255, np.uint8),
        np.full((5000, 1), 0, np.uint8),
        np.tile(line_art(20, 120), (1, 250)),
        np.tile(line_art(62, 1001), (1, 1000)),
        np.zeros((90, 70), np.uint8),
        np.full((70, 90), 255, np.uint8),
    ],
    ids=["1x1", "1x5000", "5000x1", "30000 px wide", "1,001,000 px wide", "all black", "all white"],
)
def test_odd_pages_become_pictures_of_their_size(tmp_path, colorize, picture):
    assert colorize(saved(tmp_path / "page.png", picture)) == 0
    result = read_color(tmp_path / "page.color.png")[0]
    assert result.shape == (*picture.shape, 3)
    if not picture.any():
        assert not result.any(), "ink stays ink"


def _zipped_zeros() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("page.png", bytes(100_000_000))
    return buffer.getvalue()


ENTITIES = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'


def _many_scans() -> bytes:
    """A progressive JPEG whose last scan is repeated: each repetition costs a whole page."""
    data = encoded(Image.new("L", (400, 400), 255), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 500 + data[-2:]


def _huge_tile() -> bytes:
    """A TIFF of few pixels in one tile that would take four gigabytes."""
    tags = {256: 40, 257: 40, 258: 8, 259: 8, 262: 1, 277: 1, 322: 1 << 16, 323: 1 << 16, 324: 8, 325: 100}
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + fields + bytes(100)


NO_PICTURE = f"is not a {names()} picture"
HOSTILE = {
    "JPEG of 500 scans": (_many_scans, "more than 100 scans"),
    "truncated PNG": (lambda: encoded(noise(90, 90), "PNG")[:2000], "broken picture"),
    "truncated GIF": (lambda: encoded(noise(90, 90), "GIF")[:2000], "broken picture"),
    "TIFF of a huge tile": (_huge_tile, "tiles of 65,536 x 65,536 pixels"),
    "SVG with entities": (lambda: ENTITIES, NO_PICTURE),
    "zip bomb": (_zipped_zeros, NO_PICTURE),
    "bomb in a text chunk": (
        lambda: png(50, 50, 8, 0, b"", chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300_000_000), 9))),
        "broken picture",
    ),
    "30,000 x 30,000": (lambda: png(30_000, 30_000, 8, 0, b""), "the limit is 225,000,000"),
    "pickle": (lambda: pickle.dumps({"a": 1}), NO_PICTURE),
    "nothing but a header": (lambda: png(50, 50, 8, 0, b""), "broken picture"),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("role", ["page", "hints"])
def test_a_hostile_file_is_refused_with_its_name_and_the_limit(tmp_path, colorize, capsys, kind, role):
    make, told = HOSTILE[kind]
    page = saved(tmp_path / "page.png", line_art(80, 120))
    target = page if role == "page" else tmp_path / "page.hints.png"
    target.write_bytes(make())
    assert colorize(page) == 1
    error = capsys.readouterr().err
    assert f"{target.name}: " in error
    assert told in error
    assert not (tmp_path / "page.color.png").exists()


def test_hostile_files_take_no_memory(tmp_path, bundle):
    """All of them after each other in one process, whose peak stays near that of a harmless page."""
    saved(tmp_path / "pages" / "0.png", line_art(80, 120))
    for number, (make, _) in enumerate(HOSTILE.values(), start=1):
        (tmp_path / "pages" / f"{number}.png").write_bytes(make())
    code = (
        "import resource, sys; from linecolor.cli.colorize import main\n"
        "main([sys.argv[1], '-o', sys.argv[3], '--bundle', sys.argv[2]])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert main([sys.argv[4], '-o', sys.argv[3], '--bundle', sys.argv[2]]) == 1\n"
        "print('MiB', (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    arguments = [str(tmp_path / "pages" / "0.png"), str(bundle), str(tmp_path / "out"), str(tmp_path / "pages")]
    (tmp_path / "out").mkdir()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split("MiB")[-1]) < 150


class _Executes:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize(
    ("name", "hostile", "told"),
    [
        (WEIGHTS, lambda marker: pickle.dumps(_Executes(marker)), "is no safetensors file"),
        (
            CARD,
            lambda marker: f"!!python/object/apply:pathlib.Path.touch [{marker}]".encode(),
            "is no description of a bundle",
        ),
    ],
    ids=["pickle", "yaml"],
)
def test_what_is_hidden_in_a_bundle_is_not_executed(name, hostile, told, tmp_path, bundle, capsys):
    folder, marker = shutil.copytree(bundle, tmp_path / "bundle"), tmp_path / "executed"
    (folder / name).write_bytes(hostile(marker))
    assert main([str(saved(tmp_path / "page.png", line_art(80, 120))), "--bundle", str(folder)]) == 2
    assert told in capsys.readouterr().err
    assert not marker.exists()
