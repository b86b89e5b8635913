"""Picture files on disk: finding them in folders, and writing them whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from linecolor.images.formats import SUFFIXES


def find_images(root: str | Path) -> list[Path]:
    """Every picture file below a folder, sorted by path; chosen by suffix, in any case.

    Hidden files and folders are skipped. Links to folders are followed, each real folder once, so that a loop
    of links ends.

    Raises:
        NotADirectoryError: root is missing or no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder")
    seen = {os.path.realpath(root)}
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root, followlinks=True):
        kept = []
        for name in sorted(subfolders):
            real = os.path.realpath(Path(folder) / name)
            if not name.startswith(".") and real not in seen:
                seen.add(real)
                kept.append(name)
        subfolders[:] = kept
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES and path.is_file():
                found.append(path)
    return sorted(found)


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
