"""Since when a transfer waits for its disk: what tells a disk that hangs from a slow network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class _Waiting:
    """A call to the disk. A small file has dozens: a generator for each would take as long."""

    __slots__ = ("_began", "_clock", "_is_outer", "_me")

    def __init__(self, began: dict[int, float], clock: Callable[[], float]) -> None:
        self._began = began
        self._clock = clock

    def __enter__(self) -> None:
        self._me = threading.get_ident()
        self._is_outer = self._me not in self._began
        self._began[self._me] = self._clock()

    def __exit__(self, *_: object) -> None:
        if self._is_outer:
            del self._began[self._me]
        else:
            self._began[self._me] = self._clock()


class DiskCalls:
    """Which threads of one transfer wait for the disk now. Safe to use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[int, float] = {}

    def waiting(self) -> _Waiting:
        """While entered this thread waits for the disk; it may be entered once more within."""
        return _Waiting(self._began, self._clock)

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """While entered this thread waits for something else than the disk."""
        me = threading.get_ident()
        was_waiting = self._began.pop(me, None) is not None
        try:
            yield
        finally:
            if was_waiting:
                self._began[me] = self._clock()

    def checking(self, check: Callable[[], None]) -> Callable[[], None]:
        """`check`, as what takes long calls it now and then; the disk has answered by then."""

        def checked() -> None:
            check()
            me = threading.get_ident()
            if me in self._began:
                self._began[me] = self._clock()

        return checked

    @property
    def since(self) -> float | None:
        """When the call began that has waited longest, by the clock; None where none waits."""
        return min(self._began.copy().values(), default=None)
