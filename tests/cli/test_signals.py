"""A stop by signal is never lost."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from flowtui.cli import signals
from flowtui.cli.exit_codes import Interrupted
from flowtui.cli.signals import StopSignals
from support.waiting import GUARD


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_stops_what_goes_on(number: signal.Signals):
    with pytest.raises(Interrupted), StopSignals() as stop:
        os.kill(os.getpid(), number)
        threading.Event().wait(GUARD)
    assert stop.fired


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_signal_that_meets_a_destructor_stops_all_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(signals, "AGAIN", 0.05)

    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted), StopSignals() as stop:
        Dying()  # Python tells of what is raised here, and goes on
        assert stop.fired
        threading.Event().wait(GUARD)


def test_while_the_engine_works_nothing_is_raised():
    with StopSignals(raising=False) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.fired
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)  # nor will it be, later


def test_all_is_as_before_at_the_end():
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGALRM)}
    with pytest.raises(Interrupted), StopSignals():
        signal.raise_signal(signal.SIGINT)
    assert {one: signal.getsignal(one) for one in before} == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
