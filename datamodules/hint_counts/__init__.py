"""How many hints a training sample gets: one file a distribution, chosen by its name in `pairs.hints.count`.

A file NAME.py has a function

    draw(random, stage, empty, least, most) -> int

which gives the hints of a sample, 0 for none; `empty` says that the sample is one of those without (`no_hint_prob`).
It must draw the same numbers from `random` either way, for the places of the hints come from the same stream. What is
not 0 is cut to [least, most] afterwards.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from numpy.random import Generator

HintCount = Callable[[Generator, str, bool, int, int], int]


@cache
def hint_count(name: str) -> HintCount:
    """The distribution of this name.

    Raises:
        ValueError: for a name that is none of the files here.
    """
    names = sorted(module.name for module in iter_modules(__path__))
    if name not in names:
        raise ValueError(f"pairs.hints.count is {', '.join(names[:-1])} or {names[-1]}, not {name!r}")
    draw: HintCount = import_module(f"{__name__}.{name}").draw
    return draw
