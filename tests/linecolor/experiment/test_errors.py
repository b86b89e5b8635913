"""An interrupt that a library swallows is raised all the same."""

import contextlib
import signal

import pytest

from linecolor.experiment import errors


def test_a_swallowed_interrupt_is_raised_again(monkeypatch):
    monkeypatch.setattr(errors, "_interrupted", False)
    before = signal.getsignal(signal.SIGINT)
    try:
        errors.remember_interrupts()
        with contextlib.suppress(BaseException):  # as a bare `except:` round an optional import does
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            errors.raise_if_interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
