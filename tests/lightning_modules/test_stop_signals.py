"""Signals wait for the end of a step, and a launcher's own handler gets them after the checkpoint."""

import os
import signal

import pytest

from lightning_modules.stop_signals import SIGNALS, StageStopped, StopSignals


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def arrive(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_is_noted_and_raised_only_when_handed_on(number):
    signals = StopSignals()
    signals.watch()
    arrive(number)
    assert signals.received == number
    with pytest.raises(StageStopped, match=number.name) as stopped:
        signals.hand_on()
    assert stopped.value.signum == number


def test_a_second_ctrl_c_stops_at_once():
    signals = StopSignals()
    signals.watch()
    arrive(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        arrive(signal.SIGINT)


def test_a_launchers_handler_gets_the_signal_afterwards_and_may_let_training_go_on():
    received: list[int] = []
    signal.signal(signal.SIGUSR2, lambda number, frame: received.append(number))
    signals = StopSignals()
    signals.watch()
    arrive(signal.SIGUSR2)
    assert received == []
    signals.hand_on()
    assert received == [signal.SIGUSR2]
    assert signals.received is None


def test_a_launcher_that_puts_the_job_back_into_the_queue_ends_the_process():
    def requeue(number, frame):
        raise SystemExit(3)

    signal.signal(signal.SIGTERM, requeue)
    signals = StopSignals()
    signals.watch()
    arrive(signal.SIGTERM)
    with pytest.raises(SystemExit):
        signals.hand_on()


def test_what_nobody_listens_to_is_left_alone():
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    StopSignals().watch()
    assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL
