"""The uploaded drawings: found by a secret name, dropped with their files when they are idle."""

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.web.drawing import Drawing

MAX_DRAWINGS = 32
IDLE_SECONDS = 3600.0


@dataclass(eq=False)
class DrawingStore:
    """Uploaded drawings, each one a file in a private folder.

    Names cannot be guessed (128 random bits), so no user sees another's drawings. Safe to use from several threads.

    Args:
        folder: for the files; nobody else's, and removed by `close`.
        colorizers: of `drawing.colorizers_by_resolution`.
        max_pixels: of a drawing.
        max_drawings: of more, the one idle longest is dropped. Its user uploads it again.
        idle_seconds: after which an idle drawing is dropped.
        clock: a monotonic one, in seconds.
    """

    folder: Path
    colorizers: Mapping[int, PageColorizer]
    max_pixels: int
    max_drawings: int = MAX_DRAWINGS
    idle_seconds: float = IDLE_SECONDS
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._held: OrderedDict[str, tuple[Drawing, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, data: bytes) -> tuple[str, Drawing]:
        """Accept a picture file.

        Returns:
            Its name, and the drawing.

        Raises:
            UnreadableImage: it is no picture, or too large. No file is left.
        """
        name = secrets.token_urlsafe(16)
        path = self.folder / name
        path.write_bytes(data)
        try:
            drawing = Drawing(path, self.colorizers, self.max_pixels)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._held[name] = (drawing, self.clock())
            too_many = list(self._held)[: max(0, len(self._held) - self.max_drawings)]
        for old in too_many:
            self.drop(old)
        return name, drawing

    def get(self, name: str) -> Drawing:
        """The drawing of that name, which is then not idle.

        Raises:
            KeyError: there is none, or it was dropped.
        """
        with self._lock:
            drawing, _ = self._held[name]
            self._held[name] = (drawing, self.clock())
            self._held.move_to_end(name)
            return drawing

    def scratch(self) -> Path:
        """A temporary file for one caller, who removes it."""
        return self.folder / f"{secrets.token_urlsafe(16)}.part"

    def drop(self, name: str) -> None:
        """Drop a drawing and remove its file; no effect where there is none."""
        with self._lock:
            held = self._held.pop(name, None)
        if held is not None:
            held[0].path.unlink(missing_ok=True)

    def drop_idle(self) -> None:
        """Drop the drawings that have been idle too long."""
        oldest = self.clock() - self.idle_seconds
        with self._lock:
            idle = [name for name, (_, used) in self._held.items() if used < oldest]
        for name in idle:
            self.drop(name)

    def close(self) -> None:
        """Drop all and remove the folder."""
        with self._lock:
            self._held.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
