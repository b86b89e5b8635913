"""Hint layers of pages: found by name, whatever the case; those that belong to no page are told."""

import os
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from linecolor.images import SUFFIXES, list_folder
from linecolor.images.files import is_file, some_names
from linecolor.images.formats import TRANSPARENT

HINTS = ".hints"
"""NAME.hints.png is the hint layer next to NAME.png."""

_TRANSPARENT_SUFFIXES = tuple(suffix for row in TRANSPARENT for suffix in row.suffixes)


class HintFolders:
    """Files of folders by their names, whatever the case and however an umlaut is stored; each folder is read once."""

    def __init__(self) -> None:
        self._names: dict[Path, dict[str, list[str]]] = {}

    def find(self, folder: Path, name: str, page: Path) -> Path | None:
        """A page's file of this name, else one whose name differs in case alone and is no other page's."""
        names = self._listing(folder)
        # A folder that may not be listed may have files that are read all the same.
        alike = names.get(_folded(name), []) if names else [name]
        chosen = [entry for entry in alike if entry == name] or [
            entry for entry in alike if not self._is_of_another_page(entry, page)
        ]
        return next((folder / entry for entry in chosen if is_file(folder / entry)), None)

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._names:
            self._names[folder] = {}
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                for entry in sorted(os.listdir(folder)):  # noqa: PTH208
                    self._names[folder].setdefault(_folded(entry), []).append(entry)
        return self._names[folder]

    def _is_of_another_page(self, layer: str, page: Path) -> bool:
        stem = Path(layer).stem
        owner = stem[: -len(HINTS)] if _folded(stem).endswith(HINTS) else stem
        names = self._listing(page.parent)
        return owner != page.stem and any(
            f"{owner}{suffix}" in names.get(_folded(f"{owner}{suffix}"), []) for suffix in SUFFIXES
        )


def hints_of(page: Path, below: Path, hints: Path | None, single: bool, folders: HintFolders) -> Path | None:
    """The hint layer of a page, if there is one.

    Args:
        page: the page.
        below: its path below the folder it was found in.
        hints: the layer, or folder of layers, that was named; without one a layer lies next to its page.
        single: whether this is the only page.
        folders: what was read of the folders so far.

    Raises:
        FileNotFoundError: a folder was named for this one page, and has no layer of it.
    """
    if hints is not None and single and not hints.is_dir():
        return hints
    # Hints have the folders of their pages: two chapters may both have a page 1.
    folder = page.parent if hints is None else hints / below.parent
    for name in (f"{page.stem}{HINTS}", *([] if hints is None else [page.stem])):
        for suffix in _TRANSPARENT_SUFFIXES:
            path = folders.find(folder, f"{name}{suffix}", page)
            if path is not None and path != page:
                return path
    if hints is not None and single:
        raise FileNotFoundError(f"{folder}: no hint layer {page.stem}.png or {page.stem}{HINTS}.png here")
    return None


def unused_hints(layers: Sequence[Path], pages: Sequence[Path], hints: Path | None, used: set[Path]) -> list[str]:
    """One line for the hint layers that belong to no page, so that a wrong name is seen.

    Args:
        layers: those next to the pages.
        pages: the pages.
        hints: the folder of hint layers, or the one layer, that was named.
        used: the layers that belong to a page.
    """
    notes: list[str] = []
    if hints is not None and hints.is_dir():
        listing = list_folder(hints)
        if any(page.is_relative_to(hints) for page in pages):
            # The pages lie among them: what is a layer is told by its name alone.
            layers = [path for path in listing.images if ends_with(path, HINTS)]
        else:
            layers = listing.images
            notes = [f"{hints}: {line}" for line in listing.left_out()]
    unused = [path for path in dict.fromkeys(layers) if path not in used]
    flat = [path for path in unused if path.suffix.lower() not in _TRANSPARENT_SUFFIXES]
    rest = [path for path in unused if path not in flat]
    for paths, reason in ((rest, "for want of a page of that name"), (flat, "for want of transparency; save as PNG")):
        if paths:
            count = f"{len(paths):,} hint layer{'' if len(paths) == 1 else 's'}"
            notes.append(f"{count} not used, {reason}: {some_names(paths)}")
    return notes


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def ends_with(path: Path, ending: str) -> bool:
    """Whether a file's name has this ending before its suffix, in any case."""
    return path.stem.casefold().endswith(ending)
