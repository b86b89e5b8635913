"""Drawings on disk: a prepared data set with its manifest, or anybody's folder of illustrations."""

import hashlib
import json
import logging
import os
import shlex
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from datamodules.sources.data_set import MANIFEST, UNFINISHED, picture_paths, read_manifest
from datamodules.sources.drawing import Drawing, read_pair, split_of
from linecolor.images import (
    MAX_PIXELS,
    SUFFIXES,
    PictureSource,
    UnreadableImage,
    check_image,
    find_images,
    image_size,
    list_folder,
)

log = logging.getLogger("linecolor")

# A decoded page of MAX_PIXELS takes 0.7-0.9 GB; more threads than this would not fit next to a training.
_MAX_THREADS = 4


class NoPictures(ValueError):
    """A folder that is missing or holds no usable picture; the message says what to do."""


@dataclass(frozen=True)
class FolderScan:
    """What a folder holds."""

    drawings: Sequence[Drawing]  # the usable ones, sorted by id
    skipped: list[UnreadableImage]  # one error for each unusable picture, sorted by path

    @cached_property
    def fingerprint(self) -> str:
        """Which drawings these are and which of them have real lines, in which split; not where they lie."""
        named = sorted(f"{drawing.id} {drawing.split} {drawing.line is not None}" for drawing in self.drawings)
        return f"{len(named)} drawings, {hashlib.sha256(json.dumps(named).encode()).hexdigest()[:16]}"


def scan_folder(
    root: str | Path,
    lines: str | Path | None = None,
    test_share: float = 0.05,
    verify: str = "decode",
    max_pixels: int = MAX_PIXELS,
    progress: bool = True,
    manifest: Path | None = None,
) -> FolderScan:
    """Find the drawings of a folder; what cannot be used is named on the "linecolor" logger and skipped.

    A prepared data set (it has a manifest.json) brings its own split, lines, bases and, where it has them, true
    backgrounds. In any other folder all pictures below it are colour pictures, and the split follows from a
    hash of each one's id, so that adding or removing a picture never moves another. Two files that differ in their
    suffix only share a base, hence a split, and keep the suffix in their ids.

    Args:
        root: the folder; searched with all folders below it.
        lines: a folder of line art with the same relative paths (any suffix) and sizes; pictures without a
            line file there get none. Its files are no colour pictures, should it lie below root.
        test_share: this share of all ids goes to "test"; not used for a prepared data set.
        verify: "decode" reads every file whole, once; "header" its size only, so that a truncated file is
            found when it is used.
        max_pixels: larger pictures are skipped, from their header.
        progress: show a progress bar on a terminal.
        manifest: of `linecolor-data curate`: only the pictures that it keeps are drawings; those it does not know
            are counted on the logger and left out.

    Raises:
        NoPictures: no such folder, no usable picture in it, or a data set whose rendering did not finish.
        ManifestRefused: a manifest that is damaged, or does not fit the folder.
        ValueError: a bad test_share or verify.
        RenderingRefused: a damaged manifest.
    """
    root, lines = Path(root).expanduser(), None if lines is None else Path(lines).expanduser()
    if not 0 <= test_share <= 1:
        raise ValueError(f"test_share {test_share} must be between 0 and 1")
    if verify not in ("decode", "header"):
        raise ValueError(f'verify {verify!r} must be "decode" or "header"')
    prepare = shlex.join(["linecolor-data", "prepare", "openmoji", "--out", str(root)])
    cure = f"pass a folder of illustrations, or make one: {prepare}"
    if not root.is_dir():
        raise NoPictures(f"{root}: no such folder; {cure}")
    if (root / MANIFEST).is_file():
        found = _prepared_drawings(root)
    elif (root / UNFINISHED).is_file():
        raise NoPictures(f"{root}: its rendering was interrupted; run linecolor-data prepare again to finish it")
    else:
        found = list(_loose_drawings(root, lines, test_share))
    if not found:
        raise NoPictures(f"{root}: holds no picture ({' '.join(SUFFIXES)}); {cure}")
    if manifest is not None:
        found = _kept_drawings(found, root, lines, manifest)

    measure = partial(check_image if verify == "decode" else image_size, max_pixels=max_pixels)
    drawings: list[Drawing] = []
    skipped: list[UnreadableImage] = []
    for drawing in _measured(found, measure, progress):
        if isinstance(drawing, UnreadableImage):
            log.warning("skipped %s", drawing)
            skipped.append(drawing)
        else:
            drawings.append(drawing)
    if skipped:
        log.warning("%d of %d pictures skipped", len(skipped), len(found))
    if not drawings:
        raise NoPictures(f"{root}: none of its {len(found)} pictures can be used; the first: {skipped[0]}")
    return FolderScan(drawings, skipped)


