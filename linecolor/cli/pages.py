"""Which pages to colour, with which hints, and where the results go. Without torch and OpenCV."""

import argparse
import errno
import glob
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from linecolor.cli.page_hints import HINTS, HintFolders, ends_with, hints_of, unused_hints
from linecolor.images import MAX_FILE_BYTES, SUFFIXES, PictureBytes, list_folder
from linecolor.images.files import FolderListing, is_file, some_names
from linecolor.images.metadata import is_signed

COLORED = ".color"
"""NAME.color.png is the result of NAME.png where -o names no other place."""

STREAM = "-"
"""As a page the standard input, as -o the standard output."""


@dataclass(frozen=True)
class PageJob:
    """One page to colour.

    Attributes:
        page: the line art; in memory where it came from the standard input.
        hints: the painted hint layer, if there is one.
        out: the picture to write, None for the standard output.
        seed: of colours that are sampled.
    """

    page: Path | PictureBytes
    hints: Path | None
    out: Path | None
    seed: int = 0

    def layers(self, name: str | None) -> Path | None:
        """Where the layers go: nowhere, to the one file that was named, or next to the picture."""
        if name is None:
            return None
        if name:
            return Path(name).expanduser()
        assert self.out is not None, "the plan refuses layers without a name next to a standard output"
        return self.out.with_suffix(".ora")

    def check_names(self, layers: str | None) -> None:
        """ValueError if the system allows no file of the results' names, before the page is coloured for nothing."""
        for target in filter(None, (self.out, self.layers(layers))):
            try:
                target.lstat()
            except OSError as error:
                if error.errno == errno.ENAMETOOLONG:
                    raise ValueError(
                        f"the name of its result would be too long, {len(os.fsencode(target.name))} bytes; rename the "
                        "page, or name a file or another folder with -o"
                    ) from None


@dataclass(frozen=True)
class Plan:
    """What a command line asks for.

    Attributes:
        jobs: one for each picture to make.
        notes: one line for each kind of files that were found and are not used.
    """

    jobs: list[PageJob]
    notes: list[str]


@dataclass
class _Found:
    """Pages, each once, with their path below the folder they were found in, and what else was there."""

    below: dict[Path, Path] = field(default_factory=dict)
    hint_layers: list[Path] = field(default_factory=list)
    own: dict[Path, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take(self, page: Path, below: Path) -> None:
        """Sort a file that was found, not named: a page, a hint layer, or a result of this program."""
        if ends_with(page, HINTS):
            self.hint_layers.append(page)
        elif ends_with(page, COLORED):
            return
        elif is_signed(page):
            self.own[page] = None
        else:
            self.below.setdefault(page, below)


def plan(options: argparse.Namespace) -> Plan:
    """One job for each page that the command line names, or for each candidate of it, with seeds that count up.

    Args:
        options: of `linecolor-colorize`: pages, out, hint, hints, layers, force, seed and candidates.

    Raises:
        FileNotFoundError: a page, a pattern without a match, or a hint layer that is not there.
        PermissionError: a folder of pages that may not be read.
        ValueError: options that fit one page only, or two pages that would write one file; it says what to do.
    """
    layers = options.layers
    if layers and Path(layers).suffix.lower() != ".ora":
        raise ValueError(f"--layers {layers}: layers are written as OpenRaster; name a file that ends with .ora")
    out = None if options.out in (None, STREAM) else Path(options.out).expanduser()
    found = _find_pages(options.pages, out, options.hints)
    sources = list(found.below.items())
    from_stream = STREAM in options.pages
    single = len(sources) + from_stream == 1 and not (sources and Path(options.pages[0]).expanduser().is_dir())
    is_folder = options.out is not None and options.out.endswith(("/", "\\"))
    to_stream = options.out == STREAM or (from_stream and options.out is None)
    if from_stream or to_stream:
        _refuse_for_streams(single, from_stream, out, is_folder, options)
    if not single:
        _refuse_for_several(len(sources), out, is_folder, options)
    if from_stream:
        page = PictureBytes("standard input", sys.stdin.buffer.read(MAX_FILE_BYTES + 1))
        stream_out = None if to_stream or out is None else _out_of(Path("page"), Path("page"), out, True)
        jobs = [PageJob(page, options.hints, stream_out, options.seed)]
    else:
        jobs = []
    folders = HintFolders()
    for path, below in sources:
        layer = hints_of(path, below, options.hints, single, folders)
        if to_stream:
            jobs.append(PageJob(path, layer, None, options.seed))
            continue
        target = _out_of(path, below, out, single and not is_folder)
        count = options.candidates
        targets = [target] if count == 1 else [_numbered(target, out is None, n) for n in range(1, count + 1)]
        jobs += [PageJob(path, layer, name, options.seed + number) for number, name in enumerate(targets)]
    if layers and options.candidates > 1:
        raise ValueError(
            f"--layers {layers}: {options.candidates} candidates do not fit into one file; leave the name out"
        )
    _refuse_collisions(jobs)
    if not options.force:
        _refuse_foreign_files(jobs, layers)
    notes = found.notes + unused_hints(
        found.hint_layers, list(found.below), options.hints, {job.hints for job in jobs if job.hints}
    )
    return Plan(jobs, notes)


def _find_pages(pages: Sequence[str], out: Path | None, hints: Path | None) -> _Found:
    """The files that are named, and of folders and patterns the pages: no hints, and no earlier results."""
    found = _Found()
    not_pages = [folder.resolve() for folder in (out, hints) if folder is not None]
    for name in pages:
        if name == STREAM:
            continue
        path = Path(name).expanduser()
        before, own = len(found.below), len(found.own)
        several = path.is_dir() or (glob.has_magic(name) and not path.exists())
        if path.is_dir():
            listing = list_folder(path)
            inside = [folder for folder in not_pages if folder != path.resolve()]
            for page in listing.images:
                if not _is_below(page, inside):
                    found.take(page, page.relative_to(path))
            found.notes += _left_out(path, listing, inside)
        elif several:
            # Path.glob knows no absolute patterns.
            matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
            files = [match for match in matches if is_file(match)]
            for page in files:
                if page.suffix.lower() in SUFFIXES:
                    found.take(page, Path(page.name))
            others = [match for match in files if match.suffix.lower() not in SUFFIXES]
            found.notes += _left_out(path, FolderListing([], others, []), [])
        elif len(pages) > 1:
            # Most likely a pattern that the shell has expanded. A file that is missing is reported when it is read.
            found.take(path, Path(path.name))
        else:
            found.below.setdefault(path, Path(path.name))
        if len(found.below) == before and several:
            only_own = ", only pictures that linecolor made" if len(found.own) > own else ""
            raise FileNotFoundError("; ".join([f"{name}: no page here ({' '.join(SUFFIXES)}){only_own}", *found.notes]))
    if found.own:
        count = f"{len(found.own):,} picture{'' if len(found.own) == 1 else 's'}"
        found.notes.append(f"{count} that linecolor made and left out: {some_names(list(found.own))}")
    if not found.below and STREAM not in pages:
        raise FileNotFoundError("; ".join(["no page among the files that are named", *found.notes]))
    return found


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.resolve().is_relative_to(folder) for folder in folders)


