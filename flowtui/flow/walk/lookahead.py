"""Calls made side by side, whose results come in the order in which they were asked for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any, TypeVar

A = TypeVar("A")
T = TypeVar("T")

WIDTH = 8
"""Calls under way at once, at most."""

WINDOW = 3 * WIDTH
"""Calls that are under way or done and not taken yet: so much is kept of what comes, at most."""


@dataclass
class _Call:
    """A call that somebody will want the result of."""

    work: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.work()
        except BaseException as error:  # noqa: BLE001
            self.error = error  # raised where the result is taken
        finally:
            self.done.set()

    def cancel(self) -> None:
        self.error = CancelledError("closed before its turn")
        self.done.set()

    def take(self) -> Any:
        self.done.wait()
        if self.error is not None:
            raise self.error
        return self.result


class Lookahead:
    """A few threads that do what will be wanted next. Close it when nothing more is.

    The threads end with the process, whatever they wait for then.
    """

    def __init__(self, width: int = WIDTH, window: int = WINDOW) -> None:
        self._width = width
        self._window = window
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._threads = 0
        self._closed = False

    def map(self, function: Callable[[A], T], items: Iterable[A]) -> Iterator[T]:
        """What `function` gives for each item, in their order; as `map`, but ahead.

        An exception of `function` is raised at its item's turn, one of `items` at the end of what
        it gave. `items` is read by a thread of its own. A call of `function` must not wait for
        another one of the same Lookahead.
        """
        calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        room = threading.Semaphore(self._window)
        ended = threading.Event()

        def read() -> None:
            try:
                for item in items:
                    room.acquire()
                    if ended.is_set():
                        return
                    calls.put(self._submit(function, item))
            except BaseException as error:  # noqa: BLE001
                failed = _Call(lambda: None, error=error)
                failed.done.set()
                calls.put(failed)
            calls.put(None)

        threading.Thread(target=read, name="lookahead-items", daemon=True).start()
        try:
            while (call := calls.get()) is not None:
                result = call.take()
                room.release()
                yield result
        finally:
            ended.set()
            room.release()

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself.

        Who waits for a call that has not begun gets a CancelledError.
        """
        with self._starting:
            self._closed = True
            for _ in range(self._threads):
                self._calls.put(None)

    def _submit(self, function: Callable[[A], T], item: A) -> _Call:
        call = _Call(lambda: function(item))
        with self._starting:
            if self._closed:
                call.cancel()
                return call
            self._calls.put(call)
            if self._threads < self._width:
                self._threads += 1
                threading.Thread(target=self._work, name="lookahead", daemon=True).start()
        return call

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            if self._closed:
                call.cancel()
            else:
                call.run()
