"""Waits that end at their time, or before it, each once."""

from __future__ import annotations

from flowtui.engine.queue.sign_ins import SignIns
from flowtui.engine.queue.waits import Waits


def test_waits_end_in_the_order_of_their_times():
    waits = Waits()
    assert waits.next() is None
    for transfer_id, until in ((1, 30.0), (2, 10.0), (3, 20.0)):
        waits.add(transfer_id, until)
    assert waits.next() == 10.0
    assert waits.take_due(9.9) == []
    assert waits.take_due(20.0) == [2, 3]
    assert 2 not in waits
    assert 1 in waits
    assert waits.next() == 30.0


def test_a_wait_that_was_cut_short_is_never_due():
    waits = Waits()
    waits.add(1, 10.0)
    waits.cut_short(1)
    waits.cut_short(7)  # which did not wait
    assert 1 not in waits
    assert waits.next() is None
    assert waits.take_due(100.0) == []


def test_of_two_waits_of_one_transfer_the_later_one_counts():
    waits = Waits()
    waits.add(1, 10.0)
    waits.cut_short(1)
    waits.add(1, 50.0)
    assert waits.next() == 50.0
    assert waits.take_due(49.0) == []
    assert waits.take_due(50.0) == [1]
    assert waits.take_due(100.0) == []


def test_a_sign_in_lets_go_what_was_held_for_its_server_alone():
    sign_ins = SignIns()
    for server in ("a", "b"):
        sign_ins.need(server)
    sign_ins.hold("a", 1)
    sign_ins.hold("b", 2)
    sign_ins.hold("a", 3)
    assert sign_ins.signed_in("a") == [1, 3]
    assert sign_ins.needed == {"b"}
    assert (sign_ins.count("a"), sign_ins.count("b")) == (1, 0)
    assert sign_ins.signed_in("a") == []
