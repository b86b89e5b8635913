"""What a diagnosis says: findings, each with a mark and, where something is wrong, the cure."""

from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "note", "problem"]
"""`ok`; `note`: good to know, or missing and not needed by everybody; `problem`: something will not work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        area: what it belongs to: packages, weights, machine, extras.
        subject: what was checked.
        mark: how it is.
        said: the result, with figures.
        cure: a command or a setting; empty where nothing is to be done.
    """

    area: str
    subject: str
    mark: Mark
    said: str
    cure: str = ""
