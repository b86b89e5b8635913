"""Moments at which a command gets a signal: just before a function is called for the nth time."""

import os
import pkgutil
from signal import Signals
from typing import Any


def signal_before(function: str, call: int, kind: Signals, about: str = "") -> None:
    """From now on, this process sends itself a signal when it comes to a call.

    Args:
        function: where it is found, such as "os.replace" or "torch.optim.Adam.step".
        call: which of its calls, from 1.
        kind: the signal.
        about: only calls with an argument that ends so are counted, such as the name of a file.
    """
    place, _, name = function.rpartition(".")
    owner = pkgutil.resolve_name(place)
    original = getattr(owner, name)
    calls = 0

    def replacement(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += any(str(argument).endswith(about) for argument in args) if about else 1
        if calls == call:
            calls += 1  # once is enough
            os.kill(os.getpid(), kind)
        return original(*args, **kwargs)

    setattr(owner, name, replacement)
