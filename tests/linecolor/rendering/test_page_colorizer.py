from contextlib import contextmanager

import numpy as np
import pytest

from linecolor.rendering.options import RenderingOptions
from linecolor.rendering.page_colorizer import PAGE_PIXELS, PageColorizer
from linecolor.rendering.result import NetworkOutput

RED = (220, 30, 30)


class Painter(PageColorizer):
    """No networks: the hints spread by the watershed, and the line seen."""

    def __init__(self, page_pixels: int = PAGE_PIXELS, **options) -> None:
        super().__init__(RenderingOptions(resolution=32, **options), 4, "watershed", page_pixels)
        self.windows: list[tuple[int, int]] = []
        self.held = 0

    @contextmanager
    def running(self):
        self.held += 1
        yield

    def color_window(self, page, inputs):
        self.windows.append(page.shape[1:])
        spread = inputs[5:8]
        fill = spread if spread.any() else np.ones_like(spread)
        return NetworkOutput(np.repeat(np.repeat(fill, 2, axis=1), 2, axis=2), fill)


def page(height: int = 64, width: int = 96) -> np.ndarray:
    line = np.full((height, width), 255, np.uint8)
    line[:, width // 2] = 0
    return line


@pytest.mark.parametrize("mode", ["grey", "rgb", "rgba", "transparent"])
def test_a_line_of_any_mode_gives_the_same_picture(mode):
    line = page()
    rgb = np.repeat(line[..., None], 3, axis=2)
    given = {
        "grey": line,
        "rgb": rgb,
        "rgba": np.dstack([rgb, np.full_like(line, 255)]),
        "transparent": np.dstack([np.zeros_like(rgb), 255 - line]),
    }[mode]
    np.testing.assert_array_equal(
        Painter().colorize(given, [(5, 5, RED)]), Painter().colorize(line, [(5, 5, RED)]), mode
    )


def test_points_and_a_painted_layer_colour_alike():
    layer = np.zeros((64, 96, 4), np.uint8)
    layer[20, 10], layer[40, 80] = (*RED, 255), (0, 80, 200, 255)
    by_points = Painter().colorize(page(), [(10, 20, RED), (80, 40, "#0050c8")])
    np.testing.assert_array_equal(by_points, Painter().colorize(page(), layer))
    assert by_points[5, 5].tolist() == list(RED)


def test_coloured_strokes_stay_coloured():
    line = np.full((64, 64, 3), 255, np.uint8)
    line[30:34] = (150, 60, 20)
    result = Painter().colorize(line)
    assert result[32, 32].tolist() == [150, 60, 20]


def test_a_page_within_the_budget_is_seen_whole_and_a_longer_one_in_windows_with_the_networks_held_once():
    whole, strip = Painter(), Painter(page_pixels=32 * 64)
    whole.colorize(page(640, 32))
    strip.colorize(page(640, 32))
    assert whole.windows == [(640, 32)]
    assert len(strip.windows) > 1
    assert strip.held == 1
    assert all(size == (64, 32) for size in strip.windows)


def test_a_sliver_is_not_blown_up():
    painter = Painter()
    assert painter.network_size((1, 5000)) == (4, 16384)
    assert painter.colorize(np.full((1, 5000), 255, np.uint8)).shape == (1, 5000, 3)


def test_the_draft_alone_is_asked_for_and_had():
    painter = Painter()
    painter.draft_only = True
    coloring = painter.colorize_with_steps(page(), [(5, 5, RED)])
    assert coloring.colorized.shape[:2] == coloring.line.shape
    assert coloring.full[5, 5].tolist() == list(RED)


NO_HINTS = "hints are an RGBA array or a list"


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        (np.zeros((64, 96, 3), np.uint8), "hint"),
        (np.zeros((96, 64, 4), np.uint8), "hint"),
        ([(1, 2)], "hint"),
        *((hints, NO_HINTS) for hints in (5, "x", {"a": 1}, True)),
    ],
)
def test_wrong_hints_are_refused(hints, message):
    with pytest.raises(ValueError, match=message):
        Painter().colorize(page(), hints)


class Stubborn(Painter):
    """Networks that paint grey whatever the hints say."""

    def color_window(self, page, inputs):
        return NetworkOutput(np.zeros((3, *page.shape[1:]), np.float32), np.zeros((3, *inputs.shape[1:]), np.float32))


@pytest.mark.parametrize("spread", ["none", "watershed", "reach"])
@pytest.mark.parametrize("draft_only", [False, True])
def test_enforced_hints_rule_and_others_do_not(spread, draft_only):
    painter = Stubborn()
    painter.hint_spread, painter.draft_only = spread, draft_only
    hint = [(20, 30, RED)]
    assert np.abs(painter.colorize(page(), hint)[30, 20].astype(int) - 128).max() <= 1
    enforcing = painter.with_options(enforce_hints=True)
    # A hint of one cell, twice enlarged from a grid of 16: the peak is lowered, its colour is not another.
    assert np.abs(enforcing.colorize(page(), hint)[30, 20].astype(int) - RED).max() <= 40
    np.testing.assert_array_equal(enforcing.colorize(page()), Stubborn().colorize(page()))


class Slanted(Painter):
    """Networks that favour the right."""

    def color_window(self, page, inputs):
        ramp = np.broadcast_to(np.linspace(-1, 1, page.shape[2], dtype=np.float32), (3, *page.shape[1:]))
        return NetworkOutput(ramp, ramp[:, ::2, ::2])


def test_the_mean_with_the_mirrored_page_favours_no_side():
    painter = Slanted(blend="none", mirrored=True)
    result = painter.colorize(page())
    np.testing.assert_array_equal(result, result[:, ::-1])
