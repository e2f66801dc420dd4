"""One thread acts for all: in order, with answers, and nobody waits for one that has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from flowtui.engine.mailbox import Mailbox, MailboxClosed
from support.waiting import GUARD, until


class Owner:
    """A thread that calls the messages of a mailbox until it is closed."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.ended = False
        self.thread = threading.Thread(target=self._live)
        self.thread.start()

    def _live(self) -> None:
        while not self.ended:
            for message in self.mailbox.take(5.0):
                message()

    def end(self) -> None:
        self.ended = True
        self.mailbox.close()


@pytest.fixture
def owner() -> Iterator[Owner]:
    one = Owner()
    yield one
    one.end()
    one.thread.join(GUARD)
    assert not one.thread.is_alive()


def test_the_owner_does_it_and_gives_the_result(owner: Owner):
    assert owner.mailbox.call(threading.get_ident) == owner.thread.ident


def test_an_error_goes_to_the_one_who_asked(owner: Owner):
    with pytest.raises(ZeroDivisionError):
        owner.mailbox.call(lambda: 1 // 0)
    assert owner.mailbox.call(lambda: 5) == 5


def test_letters_are_read_in_the_order_in_which_they_came(owner: Owner):
    read: list[tuple[int, int]] = []

    def write(me: int) -> None:
        for n in range(200):
            owner.mailbox.post(lambda n=n: read.append((me, n)))

    threads = [threading.Thread(target=write, args=(me,)) for me in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    owner.mailbox.call(lambda: None)
    assert len(read) == 800
    for me in range(4):
        assert [n for who, n in read if who == me] == list(range(200))


def test_many_letters_share_one_turn():
    mailbox = Mailbox()
    for n in range(5):
        mailbox.post(lambda n=n: n)
    assert [message() for message in mailbox.take(0)] == [0, 1, 2, 3, 4]
    assert mailbox.take(0) == []


def test_a_closed_mailbox_refuses_and_wakes_its_owner():
    mailbox = Mailbox()
    waiting = threading.Thread(target=mailbox.take, args=(None,))
    waiting.start()
    until(lambda: mailbox._changed._waiters)
    mailbox.close()
    waiting.join(GUARD)
    assert not waiting.is_alive()
    with pytest.raises(MailboxClosed):
        mailbox.call(lambda: 1)
    mailbox.post(lambda: None)
    assert mailbox.take(0) == []


def test_who_still_waits_when_it_is_closed_is_told_at_once():
    """Nobody waits a minute for an engine that has ended."""
    mailbox = Mailbox()
    outcome: list[BaseException] = []

    def ask() -> None:
        try:
            mailbox.call(lambda: 1, timeout=2 * GUARD)
        except (MailboxClosed, TimeoutError) as error:
            outcome.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: mailbox._messages)  # and nobody reads it
    mailbox.close()
    asking.join(GUARD)
    assert not asking.is_alive()
    assert [type(one) for one in outcome] == [MailboxClosed]
