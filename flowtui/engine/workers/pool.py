"""Threads that run transfers, one each, and give their outcome back."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from flowtui.engine.workers.run import Run
from flowtui.engine.workers.small_files import SmallFilePool
from flowtui.system.descriptors import Shares, own_shares
from flowtui.timings import Timings
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.pipeline import Steps, steps, to_the_end
from flowtui.transfer.task import Outcome

FLUSH_ABOVE = 64 << 20
"""Bytes; a file with more of them not on the disk does not wait so long. The kernel would begin
only at gigabytes, and the whole file would wait for the disk at its end."""


class Workers:
    """As many threads as are needed at once; idle ones stay for the next file.

    Attributes:
        small_files: where small files are run.
    """

    def __init__(
        self,
        finished: Callable[[Run, Outcome], None],
        timings: Timings,
        on_mistake: Callable[[str, Exception], None] = lambda what, error: None,
        shares: Shares | None = None,
    ) -> None:
        """`finished` is called in a worker's thread; `on_mistake` in one where something raised
        what it must not: what was done, and the exception.
        """
        self._timings = timings
        self._finished = finished
        self._on_mistake = on_mistake
        to_flush = (shares or own_shares()).to_flush
        self.small_files = SmallFilePool(self._begin, finished, self.do, to_flush)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._to_do = 0  # what no thread has taken yet
        self._parts: dict[PartFile, float] = {}
        self._open = threading.Event()
        self._ended = threading.Event()
        self._flusher: threading.Thread | None = None

    def start(self, run: Run) -> None:
        """Have a worker run this transfer; a small one when its turn comes."""
        if run.task.is_small:
            self.small_files.put(run)
        else:
            run.started = True
            self.do(lambda: self._finished(run, to_the_end(self._begin(run))))

    def _begin(self, run: Run) -> Steps:
        return steps(
            run.task, run.tools, run.progress, run.carry_over, run.stop, opened=self._opened
        )

    def do(self, work: Callable[[], None]) -> None:
        """Have a worker call `work`, which should not raise: it is told as trouble then.

        Raises RuntimeError where the system lets us have no thread at all.
        """
        with self._lock:
            if self._to_do >= self._idle:
                thread = threading.Thread(target=self._serve, name="worker", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    if not self._threads:
                        raise
                    # One of those there are comes to it, later.
                else:
                    self._threads.append(thread)
            self._to_do += 1
        self._work.put(work)

    def close(self, timeout: float) -> bool:
        """Have all workers end; whether they did within `timeout` seconds."""
        self._ended.set()
        self._open.set()
        with self._lock:
            threads = list(self._threads)
            for _ in threads:
                self._work.put(None)
        deadline = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
            work = self._work.get()
            with self._lock:
                self._idle -= 1
                self._to_do -= work is not None
            if work is None:
                return
            try:
                work()
            except Exception as error:  # noqa: BLE001
                self._on_mistake("a worker failed", error)

    def _opened(self, part: PartFile) -> Callable[[], None]:
        if not part.is_journaled:
            return lambda: None
        with self._lock:
            self._parts[part] = time.monotonic()
            self._open.set()
            if self._flusher is None:
                self._flusher = threading.Thread(target=self._flush, name="flusher", daemon=True)
                self._flusher.start()

        def closed() -> None:
            with self._lock:
                self._parts.pop(part, None)
                if not self._parts:
                    self._open.clear()

        return closed

    def _flush(self) -> None:
        while not self._ended.wait(self._timings.flush_check):
            self._open.wait()
            now = time.monotonic()
            with self._lock:
                due = [
                    part
                    for part, flushed in self._parts.items()
                    if now - flushed >= self._timings.flush_every or part.unflushed >= FLUSH_ABOVE
                ]
            for part in due:
                try:
                    part.flush()
                except OSError:
                    # The bytes stay marked as not flushed, and the worker that writes this file
                    # meets the same disk and says what is wrong with it.
                    continue
                except Exception as error:  # noqa: BLE001
                    self._on_mistake("flushing an unfinished file failed", error)
                    continue
                finally:
                    with self._lock:
                        if part in self._parts:
                            self._parts[part] = time.monotonic()
