"""What can be wrong with shards, in words."""

from __future__ import annotations


class ChangedFile(ValueError):
    """A file is not the one that its index describes; the message names it and says what to do."""


def changed(place: str, found: int, expected: int) -> ChangedFile:
    """The error for a file whose length its index does not know."""
    return ChangedFile(
        f"{place}: has {found:,} bytes, its index says {expected:,}: it was changed or copied in part; "
        "copy the shards and their index again, together"
    )


def too_large(place: str, most: int) -> ValueError:
    """The error for a small file that is none."""
    return ValueError(f"{place}: has more than {most:,} bytes; it is no index of linecolor's")
