"""What a run's settings say of the module of a stage."""

from typing import Any


def page_resolution(plain: dict[str, Any]) -> int:
    """The short side in pixels at which whole pages are seen: as asked for, or that of the training crops."""
    return plain["evaluation"]["resolution"] or plain["model"]["resolution"]
