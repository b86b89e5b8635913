"""From the data settings of a configuration to drawings."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.sources.folder import FolderScan


def load_drawings(data: dict[str, Any]) -> "FolderScan":
    """Scan the folder that `conf/data` names, or read the index of the shards there.

    Args:
        data: `root`, `lines`, `test_share`, `verify`, `overfit`; of shards, which bring their split, their lines and
            checked pictures, only `root` and `overfit`.

    Returns:
        The drawings with their splits and what was skipped; with `overfit` = n the first n training drawings are
        both splits.

    Raises:
        FileNotFoundError: if the folder is missing; the message says how to get it.
        ValueError: if no picture is left, or the shards are damaged.
        OSError: if shards cannot be reached.
    """
    from datamodules.sources.drawing import of_split
    from datamodules.sources.folder import FolderScan
    from datamodules.sources.shards import is_sharded, load_shards

    if is_sharded(data["root"]):
        if data["lines"]:
            raise ValueError(
                f"data.lines={data['lines']}: shards bring their own lines; leave data.lines out, or say data.lines='' "
                "where a trained run brings it"
            )
        if data.get("manifest"):
            raise ValueError(f"data.manifest={data['manifest']} is for a folder; shards hold what was put into them")
        scan = FolderScan(load_shards(data["root"]).drawings, [])
    else:
        scan = _scan(data)
    if data["overfit"]:
        few = list(islice(of_split(scan.drawings, "train"), data["overfit"]))
        twice = [replace(drawing, split=split) for split in ("train", "test") for drawing in few]
        scan = replace(scan, drawings=twice)
    return scan


def data_licence(data: dict[str, Any]) -> dict[str, Any] | None:
    """The licence of the data set that `data.root` names: name, url, attribution and source; None if it has none.

    Raises:
        ValueError: a damaged manifest or index.
        OSError: if shards cannot be reached.
    """
    from datamodules.sources.folder import read_licence
    from datamodules.sources.shards import is_sharded, load_shards

    return load_shards(data["root"]).licence if is_sharded(data["root"]) else read_licence(data["root"])


def _scan(data: dict[str, Any]) -> "FolderScan":
    from datamodules.sources.folder import scan_folder

    root = Path(data["root"]).expanduser()
    if not root.is_dir():
        source = root.name if root.name in ("openmoji", "characters") else "openmoji"
        raise FileNotFoundError(
            f"data.root={root}: there is no such folder. Point data.root at your illustrations "
            f"(data=folder data.root=...), or make real pairs with: linecolor-data prepare {source} --out {root}"
        )
    share = data["test_share"]
    if type(share) not in (int, float) or not 0 <= share <= 1:
        raise ValueError(f"data.test_share={share} must be a number from 0 to 1")
    lines = Path(data["lines"]).expanduser() if data["lines"] else None
    manifest = Path(data["manifest"]).expanduser() if data.get("manifest") else None
    scan = scan_folder(root, lines, share, data["verify"], manifest=manifest)
    if lines and not any(drawing.line for drawing in scan.drawings):
        raise ValueError(f"data.lines={lines}: none of the {len(scan.drawings)} drawings has a line of its name there")
    return scan
