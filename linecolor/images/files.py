"""Picture files on disk: finding them in folders, and writing them whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from linecolor.images.formats import SUFFIXES
from linecolor.images.sources import printable

_NAMED = 3
"""So many files of a kind are named in one line; the others are counted."""


@dataclass(frozen=True)
class FolderListing:
    """What lies in a folder and all folders below it; hidden files and folders are not looked at.

    Attributes:
        images: every picture file, sorted by path; chosen by suffix, in any case.
        others: every other file, sorted by path.
        closed: folders that the system does not open, with its reason.
    """

    images: list[Path]
    others: list[Path]
    closed: list[tuple[Path, str]]

    def left_out(self) -> list[str]:
        """One line for the files that are no pictures to this program, and one for the folders that stay closed."""
        lines = []
        if self.others:
            verb = "file is of another kind" if len(self.others) == 1 else "files are of other kinds"
            lines.append(f"{len(self.others):,} {verb} and left out: {some_names(self.others)}")
        if self.closed:
            reasons = ", ".join(sorted({reason for _, reason in self.closed}))
            folders = "folder" if len(self.closed) == 1 else "folders"
            named = some_names([folder for folder, _ in self.closed])
            lines.append(f"{len(self.closed):,} {folders} cannot be opened ({reasons}): {named}")
        return lines


def list_folder(root: str | Path) -> FolderListing:
    """Every file below a folder. Links to folders are followed, each real folder once, so that a loop of links ends.

    Raises:
        NotADirectoryError: root is missing or no folder.
        PermissionError: root may not be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder")
    seen = {os.path.realpath(root)}
    images: list[Path] = []
    others: list[Path] = []
    closed: list[tuple[Path, str]] = []

    def note(error: OSError) -> None:
        if Path(error.filename) == root:
            raise error
        closed.append((Path(error.filename), error.strerror or type(error).__name__))

    for folder, subfolders, names in os.walk(root, onerror=note, followlinks=True):
        kept = []
        for name in sorted(subfolders):
            real = os.path.realpath(Path(folder) / name)
            if not name.startswith(".") and real not in seen:
                seen.add(real)
                kept.append(name)
        subfolders[:] = kept
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and is_file(path):
                (images if path.suffix.lower() in SUFFIXES else others).append(path)
    return FolderListing(sorted(images), sorted(others), sorted(closed))


def find_images(root: str | Path) -> list[Path]:
    """The pictures of `list_folder`.

    Raises:
        NotADirectoryError, PermissionError: as `list_folder`.
    """
    return list_folder(root).images


def some_names(paths: Sequence[Path]) -> str:
    """The names of the first few files, and how many more there are, on one line."""
    named = ", ".join(printable(path.name) for path in paths[:_NAMED])
    more = len(paths) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def is_file(path: Path) -> bool:
    """Whether there is such a file; False too for a name that the system does not allow, a very long one, say.

    Not `Path.is_file`, which raises for those.
    """
    return os.path.isfile(path)  # noqa: PTH113


def write_atomically(path: str | Path, data: bytes, durable: bool = False) -> None:
    """Write bytes in one step, through a hidden temporary file next to the target, making its folders.

    Args:
        path: the file.
        data: its content.
        durable: wait until it is on the disk; for what a power failure must not take.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        # Not tempfile: its files are readable by their owner only, and the mode would stay with the picture.
        with temporary.open("xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):  # of a folder that takes no file, or is none
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, error.strerror, str(path)) from error  # with the name the user knows
        raise
