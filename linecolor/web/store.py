"""The drawings held for their users: found by a secret name, dropped when left alone, never on disk for longer."""

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

from linecolor.rendering.page_colorizer import PageColorizer
from linecolor.web.drawing import Drawing

MOST_DRAWINGS = 32
IDLE_SECONDS = 3600.0


class DrawingStore:
    """Uploaded drawings, each one a file in a private folder.

    Whoever knows a drawing's name has it, and names cannot be guessed (128 random bits): no user sees another's. Safe
    to use from several threads.

    Args:
        folder: for the files; nobody else's, and removed by `close`.
        colorizers: as `drawing.at_details` makes them.
        max_pixels: of a drawing.
        most: drawings held; of more, the one left alone longest goes. Its user uploads it again.
        idle_seconds: after which a drawing that is left alone goes.
        clock: seconds that never run backwards.
    """

    def __init__(
        self,
        folder: Path,
        colorizers: Mapping[int, PageColorizer],
        max_pixels: int,
        most: int = MOST_DRAWINGS,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.colorizers = colorizers
        self.max_pixels = max_pixels
        self.most = most
        self.idle_seconds = idle_seconds
        self.clock = clock
        self._held: OrderedDict[str, tuple[Drawing, float]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def add(self, data: bytes) -> tuple[str, Drawing]:
        """Take in a picture file.

        Returns:
            Its name, and the drawing.

        Raises:
            UnreadableImage: it is none, or too large. No file stays.
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
            too_many = list(self._held)[: max(0, len(self._held) - self.most)]
        for old in too_many:
            self.drop(old)
        return name, drawing

    def get(self, name: str) -> Drawing:
        """The drawing of that name, which is thereby not left alone.

        Raises:
            KeyError: there is none, or no longer.
        """
        with self._lock:
            drawing, _ = self._held[name]
            self._held[name] = (drawing, self.clock())
            self._held.move_to_end(name)
            return drawing

    def scratch(self) -> Path:
        """A file nobody else uses, for whoever removes it again."""
        return self.folder / f"{secrets.token_urlsafe(16)}.part"

    def drop(self, name: str) -> None:
        """Forget a drawing and remove its file; of no effect where there is none."""
        with self._lock:
            held = self._held.pop(name, None)
        if held is not None:
            held[0].path.unlink(missing_ok=True)

    def drop_idle(self) -> None:
        """Drop what was left alone too long."""
        oldest = self.clock() - self.idle_seconds
        with self._lock:
            idle = [name for name, (_, used) in self._held.items() if used < oldest]
        for name in idle:
            self.drop(name)

    def close(self) -> None:
        """Forget all and remove the folder."""
        with self._lock:
            self._held.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
