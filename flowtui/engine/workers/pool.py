"""Threads that run transfers, one each, and give their outcome back."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flowtui.engine.workers.lanes import Lanes
from flowtui.engine.workers.run import Run
from flowtui.engine.workers.small_files import SmallFilePool, SmallFilePools
from flowtui.system.descriptors import Shares, own_shares
from flowtui.timings import Timings
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.pipeline import Steps, steps, to_the_end
from flowtui.transfer.task import Outcome

FLUSH_ABOVE = 64 << 20
"""Bytes; a file with more of them not on the disk does not wait so long. The kernel would begin
only at gigabytes, and the whole file would wait for the disk at its end."""

FLUSHER_STAYS = 1.0
"""Seconds for which a flusher waits for the next file of its folder."""


class Workers:
    """As many threads as are needed at once; idle ones stay for the next file.

    Attributes:
        small_files: where small files are run.
        lanes: what is asked of folders beside that.
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
        self.small_files = SmallFilePools(
            lambda: SmallFilePool(self._begin, finished, self.do, to_flush)
        )
        self.lanes = Lanes(self.do, on_mistake)
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._to_do = 0  # what no thread has taken yet
        self._flushers: dict[Path, dict[PartFile, float]] = {}
        self._ended = threading.Event()

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
        """Have a part file flushed now and then; what is returned ends that."""
        if not part.is_journaled:
            return lambda: None
        folder = part.path.parent
        with self._lock:
            parts = self._flushers.get(folder)
            if parts is None:
                parts = {}
                thread = threading.Thread(
                    target=self._flush, args=(folder, parts), name="flusher", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError:  # the system has none to spare: it is flushed at its end
                    return lambda: None
                self._flushers[folder] = parts
            parts[part] = time.monotonic()

        def closed() -> None:
            with self._lock:
                parts.pop(part, None)

        return closed

    def _flush(self, folder: Path, parts: dict[PartFile, float]) -> None:
        """Flush the parts of one folder, for as long as it has some.

        Each folder has a thread of its own: the disk of another may be slow, or hang.
        """
        idle_since: float | None = None
        while not self._ended.wait(self._timings.flush_check):
            now = time.monotonic()
            with self._lock:
                if not parts:
                    idle_since = now if idle_since is None else idle_since
                    if now - idle_since >= FLUSHER_STAYS:
                        del self._flushers[folder]
                        return
                    continue
                idle_since = None
                due = [
                    part
                    for part, flushed in parts.items()
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
                        if part in parts:
                            parts[part] = time.monotonic()
