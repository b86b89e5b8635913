"""What a run's settings say of its networks in use."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linecolor.rendering.options import RenderingOptions


def rendering_options(plain: dict[str, Any]) -> "RenderingOptions":
    """How the run's pages are coloured; where no resolution is named, at that of the training crops."""
    from linecolor.rendering.options import RenderingOptions

    return RenderingOptions.from_mapping(plain["evaluation"], plain["model"]["resolution"])
