"""One thread that owns some state, and a mailbox through which all others have it act.

No lock is needed around what the thread owns: everything that changes it happens there, one after
the other, and many messages that came together share one turn (and so one transaction).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class MailboxClosed(Exception):
    """The thread has ended; nothing is done any more."""


class Mailbox:
    """Messages are functions; the owner's thread calls them in the order in which they came."""

    def __init__(self) -> None:
        self._letters: deque[tuple[Callable[[], None], Future[Any] | None]] = deque()
        self._news = threading.Condition()
        self._closed = False

    def post(self, message: Callable[[], None], *, wake: bool = True) -> None:
        """Have the owner call `message`; passed over once the mailbox is closed.

        With `wake` false it is called when the owner looks for other reasons.
        """
        with self._news:
            if not self._closed:
                self._letters.append((message, None))
                if wake:
                    self._news.notify()

    def call(self, message: Callable[[], T], timeout: float | None = 60.0) -> T:
        """Have the owner call `message`; its result, or its exception, or MailboxClosed."""
        answer: Future[T] = Future()

        def deliver() -> None:
            try:
                answer.set_result(message())
            except Exception as error:  # noqa: BLE001
                answer.set_exception(error)

        with self._news:
            if self._closed:
                raise MailboxClosed
            self._letters.append((deliver, answer))
            self._news.notify()
        return answer.result(timeout)

    def take(self, timeout: float | None) -> list[Callable[[], Any]]:
        """All messages that are there, after waiting at most `timeout` seconds for one."""
        with self._news:
            if not self._letters and not self._closed:
                self._news.wait(timeout)
            messages = [message for message, _ in self._letters]
            self._letters.clear()
            return messages

    def close(self) -> None:
        """Take no message any more, refuse those that nobody has taken, and wake the owner."""
        with self._news:
            self._closed = True
            left = [answer for _, answer in self._letters if answer is not None]
            self._letters.clear()
            self._news.notify_all()
        for answer in left:
            answer.set_exception(MailboxClosed())
