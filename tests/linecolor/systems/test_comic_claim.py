"""What was measured of the comic colorizer (docs/comic), against its claim and against docs/results.md."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
SECTION = RESULTS.split("## Comic panels without hints")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def measured() -> dict[str, float]:
    result = json.loads((ROOT / "docs/comic/evaluation.json").read_text(encoding="utf-8"))
    rows = result["background_rows"]
    names = {row["name"] for row in rows}
    assert len(names) == len(rows) == 100
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0] if name != "name"}
    assert all(result["background"][name] == pytest.approx(mean) for name, mean in means.items())
    return result["background"]


def test_a_background_varies_a_third_as_much_with_the_detector(measured):
    assert measured["variance"] <= measured["variance_without"] / 3


def test_the_foreground_does_not_pay_for_it(measured):
    assert measured["foreground_psnr"] >= measured["foreground_psnr_without"] - 0.2


def test_the_background_is_found_and_not_guessed(measured):
    assert measured["iou"] >= measured["iou_of_everything"] + 0.15
    assert measured["least_share"] >= 0.02
    assert measured["most_share"] <= 0.98


@pytest.mark.parametrize(
    ("label", "variance", "foreground"),
    [
        ("without background network", "variance_without", "foreground_psnr_without"),
        ("with background network", "variance", "foreground_psnr"),
    ],
)
def test_the_results_page_tells_what_was_measured(measured, label, variance, foreground):
    assert f"| {label} | {measured[variance]:.0f} | {measured[foreground]:.2f} |" in SECTION


def test_the_results_page_tells_how_well_the_background_was_found(measured):
    assert (
        f"IoU {measured['iou']:.2f}, where everything as background has {measured['iou_of_everything']:.2f}" in SECTION
    )
    shares = (measured[name] for name in ("share", "least_share", "most_share"))
    assert "{:.0%} of a page on average, from {:.0%} to {:.0%}".format(*shares).replace("%", " %") in SECTION
