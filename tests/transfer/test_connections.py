"""How many connections a file gets, against links that are made up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.timings import Timings
from flowtui.transfer.fetch.concurrency import AT_MOST, CROWDED, STEP, ConnectionControl, RateSample

Link = Callable[[int], float]
"""Bytes a second of so many connections together."""


class Simulation:
    """A file on a link, looked at twenty times a second."""

    def __init__(
        self,
        link: Link,
        most: int = 0,
        others: float = 0.0,
        round_trip: float = 0.08,
        answered_in: float = 0.0,
    ):
        self.answered_in = answered_in
        self.control = ConnectionControl(most, Timings().measure)
        self.link = link
        self.others = others
        self.round_trip = round_trip
        self.now = 0.0
        self.own = 0
        self.all = 0
        self.asked: list[float] = [0.0]
        self.counts: list[int] = []
        self.held_up = False
        self.hashing = float("inf")

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 0.05
            answered = sum(1 for when in self.asked if self.now - when >= 2 * self.round_trip)
            came = int(self.link(answered) * 0.05) if answered else 0
            self.own += came
            self.all += came + int(self.others * 0.05)
            wanted = self.control.look(
                RateSample(
                    self.now,
                    self.own,
                    self.all,
                    answered,
                    len(self.asked),
                    self.held_up,
                    self.hashing,
                    self.answered_in,
                )
            )
            self.asked = self.asked[:wanted] + [self.now] * (wanted - len(self.asked))
            self.counts.append(wanted)


def test_a_link_that_gives_each_connection_its_rate_has_sixteen_soon():
    made = Simulation(lambda n: n * 8e6)
    made.run(1.2)
    assert made.control.wanted == AT_MOST
    made.run(20)
    assert made.control.wanted == AT_MOST


def test_a_link_that_one_connection_fills_keeps_one_most_of_the_time():
    made = Simulation(lambda n: 50e6)
    made.run(60)
    assert made.control.wanted == 1
    assert sum(1 for n in made.counts if n > 1) / len(made.counts) < 0.1


def test_a_far_server_is_asked_for_more_as_soon_as_it_answers():
    made = Simulation(lambda n: n * 8e6, answered_in=0.16)
    made.run(0.25)
    assert made.counts.count(1) <= 4
    assert made.control.wanted == STEP
    made.run(1.0)
    assert made.control.wanted == AT_MOST


def test_a_far_link_that_one_connection_fills_keeps_one_most_of_the_time():
    made = Simulation(lambda n: 50e6, answered_in=0.16)
    made.run(60)
    assert made.control.wanted == 1
    assert sum(1 for n in made.counts if n > 1) / len(made.counts) < 0.1


def test_a_far_servers_setting_is_a_limit():
    made = Simulation(lambda n: n * 8e6, most=1, answered_in=0.16)
    made.run(5)
    assert made.control.wanted == 1


def test_bytes_that_wait_for_this_machine_are_no_reason_for_more_connections():
    made = Simulation(lambda n: n * 8e6)
    made.held_up = True
    made.run(10)
    assert made.control.wanted == 1


def test_a_rate_that_hashing_cannot_follow_is_enough():
    made = Simulation(lambda n: n * 500e6)
    made.hashing = 600e6
    made.run(10)
    assert made.control.wanted == 1


def test_more_connections_come_when_the_link_changes():
    rate = [50e6]
    made = Simulation(lambda n: min(rate[0], n * 50e6))
    made.run(5)
    assert made.control.wanted == 1
    rate[0] = 1e9
    made.run(30)
    assert made.control.wanted > 1


def test_what_is_only_taken_from_other_files_is_given_back():
    """A full link: what this file gains the others lose."""
    made = Simulation(lambda n: 50e6 * n / (n + 3))
    full = 50e6

    real = made.link
    made.others = 0.0

    def run(seconds: float) -> None:
        until = made.now + seconds
        while made.now < until:
            answered = sum(1 for when in made.asked if made.now - when >= 0.16)
            made.others = full - (real(answered) if answered else 0.0)
            made.run(0.05)

    run(60)
    assert made.control.wanted == 1


def test_a_crowded_server_gets_half_as_many_and_no_more_for_a_while():
    made = Simulation(lambda n: n * 8e6)
    made.run(2)
    assert made.control.crowded(made.now) == 8
    assert made.control.crowded(made.now) == 8  # of the same moment: told once
    made.run(CROWDED - 1)
    assert made.control.wanted == 8
    made.run(3)
    assert made.control.wanted == AT_MOST


@pytest.mark.parametrize("most", [1, 3, 16])
def test_the_setting_is_a_limit(most: int):
    made = Simulation(lambda n: n * 8e6, most=most)
    made.run(5)
    assert made.control.wanted == most
    assert max(made.counts) <= most


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(0, 16),
    answered_in=st.sampled_from([0.0, 0.2]),
    rates=st.lists(st.floats(0, 1e9), min_size=17, max_size=17),
    crowded=st.sets(st.integers(0, 200), max_size=10),
)
def test_whatever_the_link_does_the_number_stays_within_its_bounds(
    most: int, answered_in: float, rates: list[float], crowded: set[int]
):
    made = Simulation(lambda n: rates[n], most=most, answered_in=answered_in)
    for step in range(200):
        made.run(0.05)
        if step in crowded:
            before = made.control.wanted
            assert made.control.crowded(made.now) <= before
    assert all(1 <= n <= (most or AT_MOST) for n in made.counts)
