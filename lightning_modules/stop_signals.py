"""Signals to stop: Ctrl-C, SIGTERM, SIGUSR1 (SLURM), honoured between two optimizer steps."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

log = logging.getLogger("linecolor")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""SIGUSR2 is what submitit sends; it is honoured only where something already listens to it."""


class StageStopped(Exception):
    """A signal ended the stage after an optimizer step; its checkpoint is written."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class StopSignals:
    """Notes that a signal came; training checks between its steps.

    A launcher's own handlers (submitit's, which puts the job back into the queue) are found here when the object is
    made and get the signal after the checkpoint is written: `hand_on`.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen for as long as this lasts, and put back what was there before; outside the main thread do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self.watch()
        try:
            yield
        finally:
            for number, handler in self._before.items():
                if handler is not None:
                    signal.signal(number, handler)

    def watch(self) -> None:
        """Listen from now on, alone: Lightning's `fit` and `validate` install a handler for SIGTERM of their own."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if number != signal.SIGUSR2 or self._launchers(number):
                    signal.signal(number, self._note)

    def hand_on(self) -> None:
        """Give the signal to the launcher's handler, if there is one, and forget it: it may want training to go on.

        Raises:
            StageStopped: if there is no such handler.
        """
        assert self.received is not None
        signum, self.received = self.received, None
        launchers = self._launchers(signum)
        if launchers is None:
            raise StageStopped(signum)
        launchers(signum, None)
        log.warning("%s was left to the launcher, which lets training go on", signal.Signals(signum).name)

    def _launchers(self, signum: int) -> Callable[[int, FrameType | None], Any] | None:
        before = self._before[signum]
        return before if callable(before) and before is not signal.default_int_handler else None

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.received == signum == signal.SIGINT:
            raise KeyboardInterrupt
        self.received = signum
        again = "; Ctrl-C again stops at once" if signum == signal.SIGINT else ""
        log.warning("%s: stopping after this step, with a checkpoint%s", signal.Signals(signum).name, again)
