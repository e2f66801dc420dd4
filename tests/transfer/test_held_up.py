"""Whether bytes wait for this machine, or it for them: what decides on more connections."""

from __future__ import annotations

import pytest

from flowtui.transfer.fetch.connection import Connection, are_held_up


def after(*samples: tuple[float, float]) -> Connection:
    """A connection that worked for so many seconds, of which it waited so many."""
    connection = Connection(answered=True)
    for seconds, waited in samples:
        connection.measure(seconds, waited)
    return connection


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([], False),
        ([(0.01, 0.01)], False),  # all of the time was spent waiting for the network
        ([(0.01, 0.0)], True),  # none was: the disk, the processor or a rate limit holds up
        ([(0.01, 0.009)] * 5, False),
        ([(0.01, 0.001)] * 5, True),
        ([(1.0, 1.0), (0.001, 0.0)], False),  # a moment does not count for as much as a second
        ([(0.001, 0.0), (1.0, 1.0)], False),
        ([(0.0, 0.0)], False),
        ([(0.01, 0.02)], False),
    ],
)
def test_the_share_of_the_time_that_was_not_spent_waiting(
    samples: list[tuple[float, float]], expected: bool
) -> None:
    assert are_held_up([after(*samples)]) is expected


def test_it_is_asked_of_those_that_bring_bytes() -> None:
    silent = Connection()
    assert are_held_up([after((0.1, 0.0)), silent]) is True
    assert are_held_up([after((0.1, 0.0)), after((0.1, 0.1)), after((0.1, 0.1))]) is False
    assert are_held_up([silent]) is False
