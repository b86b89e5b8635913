"""A full disk, under whatever error a library makes of it."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

_MEANING = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_TEXTS = {os.strerror(number): number for number in _MEANING}


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let a library write a file; a full disk is an OSError with the name of the file, whatever the library raises."""
    try:
        yield
    except Exception as error:
        full = lack_of_room(error)
        if full is None:
            raise
        raise OSError(full.errno, full.strerror, str(path)) from error


def lack_of_room(error: BaseException) -> OSError | None:
    """The full disk or used-up quota that is the reason of an error; with a file's name, if one is known.

    torch raises a RuntimeError over it, a loader's process or a library of another language sends its text alone.
    """
    found, texts, chain, seen = [], [], [error], {id(error)}
    while chain:
        one = chain.pop()
        if isinstance(one, OSError) and one.errno in _MEANING:
            found.append(one)
        else:
            lines = (
                (line, number) for line in str(one).splitlines() for text, number in _TEXTS.items() if text in line
            )
            texts += [OSError(number, line.strip()) for line, number in lines]
        for further in (one.__cause__, one.__context__):
            if further is not None and id(further) not in seen:
                seen.add(id(further))
                chain.append(further)
    named = [one for one in found if one.filename is not None]
    return next(iter([*named, *found, *texts]), None)


def in_words(full: OSError) -> str:
    """What to say to a user about a `lack_of_room`."""
    assert full.errno is not None
    meaning = _MEANING[full.errno]
    known = full.strerror in _TEXTS or full.strerror is None
    where = f"{full.filename}: {meaning}" if full.filename is not None else meaning
    return f"{where}{'' if known else f' ({full.strerror})'}; make room and start the same command again"
