"""The requests of the web app, as a Starlette application.

GET / and the files of the page; GET /settings; POST /pages (a picture file) -> a drawing's name; GET
/pages/NAME/line.png; POST /pages/NAME/color.png, picture.png, layers.ora (strokes and choices as JSON) -> the picture
in view size, in full size, as layers; DELETE /pages/NAME; POST /palette (a picture file) -> its colours. An error is
{"error": "..."}.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from linecolor.arrays import Picture
from linecolor.images import PictureBytes, UnreadableImage
from linecolor.images.formats import MEDIA_TYPES
from linecolor.images.reading import read_thumbnail
from linecolor.rendering.blends import BLENDS, BlendMode, check_blend
from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.rendering.palette import dominant_colors
from linecolor.web.drawing import Drawing, colorizers_by_resolution
from linecolor.web.guard import LOOPBACK, Guard
from linecolor.web.store import MAX_DRAWINGS, DrawingStore
from linecolor.web.strokes import Stroke, read_strokes
from linecolor.web.uploads import Uploads
from linecolor.web.worker_pool import QueueFull, WorkerPool

_PAGE = files("linecolor.web").joinpath("page")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".json": "application/json",
}
PAGE_FILES = {file.name: _TYPES[Path(file.name).suffix] for file in _PAGE.iterdir() if Path(file.name).suffix in _TYPES}
"""The files of the page with their media types: no name in a request ever becomes a path."""

PALETTE_PIXELS = 1 << 18
_MAX_JSON_BYTES = 8_000_000
_CLEANUP_SECONDS = 60


@dataclass(frozen=True)
class Limits:
    """What the server accepts.

    Attributes:
        file_bytes: of an uploaded file.
        total_bytes: of all files that are being uploaded or wait to be read, of all users together.
        pixels: of an uploaded picture, known from its header before it is decoded.
        drawings: held at one time, of all users together.
        queue_size: requests that may wait for the networks, or for a file to be read or written; others are refused.
    """

    file_bytes: int = 64_000_000
    total_bytes: int = 256_000_000
    pixels: int = 100_000_000
    drawings: int = MAX_DRAWINGS
    queue_size: int = 32


@dataclass(frozen=True)
class ColorRequest:
    """A drawing and how it is to be coloured: hints, the resolution at which the networks see it, and the blend."""

    drawing: Drawing
    strokes: tuple[Stroke, ...]
    resolution: int
    blend: BlendMode

    def run_networks(self) -> Picture:
        """What the networks make of it; see `Drawing.color`."""
        return self.drawing.color(self.strokes, self.resolution)


class WebApp:
    """The requests, and the state between them.

    Networks run one page at a time, because each uses the whole processor. Files are read and written in pools of their
    own, so that a large page of one user does not delay a stroke of another.

    Args:
        colorizer: of the system that colours.
        folder: for uploads; private, and removed when the server ends.
        limits: what is accepted.
    """

    def __init__(self, colorizer: PageColorizer, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.colorizer = colorizer
        self.colorizers = colorizers_by_resolution(colorizer)
        self.drawings = DrawingStore(folder, self.colorizers, limits.pixels, limits.drawings)
        self.uploads = Uploads(self.limits.total_bytes)
        self.json_bodies = Uploads(self.limits.total_bytes)  # strokes need not wait for the uploads of others
        self.networks = WorkerPool(1, limits.queue_size)
        self.reading = WorkerPool(1, limits.queue_size)
        self.writing = WorkerPool(1, limits.queue_size)

    async def settings(self, request: Request) -> Response:
        """What there is to choose from."""
        least = min(self.colorizers)
        details = [{"value": side, "times": round(side / least, 1)} for side in self.colorizers]
        limits = {"bytes": self.limits.file_bytes, "pixels": self.limits.pixels}
        own = self.colorizer.options.blend
        # A page of lines has no greys of its own to keep.
        rows = [row for row in BLENDS.values() if not row.for_grey_pages or row.name == own]
        blends = [{"name": row.name, "summary": row.summary} for row in rows]
        return JSONResponse({"details": details, "blends": blends, "blend": own, "limits": limits})

    async def upload(self, request: Request) -> Response:
        """Accept a drawing."""
        async with self.uploads.read(request, self.limits.file_bytes) as data:
            name, drawing = await self.reading.run(partial(self.drawings.add, data), request.is_disconnected)
        height, width = drawing.size
        view = {"width": drawing.view.shape[1], "height": drawing.view.shape[0]}
        content = {"name": name, "width": width, "height": height, "view": view, "notes": drawing.notes}
        return JSONResponse(content, 201)

    async def line(self, request: Request) -> Response:
        """The view of a drawing."""
        return Response(await self.reading.run(self._drawing(request).line_png), media_type="image/png")

    async def color(self, request: Request) -> Response:
        """The coloured drawing in the size of its view."""
        wanted = await self._color_request(request)

        def view() -> bytes:
            return wanted.drawing.view_png(wanted.run_networks(), wanted.strokes, wanted.blend)

        return Response(await self.networks.run(view, request.is_disconnected), media_type="image/png")

    async def picture(self, request: Request) -> Response:
        """The coloured drawing in its own size."""
        wanted = await self._color_request(request)
        colorized = await self.networks.run(wanted.run_networks, request.is_disconnected)
        write = partial(wanted.drawing.full_png, colorized, wanted.strokes, wanted.blend)
        return _download(await self.writing.run(write, request.is_disconnected), "image/png", "colored.png")

    async def layers(self, request: Request) -> Response:
        """The coloured drawing as layers."""
        wanted = await self._color_request(request)
        colorized = await self.networks.run(wanted.run_networks, request.is_disconnected)
        write = partial(wanted.drawing.layers, colorized, wanted.strokes, self.drawings.scratch())
        return _download(await self.writing.run(write, request.is_disconnected), "image/openraster", "colored.ora")

    async def drop(self, request: Request) -> Response:
        """Close a drawing."""
        self.drawings.drop(request.path_params["name"])
        return JSONResponse({})

    async def palette(self, request: Request) -> Response:
        """The colours of a reference picture, which is not kept."""
        async with self.uploads.read(request, self.limits.file_bytes) as data:
            colors = await self.reading.run(partial(_palette, data, self.limits.pixels), request.is_disconnected)
        return JSONResponse({"colors": colors})

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Drops idle drawings while the server runs, and everything when it ends."""
        cleanup = asyncio.create_task(self._drop_idle())
        try:
            yield
        finally:
            cleanup.cancel()
            with suppress(asyncio.CancelledError):
                await cleanup
            self.drawings.close()

    async def _drop_idle(self) -> None:
        while True:
            await asyncio.sleep(_CLEANUP_SECONDS)
            self.drawings.drop_idle()

    def _drawing(self, request: Request) -> Drawing:
        try:
            return self.drawings.get(request.path_params["name"])
        except KeyError:
            raise HTTPException(404, "this drawing is no longer held here; open it again") from None

    async def _color_request(self, request: Request) -> ColorRequest:
        drawing = self._drawing(request)
        try:
            async with self.json_bodies.read(request, _MAX_JSON_BYTES) as data:
                body = json.loads(data)
            strokes = read_strokes(body["strokes"], drawing.size)
            resolution, blend = body["detail"], body["blend"]
            check_blend(blend)
        except (KeyError, TypeError, RecursionError):
            raise HTTPException(400, "a request names strokes, detail and blend as JSON") from None
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        if type(resolution) is not int or resolution not in self.colorizers:
            raise HTTPException(400, f"detail is one of {', '.join(map(str, self.colorizers))}")
        return ColorRequest(drawing, strokes, resolution, blend)


