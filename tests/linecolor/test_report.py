"""The report is one safe file: nothing from outside, nothing unescaped, pictures true, odd numbers harmless."""

import base64
import io
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from linecolor.report import Curve, Report, Sheet, SheetRow, Table, render_report, write_report

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&{{7*7}}{%x%}"
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)


class Page(HTMLParser):
    """The elements of a page, and its text outside script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._raw = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._raw else data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def pictures(self) -> list[np.ndarray]:
        uris = [attrs["src"] for attrs in self.all("img")]
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(u.split(",", 1)[1])))) for u in uris]


def shaded(height: int, width: int) -> np.ndarray:
    """A soft picture, different in every channel: red rises to the right, green downwards, blue is low."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), (x + y) % 32], axis=-1)
    return picture.astype(np.uint8)


def noise(side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def one_sheet(*images: np.ndarray | None, name: str = "cat") -> list[Sheet]:
    return [Sheet("Drawings", "", [f"c{i}" for i in range(len(images))], [SheetRow(name, "", list(images))])]


def full_report(text: str = "plain") -> Report:
    hint = np.zeros((16, 16, 4), np.uint8)
    hint[4:7, 4:7] = (200, 30, 20, 255)
    line = np.full((32, 32), 255, np.uint8)
    row = SheetRow(text, text, [line, hint, shaded(40, 40), None])
    return Report(
        title=text,
        subtitle=text,
        facts=[(text, text)],
        warnings=[text],
        tables=[Table(text, text, [text, "PSNR"], [[text, 21.5], [None, 20.0]], {"PSNR": "max"})],
        curves=[Curve(text, text, text, {text: ([1.0, 2.0], [3.0, 4.0])})],
        sheets=[Sheet(text, text, ["line", text, "colorized", "truth"], [row])],
        config_yaml=text,
        versions={text: text},
        licence={"name": text, "url": "https://example.org/licence", "attribution": text},
        created=text,
    )


def test_the_file_loads_nothing_from_outside() -> None:
    html = render_report(full_report())
    page = Page(html)
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            address = attrs.get(name, "#")
            if tag == "a" and address == "https://example.org/licence":
                continue
            assert address.startswith(("#", "data:")), f"{tag} {name}={address[:60]}"
    assert not re.search(r"url\(|@import", "".join(re.findall(r"<style>(.*?)</style>", html, re.S)))
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_the_policy_admits_exactly_the_script_of_the_page() -> None:
    import hashlib

    html = render_report(full_report())
    script = re.search(r"<script>(.*?)</script>", html, re.S)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert html.count("<script") == 1


def test_hostile_text_is_shown_and_never_obeyed() -> None:
    plain, hostile = Page(render_report(full_report())), Page(render_report(full_report(HOSTILE)))
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert not any(name.startswith("on") for _, attrs in hostile.elements for name in attrs)
    assert hostile.text.count(HOSTILE) >= 15
    assert "49" not in hostile.text


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://[x", "//a"])
def test_only_a_web_address_becomes_a_link(url: str) -> None:
    page = Page(render_report(Report("run", licence={"name": "mine", "url": url})))
    assert [a["href"] for a in page.all("a")] == ["#licence"]
    assert "mine" in page.text


def test_undecodable_file_names_do_not_stop_the_report(tmp_path: Path) -> None:
    report = Report("run", sheets=one_sheet(shaded(8, 8), name="caf\udce9.png"))
    assert "caf?.png" in write_report(tmp_path / "report.html", report).read_text(encoding="utf-8")


@pytest.mark.parametrize("shape", [(31, 47), (31, 47, 3), (31, 47, 4)])
def test_small_pictures_come_back_pixel_true(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (back,) = Page(render_report(Report("run", sheets=one_sheet(image)))).pictures()
    expected = np.stack([image] * 3, axis=-1) if image.ndim == 2 else image
    np.testing.assert_array_equal(back, expected)


def test_large_shaded_pictures_come_back_in_rgb_order_and_size() -> None:
    image = shaded(300, 420)
    image[100:200, 100:300] = (250, 20, 10)
    (back,) = Page(render_report(Report("run", sheets=one_sheet(image)))).pictures()
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() < 3
    assert np.abs(back[150, 200].astype(int) - (250, 20, 10)).max() <= 4


def test_line_art_of_any_size_stays_lossless() -> None:
    line = np.full((700, 500), 255, np.uint8)
    line[100:600, 250:252] = 0
    (back,) = Page(render_report(Report("run", sheets=one_sheet(line)))).pictures()
    np.testing.assert_array_equal(back[..., 0], line)


def test_a_hint_layer_keeps_its_alpha_and_names_its_line() -> None:
    page = Page(render_report(full_report()))
    frames = [a for a in page.all("button") if a.get("class", "").startswith("frame")]
    assert [("alpha" in a["class"], "data-line" in a) for a in frames] == [
        (False, True),
        (True, False),
        (False, False),
    ]
    assert page.pictures()[1].shape == (16, 16, 4)


def test_pictures_stay_within_the_bound_and_a_reduction_is_told() -> None:
    images = [noise(400, seed) for seed in range(4)]
    free = render_report(Report("run", sheets=one_sheet(*images)))
    bound = 200_000
    tight = render_report(Report("run", sheets=one_sheet(*images)), picture_bytes=bound)
    stored = [len(base64.b64decode(a["src"].split(",", 1)[1])) for a in Page(tight).all("img")]
    assert sum(stored) <= bound < len(free)
    assert "stored smaller" not in free
    reduced = sum(picture.shape[:2] != (400, 400) for picture in Page(tight).pictures())
    assert reduced > 0
    assert f"{reduced} of 4 pictures are stored smaller" in tight


def test_the_largest_picture_gives_way_first() -> None:
    small, large = shaded(32, 32), noise(256, 0)
    html = render_report(Report("run", sheets=one_sheet(small, large)), picture_bytes=60_000)
    np.testing.assert_array_equal(Page(html).pictures()[0], small)


def test_a_page_beyond_the_stored_size_names_its_own_size() -> None:
    page = Page(render_report(Report("run", sheets=one_sheet(np.full((100, 20_000), 255, np.uint8)))))
    (frame,) = [a for a in page.all("button") if a.get("class") == "frame"]
    assert (frame["data-width"], frame["data-height"]) == ("20000", "100")
    (image,) = page.all("img")
    assert int(image["width"]) <= 16_383
    assert "1 of 1 pictures are stored smaller" in page.text


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.float32), np.zeros((3, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros(4, np.uint8)],
)
def test_a_picture_of_the_wrong_kind_is_named(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"row 'cat', column 'c0'.*uint8"):
        render_report(Report("run", sheets=one_sheet(image)))


def test_rows_that_do_not_fit_their_columns_are_named() -> None:
    sheet = Sheet("S", "", ["line", "truth"], [SheetRow("cat", "", [shaded(4, 4)])])
    with pytest.raises(ValueError, match="row 'cat': 1 pictures for 2 columns"):
        render_report(Report("run", sheets=[sheet]))
    with pytest.raises(ValueError, match="table 'T': 1 cells for 2 columns"):
        render_report(Report("run", tables=[Table("T", "", ["a", "b"], [[1]])]))
    with pytest.raises(ValueError, match="curve 'C', series 's': 2 x values for 1 y values"):
        render_report(Report("run", curves=[Curve("C", "", "", {"s": ([1, 2], [1])})]))
    with pytest.raises(ValueError, match="highlight 'a': 'best'"):
        render_report(Report("run", tables=[Table("T", "", ["a"], [[1]], {"a": "best"})]))


def cells(table: Table) -> list[tuple[str, str]]:
    html = render_report(Report("run", tables=[table]))
    return re.findall(r'<td class="([^"]*)">([^<]*)</td>', html)


def test_the_best_finite_number_of_a_column_is_set_in_bold() -> None:
    table = Table(
        "T",
        "",
        ["method", "PSNR", "FID"],
        [["a", 21.5, 60.0], ["b", math.nan, None], ["c", math.inf, 47.125], ["d", 21.5, 99]],
        {"PSNR": "max", "FID": "min"},
    )
    assert cells(table) == [
        ("", "a"), ("number best", "21.50"), ("number", "60.00"),
        ("", "b"), ("number", "NaN"), ("number", "–"),
        ("", "c"), ("number", "∞"), ("number best", "47.12"),
        ("", "d"), ("number best", "21.50"), ("number", "99"),
    ]  # fmt: skip


def test_numbers_keep_their_meaning_in_a_table() -> None:
    table = Table(
        "T", "", ["a", "b", "c"], [[np.float32(0.8612), 280_000, True], [-0.5, -3, "yes"], [0.0, np.int64(7), None]]
    )
    assert [text for _, text in cells(table)] == [
        "0.861", "280,000", "True", "−0.500", "−3", "yes", "0.000", "7", "–",
    ]  # fmt: skip


def plot_of(curve: Curve) -> str:
    html = render_report(Report("run", curves=[curve]))
    return html[html.index('<figure class="curve">') : html.index("</figure>")]


def coordinates(plot: str) -> list[float]:
    paths = re.findall(r' d="([^"]*)"', plot)
    placed = re.findall(r' (?:x|y|cx|cy|width)="([^"]*)"', plot)
    return [float(n) for text in paths + placed for n in re.findall(r"-?[\d.]+|nan|inf", text)]


def test_non_finite_points_are_skipped_and_counted() -> None:
    curve = Curve("C", "step", "loss", {"s": ([1, 2, 3, 4, 5], [1.0, math.nan, math.inf, 2.0, -1.0])}, log_y=True)
    plot = plot_of(curve)
    assert plot.count("<circle") == 2
    assert "3 points are not drawn: not finite, or not positive on a log axis" in plot
    assert all(math.isfinite(n) for n in coordinates(plot))


def test_one_point_is_a_dot_and_no_point_a_sentence() -> None:
    dot = plot_of(Curve("C", "step", "FID", {"fid": ([3], [47.8])}))
    assert dot.count("<circle") == 1
    nothing: list[dict[str, tuple[list[float], list[float]]]]
    nothing = [{}, {"fid": ([], [])}, {"fid": ([1.0], [math.nan])}]
    for series in nothing:
        empty = plot_of(Curve("C", "step", "FID", series))
        assert "No data" in empty
        assert 'class="plot"' not in empty


def test_a_long_noisy_series_is_thinned_with_its_spike_and_smoothed_over_it() -> None:
    x = np.arange(20_000.0)
    y = np.random.default_rng(0).normal(1, 0.1, len(x))
    y[7_777] = 50.0
    plot = plot_of(Curve("C", "step", "loss", {"s": (x, y)}))
    raw, smooth = re.findall(r'class="line s0( raw)?" d="(M[^"]{200,})"', plot)
    highest = [min(float(p.split()[1]) for p in path[1:].split("L")) for _, path in (raw, smooth)]
    assert (raw[0], smooth[0]) == (" raw", "")
    assert highest[0] < 40 < highest[1]
    assert len(plot) < 60_000


def test_a_schedule_with_steps_is_not_rounded_off() -> None:
    x = np.arange(1_000.0)
    plot = plot_of(Curve("C", "step", "lr", {"lr": (x, np.where(x < 500, 1e-4, 1e-5))}, log_y=True))
    assert " raw" not in plot
    assert "1e−4" in plot


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=40),
    st.lists(st.tuples(ANY_FLOAT, ANY_FLOAT), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_any_numbers_at_all_give_a_finite_plot_in_its_frame(
    first: list[tuple[float, float]], second: list[tuple[float, float]], log_x: bool, log_y: bool
) -> None:
    series = {n: ([p[0] for p in s], [p[1] for p in s]) for n, s in (("a", first), ("b", second))}
    plot = plot_of(Curve("C", "x", "y", series, log_x, log_y))
    assert all(math.isfinite(n) and -1 <= n <= 401 for n in coordinates(plot))
    assert plot.count('class="gridline"') <= 15


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(), ANY_FLOAT, st.text(max_size=5)), min_size=1, max_size=6))
def test_any_cells_at_all_give_a_table(column: list[str | float | int | None]) -> None:
    table = Table("T", "", ["a"], [[cell] for cell in column], {"a": "max"})
    html = render_report(Report("run", tables=[table]))
    assert html.count("<td ") == len(column)


def test_an_empty_report_says_so() -> None:
    page = Page(render_report(Report("run")))
    assert "no results yet" in page.text
    assert not page.all("nav")
    empty = Report("run", tables=[Table("T", "", ["a"], [])], sheets=[Sheet("S", "", ["line"], [])])
    text = Page(render_report(empty)).text
    assert "nothing has been measured" in text
    assert "No pictures in this sheet" in text


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "one" / "report.html"
    assert write_report(target, Report("first")) == target
    with pytest.raises(ValueError, match="uint8"):
        write_report(target, Report("second", sheets=one_sheet(np.zeros((2, 2)))))
    assert "first" in target.read_text(encoding="utf-8")
    assert list(target.parent.iterdir()) == [target]


def test_a_report_needs_no_torch() -> None:
    code = "import sys, linecolor.report; sys.exit(bool({'torch', 'cv2', 'lightning'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
