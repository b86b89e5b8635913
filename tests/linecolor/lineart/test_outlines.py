"""Promises of Kang et al.'s outlines: OpenCV's edges, and the very same in torch."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from linecolor.lineart import outlines, torch_outlines
from linecolor.lineart.lines import grey_uint8

RNG = np.random.default_rng(0)
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


def as_batch(*pictures: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy())


def rendered(seed: int, side: int = 160) -> np.ndarray:
    """A drawing with flat fills, soft shadows and anti-aliased ink: (side, side, 3) RGB."""
    random = np.random.default_rng(seed)
    page = np.full((side, side, 3), 255, np.uint8)
    for _ in range(6):
        centre, radius = random.integers(0, side, 2).tolist(), int(random.integers(side // 12, side // 3))
        cv2.circle(page, centre, radius, random.integers(60, 256, 3).tolist(), -1, cv2.LINE_AA)
        cv2.circle(page, centre, radius, random.integers(0, 90, 3).tolist(), int(random.integers(1, 4)), cv2.LINE_AA)
    page[side // 2 :] = cv2.GaussianBlur(page, (0, 0), 2)[side // 2 :]
    return page


def noise(sigma: float, side: int = 128) -> np.ndarray:
    """Noise of a photograph's kind, over the whole range."""
    blurred = cv2.GaussianBlur(RNG.normal(size=(side, side, 3)), (0, 0), sigma)
    return np.asarray(cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX)).astype(np.uint8)


def gradient(angle: float, reach: float, side: int = 96) -> np.ndarray:
    ys, xs = np.mgrid[:side, :side]
    ramp = np.clip(128 + (xs * np.cos(angle) + ys * np.sin(angle) - side / 2) * reach, 0, 255)
    return np.repeat(ramp.astype(np.uint8)[..., None], 3, axis=2)


PICTURES = (
    {f"drawing {seed}": rendered(seed) for seed in range(4)}
    | {f"noise {sigma}": noise(sigma) for sigma in (0.4, 1.0, 3.0)}
    | {f"gradient {step}": gradient(step * np.pi / 8, reach) for step, reach in enumerate((1, 9, 30, 60, 90, 120, 200))}
    | {
        f"{h} x {w}": RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)
        for h, w in ((1, 1), (2, 5), (1, 9), (9, 1), (3, 3))
    }
)


@pytest.mark.parametrize("name", PICTURES)
def test_opencv_and_torch_draw_the_same_outline(name):
    one = outlines.outline(PICTURES[name])
    batch = torch_outlines.outline(as_batch(PICTURES[name]))
    assert batch.shape == (1, 1, *one.shape)
    np.testing.assert_array_equal(batch[0, 0].numpy(), one)


# Few levels: on real pictures equal gradients side by side are rare, and with them OpenCV's rules for ties.
@given(
    hnp.arrays(np.uint8, SIZES, elements=st.sampled_from([0, 30, 60, 85, 120, 255])),
    st.integers(0, 200),
    st.integers(0, 400),
)
def test_they_agree_on_ties_and_at_any_threshold(grey, low, more):
    color = np.repeat(grey[..., None], 3, axis=2)
    one = outlines.outline(color, low, low + more, dark=10)
    np.testing.assert_array_equal(torch_outlines.outline(as_batch(color), low, low + more, 10)[0, 0].numpy(), one)


@given(SIZES, st.integers(0, 2**32 - 1))
def test_they_agree_on_noise_in_colours(size, seed):
    color = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    np.testing.assert_array_equal(torch_outlines.outline(as_batch(color))[0, 0].numpy(), outlines.outline(color))


def test_a_batch_is_its_pictures_one_by_one():
    pictures = [rendered(seed) for seed in range(3)]
    together = torch_outlines.outline(as_batch(*pictures))
    for index, picture in enumerate(pictures):
        assert torch.equal(together[index], torch_outlines.outline(as_batch(picture))[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_the_edges_are_opencvs_own_with_any_number_of_threads(threads):
    page = PICTURES["drawing 0"]
    try:
        cv2.setNumThreads(threads)
        edges = cv2.Canny(grey_uint8(page), 100, 180) > 0
        assert np.array_equal(outlines.outline(page) == 0, edges | (grey_uint8(page) < 80))
    finally:
        cv2.setNumThreads(1)


def draw(color: np.ndarray, on: str) -> np.ndarray:
    return outlines.outline(color) if on == "cpu" else torch_outlines.outline(as_batch(color))[0, 0].numpy()


both = pytest.mark.parametrize("on", ["cpu", "device"])


@both
@given(size=SIZES, level=st.integers(80, 255))
def test_white_paper_and_flat_colour_stay_white(on, size, level):
    assert (draw(np.full((*size, 3), level, np.uint8), on) == 255).all()


@both
def test_a_step_has_one_line_on_the_side_that_opencv_gives_it(on):
    color = np.full((20, 20, 3), 255, np.uint8)
    color[:, 10:] = 150
    line = draw(color, on)
    # Both columns beside the step have the same gradient; the left one wins.
    assert (line[:, 9] == 0).all()
    assert (np.delete(line, 9, axis=1) == 255).all()
    assert np.array_equal(draw(color.transpose(1, 0, 2).copy(), on), line.T)


@both
def test_dark_paint_is_ink_throughout_and_the_threshold_itself_is_not(on):
    color = np.full((12, 12, 3), 80, np.uint8)
    assert (draw(color, on) == 255).all()
    color[3:9, 3:9] = 79
    line = draw(color, on)
    assert (line[3:9, 3:9] == 0).all()
    assert (line == 0).sum() == 36


@both
def test_a_weak_edge_is_kept_where_a_strong_one_leads_into_it(on):
    """Hysteresis along hundreds of pixels: more than one round of growing."""
    color = np.full((9, 400, 3), 255, np.uint8)
    color[5:] = 225  # 4 * 30 = 120, above 100 and below 180
    assert (draw(color, on) == 255).all()
    color[5:, :3] = 195
    line = draw(color, on)
    assert (line[4, 4:] == 0).all()


@both
def test_edges_meet_by_corners(on):
    color = np.full((60, 60, 3), 255, np.uint8)
    for row in range(60):
        color[row, 59 - row :] = 215
    line = draw(color, on)
    np.testing.assert_array_equal(line, outlines.outline(color))
    assert (line == 0).sum() > 40


def test_a_grey_picture_is_no_colour_picture():
    with pytest.raises(ValueError, match=r"\(4, 4\) uint8"):
        outlines.outline(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"\(0, 4, 3\)"):
        outlines.outline(np.zeros((0, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        torch_outlines.outline(torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize(("low", "high"), [(180, 100), (-1, 10)])
def test_thresholds_the_wrong_way_round_are_refused(low, high):
    color = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=f"low={low} and high={high}"):
        outlines.outline(color, low, high)
    with pytest.raises(ValueError, match=f"low={low} and high={high}"):
        torch_outlines.outline(as_batch(color), low, high)
