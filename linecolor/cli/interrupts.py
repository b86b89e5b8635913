"""Ctrl-C while a program still loads: a library that swallows the interrupt must not make it go unheard."""

import signal
from types import FrameType

_heard = False


def listen() -> None:
    """From now on, until `raise_if_heard`, Ctrl-C is remembered as well as raised."""
    signal.signal(signal.SIGINT, _note)


def raise_if_heard() -> None:
    """Raise an interrupt that came since `listen`, in case somebody caught it: a bare `except:` round an import does.

    Python's own handler is back afterwards: any other one is taken for a launcher's by those who train.

    Raises:
        KeyboardInterrupt: if there was one.
    """
    if signal.getsignal(signal.SIGINT) is _note:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if _heard:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _heard
    _heard = True
    raise KeyboardInterrupt
