"""linecolor-app in a real Chromium: strokes drawn with the mouse, files opened and downloaded, pictures looked at."""

import io
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from linecolor.images import write_png
from linecolor.images.formats import names
from linecolor.networks.unet import ResNeXtUNet
from linecolor.rendering.options import RenderingOptions
from linecolor.systems.bundle import save_bundle

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)", allow_module_level=True)
pytest.importorskip("uvicorn")
pytest.importorskip("starlette")
sync_api = pytest.importorskip("playwright.sync_api")

SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
RED, BLUE, GREEN = "#ff0000", "#0000ff", "#00ff00"
SECONDS = 30_000


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    """A network whose weights, set by hand, paint what the hints' watershed says in pure colours."""
    architecture = {"in_channels": 8, "width": 8, "levels": 1, "blocks": 1, "cardinality": 2}
    network = ResNeXtUNet(**architecture)
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    for channel in range(3):
        # A LeakyReLU of x less one of -x is 1.2 x: the first layer is passed on whole.
        state["stem.0.weight"][channel, 5 + channel, 1, 1] = 1
        state["stem.0.weight"][channel + 3, 5 + channel, 1, 1] = -1
        state["to_color.weight"][channel, channel, 1, 1] = 20
        state["to_color.weight"][channel, channel + 3, 1, 1] = -20
    network.load_state_dict(state)
    options = RenderingOptions(resolution=128)
    folder = tmp_path_factory.mktemp("bundle")
    return save_bundle(folder, {"draft": network}, {"draft": architecture}, options, "watershed", {})