def make_app(
    colorizer: PageColorizer,
    folder: Path,
    limits: Limits | None = None,
    hosts: Sequence[str] | None = LOOPBACK,
) -> Starlette:
    """The application, ready to be served.

    Args:
        colorizer: of the system that colours.
        folder: for uploads; private, and removed when the server ends.
        limits: what is accepted.
        hosts: names and addresses the server answers to; None for any.
    """
    app = WebApp(colorizer, folder, limits or Limits())
    routes = [
        Route("/settings", app.settings),
        Route("/pages", app.upload, methods=["POST"]),
        Route("/pages/{name}/line.png", app.line),
        Route("/pages/{name}/color.png", app.color, methods=["POST"]),
        Route("/pages/{name}/picture.png", app.picture, methods=["POST"]),
        Route("/pages/{name}/layers.ora", app.layers, methods=["POST"]),
        Route("/pages/{name}", app.drop, methods=["DELETE"]),
        Route("/palette", app.palette, methods=["POST"]),
    ]
    for file, kind in PAGE_FILES.items():
        data = _PAGE.joinpath(file).read_bytes().replace(b"{picture formats}", ",".join(MEDIA_TYPES).encode())
        routes.append(Route("/" if file == "index.html" else f"/{file}", _static(data, kind)))
    handlers = {
        HTTPException: _error(lambda error: (error.status_code, error.detail)),
        UnreadableImage: _error(lambda error: (422, error.reason)),
        QueueFull: _error(lambda error: (503, "The server is busy; try again in a moment.")),
        ClientDisconnect: _error(lambda error: (499, "the client has disconnected")),
        ValueError: _error(lambda error: (422, str(error))),
        MemoryError: _error(lambda error: (507, "There is not enough memory for a page of this size.")),
    }
    guard = Middleware(Guard, hosts=hosts)
    served = Starlette(routes=routes, middleware=[guard], exception_handlers=handlers, lifespan=app.lifespan)
    served.router.redirect_slashes = False  # no address is built from what a request says of the host
    return served


def _static(data: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """A handler that always sends the same file."""

    async def handle(request: Request) -> Response:
        return Response(data, media_type=media_type)

    return handle


def _download(data: bytes, media_type: str, name: str) -> Response:
    """A file to save."""
    return Response(data, headers={"content-disposition": f'attachment; filename="{name}"'}, media_type=media_type)


def _error(describe: Callable[[Any], tuple[int, str]]) -> Callable[[Request, Any], Awaitable[Response]]:
    """A handler of errors, from a function that gives an error's status and message."""

    async def handle(request: Request, error: Any) -> Response:
        status, message = describe(error)
        return JSONResponse({"error": message}, status)

    return handle


def _palette(data: bytes, max_pixels: int) -> list[str]:
    picture, _ = read_thumbnail(PictureBytes("the picture", data), PALETTE_PIXELS, max_pixels)
    return [f"#{red:02x}{green:02x}{blue:02x}" for (red, green, blue), _ in dominant_colors(picture)]
