"""Which pages to colour, with which hints, and where the results go. NumPy and the standard library only."""

import argparse
import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linecolor.images import SUFFIXES, find_images
from linecolor.images.formats import TRANSPARENT

HINTS = ".hints"
COLORED = ".color"
"""NAME.hints.png is next to NAME.png; NAME.color.png is the result where -o names no other place."""


@dataclass(frozen=True)
class PageJob:
    """One page to colour.

    Attributes:
        page: the line art.
        hints: the painted hint layer, if there is one.
        out: the picture to write.
        seed: of colours that are sampled.
    """

    page: Path
    hints: Path | None
    out: Path
    seed: int = 0

    def layers(self, name: str | None) -> Path | None:
        """Where the layers go: nowhere, to the one file that was named, or next to the picture."""
        if name is None:
            return None
        return Path(name).expanduser() if name else self.out.with_suffix(".ora")


def plan(options: argparse.Namespace) -> list[PageJob]:
    """One job for each page that the command line names, or for each candidate of it, with seeds that count up.

    Args:
        options: of `linecolor-colorize`: pages, out, hint, hints, layers, force, seed and candidates.

    Raises:
        FileNotFoundError: a page, a pattern without a match, or a hint layer that is not there.
        ValueError: options that fit one page only, or two pages that would write one file; it says what to do.
    """
    out = None if options.out is None else Path(options.out).expanduser()
    sources = _find_pages(options.pages, out)
    single = len(sources) == 1 and not Path(options.pages[0]).expanduser().is_dir()
    is_folder = options.out is not None and options.out.endswith(("/", "\\"))
    if not single:
        _refuse_for_several(len(sources), out, is_folder, options)
    jobs = []
    for page, below in sources:
        layer = _hints_of(page, below, options.hints, single)
        target = _out_of(page, below, out, single and not is_folder)
        count = options.candidates
        targets = [target] if count == 1 else [_numbered(target, out is None, n) for n in range(1, count + 1)]
        jobs += [PageJob(page, layer, path, options.seed + number) for number, path in enumerate(targets)]
    layers = options.layers
    if layers and options.candidates > 1:
        raise ValueError(
            f"--layers {layers}: {options.candidates} candidates do not fit into one file; leave the name out"
        )
    if layers and Path(layers).suffix.lower() != ".ora":
        raise ValueError(f"--layers {layers}: layers are written as OpenRaster; name a file that ends with .ora")
    _refuse_collisions(jobs)
    if not options.force:
        _refuse_foreign_files(jobs, layers)
    return jobs


def _find_pages(pages: Sequence[str], out: Path | None) -> list[tuple[Path, Path]]:
    """The pages, each once, with their path below the folder they were found in; no hints, and no earlier results."""
    below: dict[Path, Path] = {}
    results = None if out is None else out.resolve()
    for name in pages:
        path = Path(name).expanduser()
        before = len(below)
        if path.is_dir():
            for page in find_images(path):
                in_results = results not in (None, path.resolve()) and page.resolve().is_relative_to(results)
                if not page.stem.endswith((HINTS, COLORED)) and not in_results:
                    below.setdefault(page, page.relative_to(path))
        elif path.exists() or not glob.has_magic(name):
            if len(pages) > 1 and path.stem.endswith((HINTS, COLORED)):
                continue  # a pattern that the shell has expanded
            # A file that is missing is reported when it is read, page by page.
            below.setdefault(path, Path(path.name))
        else:
            # Path.glob knows no absolute patterns.
            for page in map(Path, sorted(glob.glob(str(path), recursive=True))):  # noqa: PTH207
                if page.suffix.lower() in SUFFIXES and not page.stem.endswith((HINTS, COLORED)):
                    below.setdefault(page, Path(page.name))
        if len(below) == before and (path.is_dir() or glob.has_magic(name)):
            raise FileNotFoundError(f"{name}: no page here ({' '.join(SUFFIXES)})")
    return list(below.items())


def _refuse_for_several(count: int, out: Path | None, is_folder: bool, options: argparse.Namespace) -> None:
    hints, layers = options.hints, options.layers
    if out is not None and (out.is_file() or (out.suffix == ".png" and not is_folder)):
        raise ValueError(f"-o {out}: {count} pages do not fit into one file; name a folder")
    if hints is not None and not hints.is_dir():
        raise ValueError(f"--hints {hints}: {count} pages need a folder of hint layers, one NAME.png for each")
    if layers:
        raise ValueError(f"--layers {layers}: {count} pages do not fit into one file; give --layers without a name")
    if options.hint:
        raise ValueError("--hint places a hint on one page; paint NAME.hints.png for several")


def _hints_of(page: Path, below: Path, hints: Path | None, single: bool) -> Path | None:
    if hints is not None and single and not hints.is_dir():
        return hints
    # Hints have the folders of their pages: two chapters may both have a page 1.
    folder = page.parent if hints is None else hints / below.parent
    for name in (f"{page.stem}{HINTS}", *([] if hints is None else [page.stem])):
        for path in (folder / f"{name}{suffix}" for row in TRANSPARENT for suffix in row.suffixes):
            if path.is_file():
                return path
    if hints is not None and single:
        raise FileNotFoundError(f"{folder}: no hint layer {page.stem}.png or {page.stem}{HINTS}.png here")
    return None


def _out_of(page: Path, below: Path, out: Path | None, to_file: bool) -> Path:
    if out is None:
        return page.with_name(f"{page.stem}{COLORED}.png")
    if not to_file or out.is_dir():
        return out / below.with_suffix(".png")
    if out.suffix.lower() != ".png":
        raise ValueError(
            f"-o {out}: pictures are written as PNG; name a file that ends with .png, or a folder with a / at its end"
        )
    return out


def _numbered(target: Path, beside_page: bool, number: int) -> Path:
    """NAME.png -> NAME.1.png; next to a page NAME.1.color.png, whose ending marks it as a result."""
    if beside_page:
        return target.with_name(f"{target.stem.removesuffix(COLORED)}.{number}{COLORED}.png")
    return target.with_name(f"{target.stem}.{number}.png")


def _refuse_collisions(jobs: Sequence[PageJob]) -> None:
    """No drawing is overwritten, and no two pages write one file."""
    sources = {path.resolve(): path for job in jobs for path in (job.page, job.hints) if path}
    writers: dict[Path, Path] = {}
    for job in jobs:
        target = job.out.resolve()
        if target in sources:
            raise ValueError(f"{job.out} would be written over {sources[target]}; name another place with -o")
        if target in writers:
            raise ValueError(f"{job.page} and {writers[target]} would both be written to {job.out}; rename one of them")
        writers[target] = job.page


def _refuse_foreign_files(jobs: Sequence[PageJob], layers: str | None) -> None:
    """Results of an earlier run are replaced, other files are not."""
    from linecolor.images.metadata import is_signed
    from linecolor.rendering.openraster import is_own

    for job in jobs:
        for target, ours in ((job.out, is_signed), (job.layers(layers), is_own)):
            if target is not None and target.is_file() and not ours(target):
                raise ValueError(
                    f"{target} exists already, and was not made by linecolor; name another place, or replace it with "
                    "--force"
                )
