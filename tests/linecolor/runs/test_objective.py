"""The figure by which runs are ranked: it exists, and it gets better the way it is said to."""

import math

import pytest

from linecolor.runs.objective import Objective


def test_most_is_the_largest_number_of_hints():
    assert Objective.chosen("psnr_most_foreground_mean", "maximize", [0, 32, 8]).figure == "psnr_32_foreground_mean"


@pytest.mark.parametrize(
    ("figure", "direction"),
    [
        ("psnr_8_mean", "maximize"),
        ("ssim_0_foreground_median", "maximize"),
        ("fid_efficientnet_lite0_8", "minimize"),
        ("kid_inception_most", "minimize"),
        ("obeyed", "maximize"),
    ],
)
def test_what_the_evaluation_measures_can_be_chosen(figure, direction):
    assert Objective.chosen(figure, direction, [0, 8]).direction == direction


@pytest.mark.parametrize(
    ("figure", "direction", "said"),
    [
        ("psnr_32_mean", "maximize", r"evaluation\.hints \(0, 8\)"),
        ("psnr_mean", "maximize", "is no figure"),
        ("loss", "minimize", "is no figure"),
        ("psnr_8_mean", "up", "use maximize or minimize"),
        ("psnr_8_mean", "minimize", "use sweep.direction=maximize"),
        ("fid_efficientnet_lite0_8", "maximize", "use sweep.direction=minimize"),
    ],
)
def test_what_cannot_rank_is_refused_before_anything_is_trained(figure, direction, said):
    with pytest.raises(ValueError, match=said):
        Objective.chosen(figure, direction, [0, 8])


def test_a_job_without_a_figure_is_infinitely_bad_and_comes_last():
    rising, falling = Objective("psnr_8_mean", "maximize"), Objective("fid_x_8", "minimize")
    assert (rising.worst, falling.worst) == (-math.inf, math.inf)
    assert sorted([None, 3.0, 5.0], key=rising.rank) == [5.0, 3.0, None]
    assert sorted([None, 5.0, 3.0], key=falling.rank) == [3.0, 5.0, None]
    assert rising.of({"psnr_8_mean": math.nan}) is None
    assert rising.of({}) is None
    assert rising.of({"psnr_8_mean": 7}) == 7.0
