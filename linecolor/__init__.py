"""Colours anime line art at its own size (Lee & Lee 2020), with hints as points or as a painted layer.

    from linecolor import LineColorizer
    picture = LineColorizer.load().colorize(line, [(1000, 600, "#c86496")])

Importing this package loads neither torch nor OpenCV; the first use of a name does.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linecolor.rendering.options import RenderingOptions
    from linecolor.rendering.result import ColorizationResult
    from linecolor.systems.line_colorizer import LineColorizer

    __version__: str

__all__ = ["ColorizationResult", "LineColorizer", "RenderingOptions", "__version__"]

_MODULES = {
    "ColorizationResult": "linecolor.rendering.result",
    "LineColorizer": "linecolor.systems.line_colorizer",
    "RenderingOptions": "linecolor.rendering.options",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return version("linecolor")
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
