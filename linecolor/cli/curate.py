"""linecolor-data curate: which pictures of a folder are fit to learn from."""

import argparse
import os
from dataclasses import fields
from pathlib import Path

from datamodules.curation.thresholds import Thresholds, option

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
    """The folder, where the outcome goes, and one option for each threshold."""
    parser.add_argument("folder", type=Path, metavar="SRC", help="folder of pictures, read recursively")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for manifest.parquet and sheet.html (SRC-curation)"
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
    for name, value, least in (("--jobs", jobs, 1), ("--examples", options.examples, 0)):
        if value < least:
            raise ValueError(f"{name} {value} must be {least} or more")
    root = options.folder.expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    root = root.resolve()
    out = (options.out or root.parent / f"{root.name}-curation").expanduser()

    from datamodules.curation.gallery import SHEET, write_sheet
    from datamodules.curation.manifest import MANIFEST, write_manifest
    from datamodules.curation.reasons import judge
    from datamodules.curation.survey import drop_parts, survey

    measured = survey(root, out, jobs)
    judgement = judge(measured.table, thresholds)
    names = measured.table.column("path").to_pylist()
    kept = judgement.kept
    write_manifest(
        out / MANIFEST,
        measured.table,
        kept.tolist(),
        judgement.reasons(),
        [names[row] if row >= 0 else None for row in judgement.duplicate_of.tolist()],
        thresholds.as_dict(),
    )
    drop_parts(out)
    if options.examples:
        write_sheet(out / SHEET, root, measured.table, judgement, thresholds.as_dict(), options.examples)

    reused = f" ({measured.reused:,} of them were measured before)" if measured.reused else ""
    print(f"pictures    {len(names):,}{reused}")
    print(f"kept        {int(kept.sum()):,}")
    for reason, holds in judgement.holds.items():
        if holds.any():
            print(f"  {reason:15} {int(holds.sum()):>9,}")
    print(f"manifest    {out / MANIFEST}")
    if options.examples:
        print(f"look at     {out / SHEET}")
    print(f"try next    linecolor-train data=folder data.root={root} data.manifest={out / MANIFEST}")
