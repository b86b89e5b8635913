"""From the data settings of a configuration to drawings."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.sources.folder import FolderScan


def load_drawings(data: dict[str, Any]) -> "FolderScan":
    """Scan the folder that `conf/data` names.

    Args:
        data: `root`, `lines`, `test_share`, `verify`, `overfit`.

    Returns:
        The drawings with their splits and what was skipped; with `overfit` = n the first n training drawings are
        both splits.

    Raises:
        FileNotFoundError: if the folder is missing; the message says how to get it.
        ValueError: if no picture is left.
    """
    from datamodules.sources.folder import scan_folder

    root = Path(data["root"]).expanduser()
    if not root.is_dir():
        source = root.name if root.name in ("openmoji", "characters") else "openmoji"
        raise FileNotFoundError(
            f"data.root={root}: there is no such folder. Point data.root at your illustrations "
            f"(data=folder data.root=...), or make real pairs with: linecolor-data prepare {source} --out {root}"
        )
    lines = Path(data["lines"]).expanduser() if data["lines"] else None
    scan = scan_folder(root, lines, data["test_share"], data["verify"])
    if data["overfit"]:
        few = [drawing for drawing in scan.drawings if drawing.split == "train"][: data["overfit"]]
        twice = [replace(drawing, split=split) for split in ("train", "test") for drawing in few]
        scan = replace(scan, drawings=twice)
    return scan
