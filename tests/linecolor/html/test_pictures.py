import base64

import numpy as np
import pytest

from linecolor.html import Report, Sheet, SheetRow, render_report


def shaded(height: int, width: int) -> np.ndarray:
    """A soft picture, different in every channel: red rises to the right, green downwards, blue is low."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), (x + y) % 32], axis=-1)
    return picture.astype(np.uint8)


def noise(side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def one_sheet(*images: np.ndarray | None) -> list[Sheet]:
    return [Sheet("Drawings", "", [f"c{i}" for i in range(len(images))], [SheetRow("cat", "", list(images))])]


def test_small_pictures_and_line_art_of_any_size_come_back_pixel_true(read_page) -> None:
    shapes = (31, 47), (31, 47, 3), (31, 47, 4)
    images = [np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
    images.append(np.full((700, 500), 255, np.uint8))
    images[-1][100:600, 250:252] = 0
    found = read_page(render_report(Report("run", sheets=one_sheet(*images)))).pictures()
    for image, back in zip(images, found, strict=True):
        np.testing.assert_array_equal(back, np.stack([image] * 3, axis=-1) if image.ndim == 2 else image)


def test_large_shaded_pictures_come_back_in_rgb_order_and_size(read_page) -> None:
    image = shaded(300, 420)
    image[100:200, 100:300] = (250, 20, 10)
    (back,) = read_page(render_report(Report("run", sheets=one_sheet(image)))).pictures()
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).mean() < 3
    assert np.abs(back[150, 200].astype(int) - (250, 20, 10)).max() <= 4


def test_a_hint_layer_keeps_its_alpha_and_names_its_line(read_page) -> None:
    hint = np.zeros((16, 16, 4), np.uint8)
    hint[4:7, 4:7] = (200, 30, 20, 255)
    columns = ["line", "hints", "colorized", "truth"]
    row = SheetRow("cat", "", [np.full((32, 32), 255, np.uint8), hint, shaded(40, 40), None])
    page = read_page(render_report(Report("run", sheets=[Sheet("S", "", columns, [row])])))
    frames = [a for a in page.all("button") if a.get("class", "").startswith("frame")]
    told = [("alpha" in a["class"], "data-line" in a) for a in frames]
    assert told == [(False, True), (True, False), (False, False)]
    assert page.pictures()[1].shape == (16, 16, 4)


def test_pictures_stay_within_the_bound_and_a_reduction_is_told(read_page) -> None:
    images = [noise(400, seed) for seed in range(4)]
    free = render_report(Report("run", sheets=one_sheet(*images)))
    bound = 200_000
    tight = render_report(Report("run", sheets=one_sheet(*images)), picture_bytes=bound)
    stored = [len(base64.b64decode(a["src"].split(",", 1)[1])) for a in read_page(tight).all("img")]
    assert sum(stored) <= bound < len(free)
    assert "stored smaller" not in free
    reduced = sum(picture.shape[:2] != (400, 400) for picture in read_page(tight).pictures())
    assert reduced > 0
    assert f"{reduced} of 4 pictures are stored smaller" in tight


def test_the_largest_picture_gives_way_first(read_page) -> None:
    small, large = shaded(32, 32), noise(256, 0)
    html = render_report(Report("run", sheets=one_sheet(small, large)), picture_bytes=60_000)
    np.testing.assert_array_equal(read_page(html).pictures()[0], small)


def test_a_page_beyond_the_stored_size_names_its_own_size(read_page) -> None:
    page = read_page(render_report(Report("run", sheets=one_sheet(np.full((100, 20_000), 255, np.uint8)))))
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


def captioned(*captions: str) -> list[Sheet]:
    return [Sheet("Best cases", "", ["line", "ours"], [SheetRow("cat", "", [shaded(8, 8), None], captions)])]


def test_a_picture_has_its_caption_on_the_sheet_and_enlarged_and_a_sheet_without_has_no_room_for_any(read_page) -> None:
    page = read_page(render_report(Report("run", sheets=captioned("17.1 dB", "no picture"))))
    assert [a.get("data-caption") for a in page.all("button") if a.get("class") == "frame"] == ["17.1 dB"]
    assert "line 17.1 dB" in page.text
    assert "ours no picture" in page.text
    for sheets in (captioned(), captioned("", "")):
        html = render_report(Report("run", sheets=sheets))
        assert 'class="caption"' not in html
        assert not any("data-caption" in a for a in read_page(html).all("button"))