def read_licence(root: str | Path) -> dict[str, Any] | None:
    """The licence of a prepared data set: name, url, attribution, and its source; None for other folders.

    Raises:
        RenderingRefused: a damaged manifest.
    """
    path = Path(root).expanduser() / MANIFEST
    if not path.is_file():
        return None
    manifest = read_manifest(path)
    licence = manifest.get("licence")
    if not isinstance(licence, dict):
        return None
    fields = {key: str(licence.get(key, "")) for key in ("name", "url", "attribution")}
    return fields | {"source": f"{manifest.get('source')} {manifest.get('source_version')}"}


def _prepared_drawings(root: Path) -> list[Drawing]:
    drawings = []
    for row in read_manifest(root / MANIFEST)["drawings"]:
        color, line, background = picture_paths(root, row["split"], row["id"])
        known = background if background.is_file() else None
        drawings.append(Drawing(row["id"], color, line, row["split"], row["base"], known))
    return sorted(drawings, key=lambda drawing: drawing.id)


def _loose_drawings(root: Path, lines: Path | None, test_share: float) -> Iterator[Drawing]:
    if lines is not None and not lines.is_dir():
        raise NoPictures(f"{lines}: no such folder of line art; leave data.lines out to extract lines instead")
    line_files: dict[str, Path] = {}
    listing = list_folder(root)
    for line in listing.left_out():
        log.warning("%s: %s", root, line)
    colors = listing.images
    if lines is not None:
        for path in find_images(lines):
            line_files.setdefault(_stem(path, lines), path)
        inside = lines.resolve()
        colors = [path for path in colors if not path.resolve().is_relative_to(inside)]
    stems = [_stem(path, root) for path in colors]
    copies = Counter(stems)
    named = [(stem if copies[stem] == 1 else stem + path.suffix, stem, path) for stem, path in zip(stems, colors)]
    for name, stem, path in sorted(named):
        yield Drawing(name, path, line_files.get(stem), split_of(stem, test_share), stem)


def _kept_drawings(found: list[Drawing], root: Path, lines: Path | None, manifest: Path) -> list[Drawing]:
    """The drawings that a manifest keeps, once it is known to be of this folder as it is now."""
    from datamodules.curation.manifest import ManifestRefused, read_judged, row_name

    if (root / MANIFEST).is_file():
        raise ManifestRefused(
            f"{manifest}: {root} is a prepared data set and needs no curation; leave data.manifest out"
        )
    rows = read_judged(manifest)
    files = {row_name(Path(str(drawing.color)), root): drawing for drawing in found}
    kept = {name: size for name, (size, keep) in rows.items() if keep}
    if lines is not None and lines.resolve().is_relative_to(root.resolve()):
        # The line art below root was curated with the rest, and is none of the colour pictures.
        below = row_name(lines.resolve(), root.resolve()) + "/"
        kept = {name: size for name, size in kept.items() if not name.startswith(below)}
    again = f"run linecolor-data curate {shlex.quote(str(root))} again, or point data.root at the folder it was run on"
    if missing := sorted(kept.keys() - files.keys()):
        raise ManifestRefused(
            f"{manifest} does not fit {root}: {len(missing):,} of the {len(kept):,} pictures it keeps are not there, "
            f"the first is {missing[0]}; {again}"
        )
    for name, size in kept.items():
        if (now := Path(str(files[name].color)).stat().st_size) != size:
            raise ManifestRefused(
                f"{manifest} does not fit {root}: {name} has {now:,} bytes and had {size:,} when measured; {again}"
            )
    if not kept:
        raise ManifestRefused(
            f"{manifest} keeps none of its {len(rows):,} pictures; look at its sheet, and loosen limits"
        )
    if unknown := len(files.keys() - rows.keys()):
        log.warning(
            "%d pictures of %s are not in %s and left out; run linecolor-data curate again", unknown, root, manifest
        )
    return [drawing for name, drawing in files.items() if name in kept]


def _stem(path: Path, root: Path) -> str:
    """Posix path below root without suffix; NFC: some systems store an umlaut as two letters."""
    return unicodedata.normalize("NFC", path.relative_to(root).with_suffix("").as_posix())


def _measured(
    found: Sequence[Drawing], measure: Callable[[PictureSource], tuple[int, int]], progress: bool
) -> list[Drawing | UnreadableImage]:
    """Check every drawing's files in threads (decoders release Python's lock), in order."""
    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1)) as pool:
        try:
            checked = pool.map(partial(_checked, measure=measure), found)
            quiet = None if progress else True
            results = list(tqdm(checked, "checking pictures", len(found), unit="picture", disable=quiet))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for _, complaint in results:
        if complaint:
            log.warning(complaint)
    return [drawing for drawing, _ in results]


def _checked(
    drawing: Drawing, measure: Callable[[PictureSource], tuple[int, int]]
) -> tuple[Drawing | UnreadableImage, str]:
    """The drawing, without its line if that cannot be used, and a complaint; or what is wrong with it."""
    try:
        *_, complaint = read_pair(drawing, lambda path: (path, measure(path)))
    except UnreadableImage as error:
        return error, ""
    return (replace(drawing, line=None) if complaint else drawing), complaint
