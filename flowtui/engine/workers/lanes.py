"""What is asked of a folder: one thing after the other, beside what is asked of other folders.

A disk may hang for as long as its server is away. Then one thread for each kind of question to
each folder stands still, and nothing else; and it can be told since when.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class _Lane:
    """What waits for its turn, and when that began which has it (seconds of the lanes' clock)."""

    waiting: deque[Callable[[], None]] = field(default_factory=deque)
    since: float | None = None


class Lanes:
    """A lane for each kind of work and folder, with a thread while there is something in it."""

    def __init__(
        self,
        in_thread: Callable[[Callable[[], None]], None],
        on_mistake: Callable[[str, Exception], None] = lambda what, error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`in_thread` calls a function in a thread; `on_mistake` hears of what one raised that
        nobody waits for: what was done, and the exception.
        """
        self._in_thread = in_thread
        self._on_mistake = on_mistake
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[tuple[str, str], _Lane] = {}

    def do(self, kind: str, folder: str, work: Callable[[], T]) -> Future[T]:
        """Have `work` done after what is in this lane already; what comes of it.

        Raises RuntimeError where the system lets us have no thread at all.
        """
        answer: Future[T] = Future()
        self._put((kind, folder), lambda: _answer(answer, work))
        return answer

    def post(self, kind: str, folder: str, work: Callable[[], object]) -> None:
        """Have `work` done as `do` does, for nobody who waits for it. Raises RuntimeError as it."""

        def act() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001
                self._on_mistake(f"the {kind} of a folder failed", error)

        self._put((kind, folder), act)

    def _put(self, key: tuple[str, str], work: Callable[[], None]) -> None:
        with self._lock:
            lane = self._lanes.get(key)
            is_new = lane is None
            if lane is None:
                lane = self._lanes[key] = _Lane(since=self._clock())
            lane.waiting.append(work)
        if is_new:
            try:
                self._in_thread(lambda: self._serve(key, lane))
            except RuntimeError:
                with self._lock:
                    del self._lanes[key]
                raise

    def since(self) -> dict[str, float]:
        """The folders that are asked something now, and since when, by the lanes' clock."""
        asked: dict[str, float] = {}
        with self._lock:
            for (_, folder), lane in self._lanes.items():
                if lane.since is not None:
                    asked[folder] = min(lane.since, asked.get(folder, lane.since))
        return asked

    @property
    def is_idle(self) -> bool:
        """Whether no folder is asked anything."""
        return not self._lanes

    def _serve(self, key: tuple[str, str], lane: _Lane) -> None:
        while True:
            with self._lock:
                if not lane.waiting:
                    del self._lanes[key]
                    return
                work = lane.waiting.popleft()
                lane.since = self._clock()
            work()


def _answer(answer: Future[Any], work: Callable[[], Any]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001
        answer.set_exception(error)  # for whoever asked
    else:
        answer.set_result(result)
