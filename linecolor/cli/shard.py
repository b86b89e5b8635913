"""linecolor-data shard: a data set as tars that are read from a disk, a web server or S3."""

from __future__ import annotations

import argparse
import shlex

from linecolor.cli.parser import user_path

DESCRIPTION = "Write a data set as WebDataset tars with an index, for linecolor-train data=shards."

EXAMPLES = """A stopped run goes on where it stopped; shards that are whole are not written again.

examples:
  linecolor-data shard my/illustrations --out shards
  linecolor-data shard my/illustrations --lines my/lines --test-share 0.01 --out shards
  linecolor-data shard my/illustrations --manifest curated/manifest.parquet --out shards
  linecolor-data shard data/openmoji --out shards/openmoji --shard-mb 64
  linecolor-train experiment=demo data=shards data.root=shards
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "source", type=user_path, metavar="SRC", help="a prepared data set, or a folder of illustrations"
    )
    parser.add_argument("--out", type=user_path, required=True, metavar="DIR", help="folder of the shards")
    parser.add_argument("--lines", type=user_path, metavar="DIR", help="a parallel folder of real lines, as data.lines")
    parser.add_argument(
        "--manifest",
        type=user_path,
        metavar="FILE",
        help="of linecolor-data curate: only what it keeps, as data.manifest",
    )
    parser.add_argument(
        "--test-share", type=float, metavar="P", help="held out of a loose folder (as in training: data.test_share)"
    )
    parser.add_argument("--shard-mb", type=int, default=512, metavar="MB", help="size of a shard, about (%(default)s)")
    parser.add_argument(
        "--verify",
        default="decode",
        metavar="HOW",
        help="decode: read every picture whole, once; header: its size only (%(default)s)",
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="threads (one for each core, at most 4)")
    parser.add_argument("--force", action="store_true", help="drop the shards that --out holds first")


def run(options: argparse.Namespace) -> None:
    """Write the shards and say what was done.

    Raises:
        ValueError, OSError, ImportError: see `write_shards` and `scan_folder`.
    """
    from datamodules.shards.drawings import is_sharded
    from datamodules.shards.write import ShardingRefused, write_shards
    from datamodules.sources.folder import read_licence, scan_folder
    from linecolor.experiment.config import default_data

    if is_sharded(str(options.source)):
        raise ShardingRefused(f"{options.source}: holds shards already; shards are made from a folder of pictures")
    test_share = default_data(test_share=options.test_share).test_share
    scan = scan_folder(options.source, options.lines, test_share, verify="header", manifest=options.manifest)
    done = write_shards(
        scan.drawings,
        options.source,
        options.out,
        licence=read_licence(options.source),
        shard_mb=options.shard_mb,
        verify=options.verify,
        jobs=options.jobs,
        force=options.force,
    )
    reused = f" ({done.reused} of them were there already)" if done.reused else ""
    print(f"shards      {done.shards} in {done.out}, {done.size / 1e6:,.1f} MB{reused}")
    print(f"drawings    {', '.join(f'{count:,} {split}' for split, count in done.drawings.items())}")
    left_out = len(scan.skipped) + len(done.skipped)
    if left_out:
        print(f"skipped     {left_out} pictures or lines that cannot be used (named above)")
    words = ["linecolor-train", "experiment=demo", "data=shards", f"data.root={done.out}"]
    print(f"try next    {shlex.join(words)}")
