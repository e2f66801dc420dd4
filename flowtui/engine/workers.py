"""Threads that run transfers, one each, and give their outcome back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from flowtui.engine.download import Memory, Progress
from flowtui.engine.part_file import PartFile
from flowtui.engine.source import StopSignal
from flowtui.engine.transfer import Outcome, Task, Tools, run

FLUSH_EVERY = 5.0
"""Seconds between two times that the bytes of unfinished files are put on the disk."""


@dataclass(eq=False)
class Run:
    """A transfer in a worker's hands.

    Attributes:
        stop: set it to have the worker let go; it then still takes a moment.
        rate: bytes a second, smoothed; `fetched` and `looked`: when it was last measured.
        sign_ins: how many sign-ins at its server there had been when it began.
    """

    task: Task
    tools: Tools
    memory: Memory
    stop: StopSignal = field(default_factory=StopSignal)
    progress: Progress = field(default_factory=Progress)
    rate: float = 0.0
    fetched: int = 0
    looked: float = 0.0
    sign_ins: int = 0


class Workers:
    """As many threads as are needed at once; idle ones stay for the next file.

    Attributes:
        parts: the open part files, for the flusher.
    """

    def __init__(self, finished: Callable[[Run, Outcome], None]) -> None:
        """`finished` is called in a worker's thread."""
        self._finished = finished
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._parts: set[PartFile] = set()
        self._ended = threading.Event()
        self._flusher: threading.Thread | None = None

    def start(self, one: Run) -> None:
        """Have a worker run this transfer."""

        def work() -> None:
            outcome = run(
                one.task, one.tools, one.progress, one.memory, one.stop, opened=self._opened
            )
            self._finished(one, outcome)

        self.do(work)

    def do(self, work: Callable[[], None]) -> None:
        """Have a worker call `work`, which must not raise."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                thread = threading.Thread(target=self._serve, name="worker", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._work.put(work)

    def close(self, timeout: float) -> bool:
        """Have all workers end; whether they did within `timeout` seconds."""
        import time

        self._ended.set()
        with self._lock:
            threads = list(self._threads)
            for _ in threads:
                self._work.put(None)
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            with self._lock:
                self._idle += 1

    def _opened(self, part: PartFile) -> Callable[[], None]:
        with self._lock:
            self._parts.add(part)
            if self._flusher is None:
                self._flusher = threading.Thread(target=self._flush, name="flusher", daemon=True)
                self._flusher.start()

        def closed() -> None:
            with self._lock:
                self._parts.discard(part)

        return closed

    def _flush(self) -> None:
        while not self._ended.wait(FLUSH_EVERY):
            with self._lock:
                parts = list(self._parts)
            for part in parts:
                try:
                    part.flush()
                except OSError:
                    # The bytes stay marked as not flushed, and the worker that writes this file
                    # meets the same disk and says what is wrong with it.
                    continue