@pytest.fixture(scope="module")
def address(bundle) -> Iterator[str]:
    line = [sys.executable, "-m", "linecolor.cli.app", str(bundle), "--port", "0", "--no-browser", "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True) as server:
        yield re.search(r"http://\S+", server.stdout.readline()).group()
        server.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


class App:
    """The page as its user has it."""

    def __init__(self, browser, address: str, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": 1300, "height": 900}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(SECONDS)
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.faults.append(message.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.wait()

    def wait(self) -> None:
        """Until the last stroke is coloured."""
        sync_api.expect(self.page.locator("#busy")).to_be_hidden(timeout=SECONDS)
        sync_api.expect(self.page.locator("#status")).to_contain_text("Coloured in", timeout=SECONDS)

    def open(self, path: Path) -> None:
        self.page.set_input_files("#open", path)
        sync_api.expect(self.page.locator("#about")).to_contain_text(path.name)
        self.wait()

    def paint(self, *places: tuple[float, float], color: str | None = None) -> None:
        """A stroke through places in shares of the drawing's width and height, in another colour or the same."""
        if color is not None:
            self.page.locator("#color").fill(color)
        box = self.page.locator("#hints").bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()
        self.page.mouse.move(5, 400)
        self.wait()

    def shown(self, name: str) -> np.ndarray:
        """What stands on the screen at a part of the page, RGB."""
        return np.asarray(Image.open(io.BytesIO(self.page.locator(name).screenshot())).convert("RGB")).astype(int)

    def at(self, name: str, x: float, y: float) -> tuple[int, int, int]:
        seen = self.shown(name)
        red, green, blue = seen[int(y * len(seen)), int(x * seen.shape[1])]
        return red, green, blue

    def download(self, button: str) -> tuple[str, bytes]:
        with self.page.expect_download(timeout=SECONDS) as coming:
            self.page.click(button)
        return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


@pytest.fixture
def app(browser, address) -> Iterator[App]:
    app = App(browser, address)
    yield app
    app.context.close()
    assert app.faults == []
    assert [url for url in app.asked if not url.startswith((address, f"blob:{address}", "data:"))] == []


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Two rooms, on a page larger than the view."""
    line = np.full((1800, 3000), 255, np.uint8)
    line[:, 1480:1520] = 0
    path = tmp_path_factory.mktemp("page") / "two rooms.png"
    write_png(path, line)
    return path


def is_color(seen, color: str) -> bool:
    wanted = tuple(bytes.fromhex(color[1:]))
    return all(abs(int(a) - b) <= 40 for a, b in zip(seen, wanted))


def test_the_sample_is_colored_when_the_page_opens(app):
    hair = app.at("#result", 0.4, 0.27)
    assert hair[0] > hair[2] + 100
    sync_api.expect(app.page.locator("#undo")).to_be_enabled()
    assert "CC BY" in app.page.inner_text("#about")


def test_hints_painted_on_the_view_are_in_the_downloads_at_full_size(app, page):
    app.open(page)
    app.paint((0.1, 0.2), (0.3, 0.7), color=RED)
    app.paint((0.9, 0.5), color=BLUE)
    assert is_color(app.at("#hints", 0.2, 0.45), RED)
    assert is_color(app.at("#result", 0.25, 0.8), RED)
    assert is_color(app.at("#result", 0.75, 0.2), BLUE)

    name, data = app.download("#save-png")
    picture = np.asarray(Image.open(io.BytesIO(data)))
    assert (name, picture.shape) == ("two rooms.color.png", (1800, 3000, 3))
    assert is_color(picture[1500, 600], RED)
    assert is_color(picture[300, 2400], BLUE)
    assert picture[900, 1500].max() < 20

    name, data = app.download("#save-ora")
    assert name == "two rooms.color.ora"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        hints = np.asarray(Image.open(io.BytesIO(archive.read("data/layer0.png"))))
    assert hints.shape == (1800, 3000, 4)
    assert tuple(hints[810, 600]) == (255, 0, 0, 255)  # half-way along the red stroke
    assert tuple(hints[900, 2700]) == (0, 0, 255, 255)
    assert not hints[100, 1500].any()


def test_strokes_are_undone_redone_erased_and_cleared(app, page):
    app.open(page)
    app.paint((0.2, 0.5), color=RED)
    app.paint((0.8, 0.5), color=GREEN)
    places = {(0.2, 0.5): RED, (0.8, 0.5): GREEN}

    def painted() -> list[str]:
        app.wait()
        return [color for (x, y), color in places.items() if is_color(app.at("#hints", x, y), color)]

    assert painted() == [RED, GREEN]
    app.page.click("#undo")
    assert painted() == [RED]
    assert is_color(app.at("#result", 0.8, 0.3), RED)
    app.page.click("#redo")
    assert painted() == [RED, GREEN]
    assert is_color(app.at("#result", 0.8, 0.3), GREEN)
    app.page.keyboard.press("Control+z")
    assert painted() == [RED]
    app.page.keyboard.press("Control+Shift+z")
    app.page.click("#eraser")
    app.page.locator("#size").fill("120")
    app.paint((0.19, 0.5), (0.21, 0.5))
    assert painted() == [GREEN]
    app.page.click("#clear")
    assert painted() == []
    sync_api.expect(app.page.locator("#clear")).to_be_disabled()
    app.page.click("#undo")
    assert painted() == [GREEN]


def test_hints_outlive_a_reload_and_another_drawing(app, page, tmp_path):
    other = tmp_path / "other.png"
    write_png(other, np.full((400, 300), 255, np.uint8))
    app.open(page)
    app.paint((0.2, 0.5), color=RED)
    app.paint((0.8, 0.5), color=BLUE)
    for leave in (lambda: app.open(other), app.page.reload):
        leave()
        app.wait()
        sync_api.expect(app.page.locator("#about")).not_to_contain_text("painted before")
        app.open(page)
        assert is_color(app.at("#result", 0.25, 0.8), RED)
        assert is_color(app.at("#result", 0.75, 0.8), BLUE)
        assert "painted before" in app.page.inner_text("#about")
    app.page.click("#undo")
    app.wait()
    assert is_color(app.at("#result", 0.75, 0.8), RED)
    app.page.click("#clear")
    app.open(other)
    app.open(page)
    sync_api.expect(app.page.locator("#undo")).to_be_disabled()


def test_the_slider_shows_the_line_left_and_the_colors_right(app, page):
    app.open(page)
    app.paint((0.1, 0.5), color=RED)
    box = app.page.locator("#result").bounding_box()
    app.page.mouse.move(box["x"] + 0.02 * box["width"], box["y"] + 0.8 * box["height"])
    app.page.mouse.down()
    app.page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.8 * box["height"], steps=4)
    app.page.mouse.up()
    assert is_color(app.at("#result", 0.25, 0.2), "#ffffff")
    assert is_color(app.at("#result", 0.75, 0.2), RED)
    app.page.locator("#share").fill("0")
    assert is_color(app.at("#result", 0.25, 0.2), RED)


def test_colors_come_from_a_reference_picture(app, tmp_path):
    reference = np.full((90, 90, 3), (30, 200, 90), np.uint8)
    reference[:30] = (240, 10, 200)
    write_png(tmp_path / "reference.png", reference)
    app.page.set_input_files("#reference", tmp_path / "reference.png")
    app.page.click("#taken button:nth-child(2)")
    assert app.page.input_value("#color") == "#f00ac8"
    app.page.locator("#reference-shown").click(position={"x": 40, "y": 80})
    assert app.page.input_value("#color") == "#1ec85a"
    app.paint((0.4, 0.88))
    assert is_color(app.at("#hints", 0.4, 0.88), "#1ec85a")


def test_colors_come_from_the_result(app, page):
    app.open(page)
    app.paint((0.1, 0.5), color=RED)
    app.paint((0.9, 0.5), color=GREEN)
    app.page.click("#picker")
    box = app.page.locator("#result").bounding_box()
    app.page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    assert is_color(bytes.fromhex(app.page.input_value("#color")[1:]), RED)
    sync_api.expect(app.page.locator("#brush")).to_have_attribute("aria-pressed", "true")


def test_what_cannot_be_read_is_reported_and_the_drawing_stays(app, tmp_path, page):
    app.open(page)
    (tmp_path / "notes.png").write_text("no picture")
    app.page.set_input_files("#open", tmp_path / "notes.png")
    problem = app.page.locator("#problem")
    sync_api.expect(problem).to_contain_text(f"notes.png: is not a {names()} picture")
    assert page.name in app.page.inner_text("#about")
    app.faults.clear()  # the browser notes every answer of 422


def test_a_drawing_the_server_lost_is_opened_again_by_itself(app, page):
    app.open(page)
    (name,) = {found.group(1) for url in app.asked[-4:] if (found := re.search(r"pages/([^/]+)/color", url))}
    assert app.page.request.delete(f"{app.page.url}pages/{name}").ok
    app.paint((0.1, 0.5), color=RED)
    assert is_color(app.at("#result", 0.25, 0.8), RED)
    app.faults.clear()  # the browser notes the 404 that the page received


def test_two_users_at_once_see_their_own_drawings(browser, address, page, tmp_path):
    other = tmp_path / "tall.png"
    write_png(other, np.full((900, 500), 255, np.uint8))
    users = [App(browser, address) for _ in range(2)]
    for user, path in zip(users, (page, other)):
        user.open(path)
    for step in range(3):
        for user, color in zip(users, (RED, BLUE)):
            user.paint((0.2 + 0.1 * step, 0.4), color=color)
    for user, color, shape in zip(users, (RED, BLUE), ((1800, 3000, 3), (900, 500, 3))):
        assert is_color(user.at("#result", 0.3, 0.8), color)
        assert np.asarray(Image.open(io.BytesIO(user.download("#save-png")[1]))).shape == shape
        user.context.close()
        assert user.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(browser, address, scheme):
    app = App(browser, address, scheme)
    for width in (1400, 500):
        app.page.set_viewport_size({"width": width, "height": 900})
        whole = Image.open(io.BytesIO(app.page.screenshot(full_page=True)))
        assert whole.width == width
        for part in ("#hints", "#result", "#open", "#save-ora", "#blend"):
            box = app.page.locator(part).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
        background = whole.convert("L").getpixel((width - 4, whole.height - 4))
        assert (background > 128) == (scheme == "light")
    app.context.close()


def test_a_stroke_is_colored_within_two_seconds_at_1024_px(app):
    # With a network this small: what the page, the server and the pictures take. docs tell what trained ones add.
    app.paint((0.3, 0.3))
    started = time.perf_counter()
    app.paint((0.5, 0.5), (0.6, 0.5))
    assert time.perf_counter() - started < 2
