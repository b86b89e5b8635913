"""linecolor-data curate: which pictures of a folder are fit to learn from."""

import argparse
import os
import shlex
from dataclasses import fields

from datamodules.curation.thresholds import Thresholds, option
from linecolor.cli.parser import check_least, user_path

DESCRIPTION = """Measure every picture of a folder and write which are fit to learn from, and why the others are not:
too small, greyscale, high-key, low-key, biased in tone or colour, a scribble, a photograph, a near-duplicate,
unreadable. Nothing in the folder is changed. A stopped run goes on where it stopped; with other thresholds only the
judgement is made again, no picture is measured twice."""

EXAMPLES = """examples:
  linecolor-data curate my/illustrations --out curated
  linecolor-data curate my/illustrations --out curated --short-side 768 --hash-distance 6
  linecolor-train experiment=paper data=folder data.root=my/illustrations data.manifest=curated/manifest.parquet
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The folder, where the results go, and one option for each threshold."""
    parser.add_argument("folder", type=user_path, metavar="SRC", help="folder of pictures, read recursively")
    parser.add_argument(
        "--out", type=user_path, metavar="DIR", help="folder for manifest.parquet and sheet.html (SRC-curation)"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (one for each core)")
    parser.add_argument(
        "--examples",
        type=int,
        default=24,
        metavar="N",
        help="pictures of each kind on the sheet; 0: none (%(default)s)",
    )
    limits = parser.add_argument_group("thresholds")
    for limit in fields(Thresholds):
        limits.add_argument(
            option(limit.name),
            type=type(limit.default),
            default=limit.default,
            metavar="X",
            help=f"{limit.metadata['help']} (%(default)s)",
        )


def run(options: argparse.Namespace) -> None:
    """Measure, judge, write the manifest and the sheet, and print what came out."""
    thresholds = Thresholds(**{limit.name: getattr(options, limit.name) for limit in fields(Thresholds)})
    jobs = options.jobs if options.jobs is not None else os.cpu_count() or 1
    check_least(1, jobs=jobs)
    check_least(0, examples=options.examples)
    root = options.folder.expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    root = root.resolve()
    out = (options.out or root.parent / f"{root.name}-curation").expanduser()

    from datamodules.curation.curate import curate

    done = curate(root, out, thresholds, jobs, options.examples)
    reused = f" ({done.reused:,} of them were measured before)" if done.reused else ""
    print(f"pictures    {done.pictures:,}{reused}")
    print(f"kept        {done.kept:,}")
    for reason, count in done.left_out.items():
        print(f"  {reason:15} {count:>9,}")
    print(f"manifest    {done.manifest}")
    if done.sheet:
        print(f"look at     {done.sheet}")
    words = ["linecolor-train", "data=folder", f"data.root={root}", f"data.manifest={done.manifest}"]
    print(f"try next    {shlex.join(words)}")
