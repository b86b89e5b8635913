"""The requests of the web app, as a Starlette application.

GET / and the files of the page; GET /settings; POST /pages (a picture file) -> a drawing's name; GET
/pages/NAME/line.png; POST /pages/NAME/color.png, picture.png, layers.ora (strokes and choices as JSON) -> the picture
in view size, in full size, as layers; DELETE /pages/NAME; POST /palette (a picture file) -> its colours. What goes
wrong is answered as {"error": "..."}.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from linecolor.images import PictureBytes, UnreadableImage
from linecolor.images.formats import MEDIA_TYPES
from linecolor.images.thumbnails import read_thumbnail
from linecolor.rendering.blending import BLENDS, BlendMode, check_blend
from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.rendering.palette import dominant_colors
from linecolor.web.drawing import Drawing, at_details
from linecolor.web.guard import LOOPBACK, Guard
from linecolor.web.responses import Refused, always, error_answer, file_answer, json_answer
from linecolor.web.store import MOST_DRAWINGS, DrawingStore
from linecolor.web.strokes import Stroke, read_strokes
from linecolor.web.uploads import Uploads
from linecolor.web.worker_pool import Busy, Left, Turns

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

PAGE_FILES = {
    "index.html": "text/html; charset=utf-8",
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "strokes.js": "text/javascript; charset=utf-8",
    "storage.js": "text/javascript; charset=utf-8",
    "sheet.js": "text/javascript; charset=utf-8",
    "compare.js": "text/javascript; charset=utf-8",
    "swatches.js": "text/javascript; charset=utf-8",
    "requests.js": "text/javascript; charset=utf-8",
    "zoom.js": "text/javascript; charset=utf-8",
    "sample.png": "image/png",
    "sample.json": "application/json",
}
"""All files there are to get, with their kinds: no name in a request ever becomes a path."""

PALETTE_PIXELS = 1 << 18
_MOST_JSON_BYTES = 8_000_000
_SWEEP_SECONDS = 60


@dataclass(frozen=True)
class Limits:
    """What the server takes.

    Attributes:
        file_bytes: of an uploaded file.
        held_bytes: of all files that are being uploaded or wait to be read, of all users together.
        pixels: of an uploaded picture, known from its header before it is decoded.
        drawings: held at one time, of all users together.
        waiting: requests that may wait for the networks, or for a file to be read or written; others are refused.
    """

    file_bytes: int = 64_000_000
    held_bytes: int = 256_000_000
    pixels: int = 100_000_000
    drawings: int = MOST_DRAWINGS
    waiting: int = 32


@dataclass(frozen=True)
class Order:
    """What is to be made of a drawing: hints, the resolution the networks see it at, and how it is blended."""

    strokes: tuple[Stroke, ...]
    resolution: int
    blend: BlendMode


class WebApp:
    """The requests, and what is held between them.

    Networks run one at a time, for each uses all there is of the processor; files are read and written in lines of
    their own, so that nobody's large page holds up another's stroke.

    Args:
        colorizer: of the system that colours.
        folder: for uploads; private, and removed when the server ends.
        limits: what is taken.
    """

    def __init__(self, colorizer: PageColorizer, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self.colorizer = colorizer
        self.colorizers = at_details(colorizer)
        self.drawings = DrawingStore(folder, self.colorizers, limits.pixels, limits.drawings)
        self.uploads = Uploads(self.limits.held_bytes)
        self.orders = Uploads(self.limits.held_bytes)  # strokes need not wait until others' files have come in
        self.networks = Turns(1, limits.waiting)
        self.reading = Turns(1, limits.waiting)
        self.writing = Turns(1, limits.waiting)

    async def settings(self, request: Request) -> Response:
        """What there is to choose from."""
        least = min(self.colorizers)
        details = [{"value": side, "times": round(side / least, 1)} for side in self.colorizers]
        limits = {"bytes": self.limits.file_bytes, "pixels": self.limits.pixels}
        own = self.colorizer.options.blend
        # A page of lines has no greys of its own to keep.
        rows = [row for row in BLENDS.values() if not row.for_grey_pages or row.name == own]
        blends = [{"name": row.name, "summary": row.summary} for row in rows]
        return json_answer({"details": details, "blends": blends, "blend": own, "limits": limits})

    async def upload(self, request: Request) -> Response:
        """Take in a drawing."""
        async with self.uploads.read(request, self.limits.file_bytes) as data:
            name, drawing = await self.reading.take(partial(self.drawings.add, data), request.is_disconnected)
        height, width = drawing.size
        view = {"width": drawing.view.shape[1], "height": drawing.view.shape[0]}
        return json_answer({"name": name, "width": width, "height": height, "view": view}, 201)

    async def line(self, request: Request) -> Response:
        """The view of a drawing."""
        return file_answer(await self.reading.take(self._drawing(request).line_png), "image/png")

    async def color(self, request: Request) -> Response:
        """The coloured drawing in the size of its view."""
        drawing = self._drawing(request)
        order = await self._order(request, drawing)
        return file_answer(
            await self.networks.take(partial(_view, drawing, order), request.is_disconnected), "image/png"
        )

    async def picture(self, request: Request) -> Response:
        """The coloured drawing in its own size."""
        drawing = self._drawing(request)
        order = await self._order(request, drawing)
        colored = await self._colored(request, drawing, order)
        data = await self.writing.take(partial(drawing.full_png, colored, order.blend), request.is_disconnected)
        return file_answer(data, "image/png", "colored.png")

    async def layers(self, request: Request) -> Response:
        """The coloured drawing as layers."""
        drawing = self._drawing(request)
        order = await self._order(request, drawing)
        colored = await self._colored(request, drawing, order)
        write = partial(drawing.layers, colored, order.strokes, self.drawings.scratch())
        return file_answer(await self.writing.take(write, request.is_disconnected), "image/openraster", "colored.ora")

    async def drop(self, request: Request) -> Response:
        """Forget a drawing."""
        self.drawings.drop(request.path_params["name"])
        return json_answer({})

    async def palette(self, request: Request) -> Response:
        """The colours of a reference picture, which is not kept."""
        async with self.uploads.read(request, self.limits.file_bytes) as data:
            colors = await self.reading.take(partial(_palette, data, self.limits.pixels), request.is_disconnected)
        return json_answer({"colors": colors})

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """While it serves, what is left alone goes; afterwards everything does."""
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            self.drawings.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.drawings.drop_idle()

    def _drawing(self, request: Request) -> Drawing:
        try:
            return self.drawings.get(request.path_params["name"])
        except KeyError:
            raise Refused(404, "this drawing is no longer held here; open it again") from None

    async def _order(self, request: Request, drawing: Drawing) -> Order:
        try:
            async with self.orders.read(request, _MOST_JSON_BYTES) as data:
                given = json.loads(data)
            strokes = read_strokes(given["strokes"], drawing.size)
            resolution, blend = given["detail"], given["blend"]
            check_blend(blend)
        except (KeyError, TypeError, RecursionError):
            raise Refused(400, "a request names strokes, detail and blend as JSON") from None
        except ValueError as error:
            raise Refused(400, str(error)) from None
        if type(resolution) is not int or resolution not in self.colorizers:
            raise Refused(400, f"detail is one of {', '.join(map(str, self.colorizers))}")
        return Order(strokes, resolution, blend)

    async def _colored(self, request: Request, drawing: Drawing, order: Order) -> Any:
        coloring = partial(drawing.color, order.strokes, order.resolution)
        return await self.networks.take(coloring, request.is_disconnected)


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
        limits: what is taken.
        hosts: names and addresses the server answers to; None for any.

    Raises:
        ModuleNotFoundError: starlette is not installed.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.routing import Route

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
        data = files("linecolor.web").joinpath("page", file).read_bytes()
        data = data.replace(b"{picture formats}", ",".join(MEDIA_TYPES).encode())
        routes.append(Route("/" if file == "index.html" else f"/{file}", always(data, kind)))
    answers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        HTTPException: error_answer(lambda error: (error.status_code, error.detail)),
        Refused: error_answer(lambda error: (error.status, str(error))),
        UnreadableImage: error_answer(lambda error: (422, error.reason)),
        Busy: error_answer(lambda error: (503, "The server is busy; try again in a moment.")),
        Left: error_answer(lambda error: (499, "nobody waits for this any more")),
        ValueError: error_answer(lambda error: (422, str(error))),
        MemoryError: error_answer(lambda error: (507, "There is not enough memory for a page of this size.")),
    }
    guard = Middleware(cast(Any, Guard), hosts=hosts)
    served = Starlette(routes=routes, middleware=[guard], exception_handlers=cast(Any, answers), lifespan=app.lifespan)
    served.router.redirect_slashes = False  # no address is built from what a request says of the host
    return served


def _view(drawing: Drawing, order: Order) -> bytes:
    return drawing.view_png(drawing.color(order.strokes, order.resolution), order.blend)


def _palette(data: bytes, max_pixels: int) -> list[str]:
    picture, _ = read_thumbnail(PictureBytes("the picture", data), PALETTE_PIXELS, max_pixels)
    return [f"#{red:02x}{green:02x}{blue:02x}" for (red, green, blue), _ in dominant_colors(picture)]
