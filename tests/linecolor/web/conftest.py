"""A system without training that paints the hints it gets, and a server of it on a free port."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import uvicorn

from linecolor.images.encoding import encode_png
from linecolor.rendering.options import RenderingOptions
from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.rendering.result import NetworkOutput
from linecolor.web.server import Limits, make_app


class PaintsTheHints(PageColorizer):
    """Spreads hints by the watershed and tints them by the line, so that what came out tells what went in."""

    def __init__(self, resolution: int = 64) -> None:
        super().__init__(RenderingOptions(resolution=resolution), 4, "watershed")
        self.runs = 0

    def color_window(self, page, inputs):
        self.runs += 1
        self.seen = page
        spread = inputs[5:8] * 0.9 + 0.1 * inputs[0]
        return NetworkOutput(spread.repeat(2, axis=1).repeat(2, axis=2), spread)


class Client:
    """Plain HTTP to a server on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict]:
        status, _, data = self.ask(method, path, body, **headers)
        return status, json.loads(data)

    def upload(self, line: np.ndarray) -> str:
        status, content = self.json("POST", "/pages", encode_png(line))
        assert status == 201, content
        return content["name"]

    def begin_upload(self, header: tuple[str, str], sent: bytes) -> http.client.HTTPConnection:
        """An upload that stands still after some bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest("POST", "/pages")
        connection.putheader(*header)
        connection.endheaders()
        connection.send(sent)
        return connection

    def order(self, name: str, what: str, strokes: list[dict], **choices) -> tuple[int, dict[str, str], bytes]:
        order = {"strokes": strokes, "detail": 64, "blend": "clean"} | choices
        return self.ask("POST", f"/pages/{name}/{what}", json.dumps(order).encode())


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Client]]:
    """Serves a colorizer with some limits; each server ends with the test."""
    running = []

    def start(colorizer: PageColorizer | None = None, **limits: int) -> Client:
        folder = tmp_path / f"uploads{len(running)}"
        folder.mkdir()
        app = make_app(colorizer or PaintsTheHints(), folder, Limits(**limits))
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", ws="none", lifespan="on"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        client = Client(server.servers[0].sockets[0].getsockname()[1])
        client.folder, client.stop = folder, lambda: (setattr(server, "should_exit", True), thread.join(10))
        running.append(client)
        return client

    yield start
    for client in running:
        client.stop()


@pytest.fixture
def client(serve) -> Client:
    return serve()


@pytest.fixture
def painter() -> type[PaintsTheHints]:
    """The system."""
    return PaintsTheHints