def _left_out(folder: Path, listing: FolderListing, inside: Sequence[Path]) -> list[str]:
    """What else lies there, without layers that this program wrote and without some folders inside."""
    from linecolor.rendering.openraster import is_own

    others = [
        path
        for path in listing.others
        if not _is_below(path, inside) and not (path.suffix.lower() == ".ora" and is_own(path))
    ]
    return [f"{folder}: {line}" for line in replace(listing, others=others).left_out()]


def _refuse_for_streams(
    single: bool, from_stream: bool, out: Path | None, is_folder: bool, options: argparse.Namespace
) -> None:
    if not single or options.pages.count(STREAM) > 1:
        raise ValueError("- stands for one page on the standard input or output; give one page")
    if from_stream and out is not None and (is_folder or out.is_dir()):
        raise ValueError(f"-o {out}: the standard input has no name; name a file")
    if from_stream and options.hints is not None and options.hints.is_dir():
        raise ValueError(f"--hints {options.hints}: the standard input has no name; name one hint layer")
    if out is None and options.candidates > 1:
        raise ValueError(f"--candidates {options.candidates}: the standard output takes one picture; name a file: -o")
    if out is None and options.layers == "":
        raise ValueError("--layers: the standard output has no name; name the file of the layers, too")


def _refuse_for_several(count: int, out: Path | None, is_folder: bool, options: argparse.Namespace) -> None:
    hints, layers = options.hints, options.layers
    if out is not None and (is_file(out) or (out.suffix == ".png" and not is_folder)):
        raise ValueError(f"-o {out}: {count} pages do not fit into one file; name a folder")
    if hints is not None and not hints.is_dir():
        raise ValueError(f"--hints {hints}: {count} pages need a folder of hint layers, one NAME.png for each")
    if layers:
        raise ValueError(f"--layers {layers}: {count} pages do not fit into one file; give --layers without a name")
    if options.hint:
        raise ValueError("--hint places a hint on one page; paint NAME.hints.png for several")


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
    sources = {path.resolve(): path for job in jobs for path in (job.page, job.hints) if isinstance(path, Path)}
    writers: dict[Path, Path | PictureBytes] = {}
    for job in jobs:
        if job.out is None:
            continue
        target = job.out.resolve()
        if target in sources:
            raise ValueError(f"{job.out} would be written over {sources[target]}; name another place with -o")
        if target in writers:
            raise ValueError(f"{job.page} and {writers[target]} would both be written to {job.out}; rename one of them")
        writers[target] = job.page


def _refuse_foreign_files(jobs: Sequence[PageJob], layers: str | None) -> None:
    """Results of an earlier run are replaced, other files are not."""
    from linecolor.rendering.openraster import is_own

    for job in jobs:
        for target, ours in ((job.out, is_signed), (job.layers(layers), is_own)):
            if target is not None and is_file(target) and not ours(target):
                raise ValueError(
                    f"{target} exists already, and was not made by linecolor; name another place, or replace it with "
                    "--force"
                )
