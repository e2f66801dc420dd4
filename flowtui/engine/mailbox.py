"""One thread that owns some state, and a mailbox through which all others have it act.

No lock is needed around what the thread owns: everything that changes it happens there, one after
the other, and many messages that came together share one tick (and so one transaction).
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
        self._messages: deque[tuple[Callable[[], None], Future[Any] | None]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._taken: list[Future[Any]] = []

    def post(self, message: Callable[[], None], *, wake: bool = True) -> None:
        """Have the owner call `message`; passed over once the mailbox is closed.

        With `wake` false it is called when the owner looks for other reasons.
        """
        with self._changed:
            if not self._closed:
                self._messages.append((message, None))
                if wake:
                    self._changed.notify()

    def call(self, message: Callable[[], T], timeout: float | None = 60.0) -> T:
        """Have the owner call `message`; its result, or its exception, or MailboxClosed."""
        reply: Future[T] = Future()

        def deliver() -> None:
            try:
                reply.set_result(message())
            except BaseException as error:  # noqa: BLE001
                reply.set_exception(error)

        with self._changed:
            if self._closed:
                raise MailboxClosed
            self._messages.append((deliver, reply))
            self._changed.notify()
        return reply.result(timeout)

    def take(self, timeout: float | None) -> list[Callable[[], Any]]:
        """All messages that are there, after waiting at most `timeout` seconds for one."""
        with self._changed:
            if not self._messages and not self._closed:
                self._changed.wait(timeout)
            messages = [message for message, _ in self._messages]
            self._taken = [reply for _, reply in self._messages if reply is not None]
            self._messages.clear()
            return messages

    def close(self) -> None:
        """Take no message any more, refuse those that nobody has taken, and wake the owner."""
        with self._changed:
            self._closed = True
            left = [reply for _, reply in self._messages if reply is not None]
            self._messages.clear()
            self._changed.notify_all()
        for reply in left:
            reply.set_exception(MailboxClosed())

    def abandon(self) -> None:
        """Close it, and refuse what was taken and not answered: the owner's thread is at its end.

        Nobody must wait for a thread that is gone.
        """
        self.close()
        for reply in self._taken:
            if not reply.done():
                reply.set_exception(MailboxClosed())
