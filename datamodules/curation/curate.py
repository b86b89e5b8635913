"""A whole curation: measure every picture, judge, write the manifest and the sheet."""

from dataclasses import asdict, dataclass
from pathlib import Path

from datamodules.curation.gallery import SHEET, write_sheet
from datamodules.curation.manifest import MANIFEST, write_manifest
from datamodules.curation.reasons import judge
from datamodules.curation.survey import drop_parts, survey
from datamodules.curation.thresholds import Thresholds


@dataclass(frozen=True)
class Curation:
    """What came out."""

    pictures: int  # files of the folder
    reused: int  # of these, measured before
    kept: int  # fit to learn from
    left_out: dict[str, int]  # pictures by the reason for which they are left out, without reasons that hold for none
    manifest: Path
    sheet: Path | None  # the page with examples; None if none was written


def curate(root: Path, out: Path, thresholds: Thresholds, jobs: int, examples: int) -> Curation:
    """Measure what lies in `root`, which is only read, in so many processes; judge; write manifest and sheet to `out`.

    The sheet shows `examples` pictures of each kind; 0 writes none.
    """
    measured, reused = survey(root, out, jobs)
    judgement, limits = judge(measured, thresholds), asdict(thresholds)
    manifest, sheet = out / MANIFEST, out / SHEET if examples else None
    write_manifest(manifest, measured, judgement, limits)
    drop_parts(out)
    if sheet:
        write_sheet(sheet, root, measured, judgement, limits, examples)
    left_out = {reason: int(holds.sum()) for reason, holds in judgement.holds.items() if holds.any()}
    return Curation(len(measured), reused, int(judgement.kept.sum()), left_out, manifest, sheet)
