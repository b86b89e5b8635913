"""From the data settings of a configuration to drawings."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linecolor.runs.result import RunResult
    from linecolor.samples import FullDrawing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.sources.drawing import Drawing
    from datamodules.sources.folder import FolderScan


def load_drawings(data: dict[str, Any], option: str = "data.root") -> "FolderScan":
    """Scan the folder that `conf/data` names, or read the index of the shards there.

    Args:
        data: `root`, `lines`, `test_share`, `verify`, `overfit`; of shards, which bring their split, their lines and
            checked pictures, only `root` and `overfit`. `more`: further data sets, from which only training drawings
            are taken, so that the held-out ones stay those of `root`.
        option: what messages call the root.

    Returns:
        The drawings with their splits and what was skipped; with `overfit` = n the first n training drawings are
        both splits.

    Raises:
        FileNotFoundError: if the folder is missing; the message says how to get it.
        ValueError: if no picture is left, the shards are damaged, or two data sets name drawings alike.
        OSError: if shards cannot be reached.
    """
    from datamodules.shards.drawings import is_sharded, load_shards
    from datamodules.sources.drawing import ids_of, of_split
    from datamodules.sources.folder import FolderScan

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
        scan = _scan(data, option)
    for root in data.get("more") or ():
        alone = {**data, "root": root, "lines": None, "manifest": None, "more": [], "overfit": 0}
        beside = load_drawings(alone, "data.more")
        drawings = list(of_split(beside.drawings, "train"))
        if twice := set(ids_of(scan.drawings)).intersection(ids_of(drawings)):
            raise ValueError(
                f"data.more={root}: {len(twice)} of its drawings are named as others are ({min(twice)}, ...); "
                "every drawing needs a name of its own, for a sample's randomness hangs on it"
            )
        scan = FolderScan([*scan.drawings, *drawings], [*scan.skipped, *beside.skipped])
    if data["overfit"]:
        few = list(islice(of_split(scan.drawings, "train"), data["overfit"]))
        both = [replace(drawing, split=split) for split in ("train", "test") for drawing in few]
        scan = replace(scan, drawings=both)
    return scan


def held_out_drawings(scan: "FolderScan", count: int, root: str, share: str = "data.test_share") -> "list[Drawing]":
    """The first held-out drawings that can be measured on.

    Args:
        scan: of all drawings.
        count: at most as many.
        root: what messages call their source.
        share: what they call the option that holds out more.

    Raises:
        ValueError: if there is none.
    """
    from datamodules.held_out import readable
    from datamodules.sources.drawing import of_split

    drawings = readable(of_split(scan.drawings, "test"), count)
    if not drawings:
        raise ValueError(f"{root}: holds no readable test drawing; raise {share} (1.0: all pictures)")
    return drawings


def data_licence(data: dict[str, Any]) -> dict[str, Any] | None:
    """The licence of the data sets that `data.root` and `data.more` name: name, url, attribution and source.

    None if they have none.

    Raises:
        ValueError: a damaged manifest or index.
        OSError: if shards cannot be reached.
    """
    from datamodules.shards.drawings import is_sharded, load_shards
    from datamodules.sources.folder import read_licence

    roots = (data["root"], *(data.get("more") or ()))
    licences = [load_shards(root).licence if is_sharded(root) else read_licence(root) for root in roots]
    told = [licence for licence in licences if licence]
    if not told:
        return None
    return {key: "; ".join(dict.fromkeys(str(licence.get(key, "")) for licence in told)) for key in told[0]}


def _scan(data: dict[str, Any], option: str) -> "FolderScan":
    from datamodules.sources.folder import scan_folder

    root = Path(data["root"]).expanduser()
    if not root.is_dir():
        source = "characters" if "characters" in root.name else "openmoji"
        raise FileNotFoundError(
            f"{option}={root}: there is no such folder. Point {option} at your illustrations "
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


def read_truths(results: Sequence["RunResult"], count: int) -> dict[str, "FullDrawing"]:
    """The first drawings that all runs have in common, from the data of the first run, by name.

    Empty where the data is no longer where it was: the results are shown without them.
    """
    from datamodules.held_out import FullDrawings
    from datamodules.sources.drawing import of_split
    from linecolor.experiment.data import load_drawings
    from linecolor.runs.result import common

    wanted = common([result.drawings for result in results if result.drawings])[:count]
    if not wanted:
        return {}
    settings = {key.removeprefix("data."): v for key, v in results[0].config.items() if key.startswith("data.")}
    try:
        held_out = [drawing for drawing in of_split(load_drawings(settings).drawings, "test") if drawing.id in wanted]
        return {drawing.name: drawing for drawing in FullDrawings(held_out)}
    except (OSError, ValueError, KeyError) as error:
        print(f"line and truth are not shown: {error}", file=sys.stderr)
        return {}
