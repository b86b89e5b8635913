"""From the data settings of a configuration to drawings."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datamodules.shards.drawings import is_sharded, load_shards
from datamodules.sources.drawing import Drawing, DrawingTable, ids_of, of_split
from datamodules.sources.folder import FolderScan, read_licence, scan_folder
from linecolor.experiment.config import RunConfig
from linecolor.experiment.config_sections import DataConfig
from linecolor.runs.result import RunResult, common

if TYPE_CHECKING:
    from linecolor.samples import FullDrawing


def _scan(data: DataConfig, option: str) -> FolderScan:
    root = Path(data.root).expanduser()
    if not root.is_dir():
        source = "characters" if "characters" in root.name else "openmoji"
        raise FileNotFoundError(
            f"{option}={root}: there is no such folder. Point {option} at your illustrations "
            "(data=folder data.root=...), or make real pairs with: "
            f"linecolor-data prepare {source} --out {shlex.quote(str(root))}"
        )
    lines = Path(data.lines).expanduser() if data.lines else None
    manifest = Path(data.manifest).expanduser() if data.manifest else None
    scan = scan_folder(root, lines, data.test_share, data.verify, manifest=manifest)
    if lines and not any(drawing.line for drawing in scan.drawings):
        raise ValueError(f"data.lines={lines}: none of the {len(scan.drawings)} drawings has a line of its name there")
    return scan


def load_drawings(data: DataConfig, option: str = "data.root") -> FolderScan:
    """Scan the folder that `conf/data` names, or read the index of the shards there.

    Args:
        data: which pictures; shards bring their split, their lines and checked pictures. Of `more` data sets only
            training drawings are taken, so that the held-out ones stay those of `root`.
        option: what messages call the root.

    Returns:
        The drawings with their splits and what was skipped; with `overfit` = n the first n training drawings are
        both splits.

    Raises:
        FileNotFoundError: if the folder is missing; the message says how to get it.
        ValueError: if no picture is left, the shards are damaged, or two data sets name drawings alike.
        OSError: if shards cannot be reached.
    """
    if is_sharded(data.root):
        if data.lines:
            raise ValueError(
                f"data.lines={data.lines}: shards bring their own lines; leave data.lines out, or say data.lines='' "
                "where a trained run brings it"
            )
        if data.manifest:
            raise ValueError(f"data.manifest={data.manifest} is for a folder; shards hold what was put into them")
        scan = FolderScan(load_shards(data.root).drawings, [])
    else:
        scan = _scan(data, option)
    for root in data.more:
        further = load_drawings(replace(data, root=root, lines=None, manifest=None, more=(), overfit=0), "data.more")
        drawings = list(of_split(further.drawings, "train"))
        if twice := set(ids_of(scan.drawings)).intersection(ids_of(drawings)):
            raise ValueError(
                f"data.more={root}: {len(twice)} of its drawings are named as others are ({min(twice)}, ...); "
                "every drawing needs a name of its own, for a sample's randomness hangs on it"
            )
        scan = FolderScan([*scan.drawings, *drawings], [*scan.skipped, *further.skipped])
    if data.overfit:
        few = list(islice(of_split(scan.drawings, "train"), data.overfit))
        scan = replace(scan, drawings=[replace(d, split=split) for split in ("train", "test") for d in few])
    return scan


def held_out_drawings(scan: FolderScan, count: int, root: str, share: str = "data.test_share") -> list[Drawing]:
    """The first held-out drawings, `count` at most, that can be measured on.

    Raises:
        ValueError: if there is none; its message calls their source `root`, and the option that holds out more `share`.
    """
    from datamodules.held_out import readable

    drawings = readable(of_split(scan.drawings, "test"), count)
    if not drawings:
        raise ValueError(f"{root}: holds no readable test drawing; raise {share} (1.0: all pictures)")
    return drawings


def check_splits(drawings: Sequence[Drawing], config: RunConfig) -> None:
    """Refuse a data set that the run could not be finished with.

    Raises:
        ValueError: if there is nothing to train on, nothing to evaluate on, or a variant of a held-out drawing would
            be trained on.
    """
    root = config.data.root
    if not of_split(drawings, "train"):
        raise ValueError(
            f"{root}: every one of the {len(drawings)} pictures is held out; lower data.test_share"
            + (", or train on the one there is with data.test_share=0 evaluation.enabled=false" * (len(drawings) == 1))
        )
    # Shards were split by base when they were written; there may be 700,000 of them.
    if not isinstance(drawings, DrawingTable) and not config.data.overfit:
        held_out = {drawing.base for drawing in of_split(drawings, "test")}
        variants = [drawing.id for drawing in of_split(drawings, "train") if drawing.base in held_out]
        if variants:
            raise ValueError(
                f"{root}: {len(variants)} training drawings are variants of held-out ones ({variants[0]}, ...), which "
                "would then measure memory; prepare the data set again"
            )
    if config.evaluation.enabled and not of_split(drawings, "test"):
        raise ValueError(
            f"{root}: none of the {len(drawings)} pictures is held out for the evaluation; raise data.test_share "
            f"(now {config.data.test_share}; of few pictures 0.5), add pictures, or train with "
            "evaluation.enabled=false"
        )


def data_licence(roots: Sequence[str]) -> dict[str, Any] | None:
    """The licence of these data sets: name, url, attribution and source; None if they have none.

    Raises:
        ValueError: a damaged manifest or index.
        OSError: if shards cannot be reached.
    """
    of_each = [load_shards(root).licence if is_sharded(root) else read_licence(root) for root in roots]
    licences = [licence for licence in of_each if licence]
    if not licences:
        return None
    keys = licences[0]
    return {key: "; ".join(dict.fromkeys(str(licence.get(key, "")) for licence in licences)) for key in keys}


def read_truths(results: Sequence[RunResult], count: int) -> dict[str, "FullDrawing"]:
    """The first drawings that all runs have in common, from the data of the first run, by name.

    Empty where the data is no longer where it was: the results are shown without them.
    """
    from datamodules.held_out import FullDrawings

    wanted = common([result.drawings for result in results if result.drawings])[:count]
    if not wanted:
        return {}
    try:
        scan = load_drawings(RunConfig.of_run(results[0].run.path).data)
        held_out = [drawing for drawing in of_split(scan.drawings, "test") if drawing.id in wanted]
        return {drawing.name: drawing for drawing in FullDrawings(held_out)}
    except (OSError, ValueError, KeyError) as error:
        print(f"line and truth are not shown: {error}", file=sys.stderr)
        return {}
