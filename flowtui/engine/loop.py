"""The engine's thread: it takes messages, has the parts act, saves and publishes, until the end.

Whatever changes the queue happens in this thread, one thing after the other, so that nothing in it
needs a lock.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.engine.events import Events
from flowtui.engine.mailbox import Mailbox, MailboxClosed
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import Queue
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.engine.store.persistence import Persistence
from flowtui.engine.workers.pool import Workers
from flowtui.protocol.states import PENDING_WORK
from flowtui.system.clocks import Clock, since_boot
from flowtui.system.files import UnfitFile
from flowtui.timings import Timings
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.errors import internal_error

T = TypeVar("T")

LONGEST_SLEEP = 60.0
"""Seconds of sleep while something is waited for: a suspended machine lengthens a thread's sleep,
not the wait."""

_LOG = logging.getLogger("flowtui.engine")


class Loop:
    """Runs the parts of one engine. Its methods may be called from any thread.

    Attributes:
        mistake: the latest exception that nobody expected, in whichever thread; else None.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        queue: Queue,
        scheduler: Scheduler,
        bulk: BulkTracker,
        *,
        folders: TargetFolders,
        workers: Workers,
        persistence: Persistence,
        events: Events,
        timings: Timings,
        clock: Clock = since_boot,
    ) -> None:
        self._clock = clock
        self._mailbox = mailbox
        self._queue = queue
        self._scheduler = scheduler
        self._bulk = bulk
        self._folders = folders
        self._workers = workers
        self._persistence = persistence
        self._events = events
        self._timings = timings
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._idle = threading.Event()
        self._ending = False
        self.mistake: BaseException | None = None
        self._was_called = False
        self._end_patience = 0.0
        self._published_at = self._saved_at = 0.0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._thread.is_alive()

    def call(self, message: Callable[[], T]) -> T:
        """Have the thread call `message`, and save what that changed at once; its result.

        Raises what `message` raises, and MailboxClosed once the engine has ended.
        """

        def act() -> T:
            result = message()
            self._was_called = True
            self._note_idle()
            return result

        return self._mailbox.call(act)

    def stop(self, timeout: float) -> None:
        """Have the workers let go, save, publish and end.

        Waits `timeout` seconds for it, and for what is saved last as long as that gets on.
        """
        self._end_patience = max(timeout / 2, self._timings.disk_patience)
        with contextlib.suppress(MailboxClosed):  # somebody else stopped it meanwhile
            self._mailbox.call(self._end)
        self._thread.join(timeout)
        while self._thread.is_alive() and self._persistence.is_finishing:
            self._thread.join(timeout)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left that the engine would do by itself."""
        return self._idle.is_set()

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait until there is nothing left to do by itself; whether it is so."""
        return self._idle.wait(timeout)

    def _run(self) -> None:
        try:
            self._take_turns()
        except BaseException as error:  # noqa: BLE001
            # What they do not outlive; whoever waits for this thread learns that it is gone.
            self.on_mistake("the engine's thread has ended", error)
        finally:
            self._mailbox.abandon()
            self._idle.set()

    def _take_turns(self) -> None:
        timeout: float | None = 0.0
        while not self._ending:
            for message in self._mailbox.take(timeout):
                try:
                    message()
                except Exception as error:  # noqa: BLE001
                    self.on_mistake("a message to the engine failed", error)
            if self._ending:
                break
            try:
                timeout = self._tick(self._clock())
            except Exception as error:  # noqa: BLE001
                self.on_mistake("a tick of the engine failed", error)
                timeout = self._timings.mistake_rest
        self._save()
        self._persistence.finish(self._queue, self._bulk.list, self._end_patience)
        self._events.publish()

    def on_mistake(self, what: str, error: BaseException) -> None:
        """A mistake of ours, in any thread: told as trouble, and no end of all the others.

        What it was about has failed with words, or is where it was.
        """
        _LOG.error(what, exc_info=error)
        self.mistake = error
        self._persistence.note_trouble("mistake", internal_error(error).message)

    def _tick(self, now: float) -> float | None:
        """Do what is due; seconds until something is, or None."""
        tick = self._timings.tick
        schedule_at = self._scheduler.tick(now)
        bulk_in = self._bulk.tick()
        self._persistence.collect(self._queue, self._bulk.list)
        self._events.collect()
        again_at = self._persistence.again_at
        self._note_idle()
        is_unsaved = self._persistence.is_behind(self._queue, self._bulk.list)
        can_save = is_unsaved and not self._persistence.is_failing
        is_last = self.is_idle and (can_save or self._events.is_waiting)
        due = now - self._saved_at >= tick or (again_at is not None and now >= again_at)
        if self._was_called or is_last or due:
            # What was asked for is stored at once, and so is what comes last; the rest of what
            # workers did together with more of it.
            self._save()
            self._was_called, self._saved_at = False, now
        is_moving = bool(self._scheduler.runs) or self._bulk.is_unpacking
        is_due = is_last or now - self._published_at >= tick
        if is_due and (is_moving or self._events.is_waiting):
            self._published_at = now
            self._scheduler.sample(now)
            self._events.publish()
        waits = [schedule_at - now] if schedule_at is not None else []
        if bulk_in is not None:
            waits.append(bulk_in)
        if is_moving or self._events.is_waiting:
            waits.append(self._published_at + tick - now)
        if not self._workers.lanes.is_idle:
            waits.append(self._timings.disk_patience)  # does its disk answer?
        if (log_at := self._folders.log_due()) is not None:
            waits.append(log_at - now)
        if (again_at := self._persistence.again_at) is not None:
            waits.append(again_at - now)
        is_unsaved = self._persistence.is_behind(self._queue, self._bulk.list)
        if is_unsaved and not self._persistence.is_saving:
            waits.append(self._saved_at + tick - now)
        return max(0.0, min(*waits, LONGEST_SLEEP)) if waits else None

    def _save(self) -> None:
        """Store what changed, and write the logs; one transaction for all of a tick."""
        self._persistence.save(self._queue, self._bulk.list)
        for root, entries in self._folders.take_log(last=self._ending).items():
            self._workers.lanes.post(
                "log",
                root,
                lambda root=root, entries=entries: self._write_log(root, entries),  # type: ignore[misc]
            )

    def _write_log(self, root: str, entries: list[downloads_log.LogEntry]) -> None:
        try:
            self._folders.records.of(Path(root)).write(entries)
            words = ""
        except OSError as error:
            words = downloads_log.trouble(Path(root), error)
            if not isinstance(error, PermissionError | UnfitFile):
                # A full disk, say: there may be room for them later.
                self._mailbox.post(lambda: self._folders.log_again(root, entries))
        self._persistence.note_trouble(f"log of {root}", words)

    def _note_idle(self) -> None:
        pending = any(self._queue.counts[state] for state in PENDING_WORK)
        if pending or not (self._scheduler.is_idle and self._bulk.is_idle):
            self._idle.clear()
        else:
            self._idle.set()

    def _end(self) -> None:
        self._scheduler.stop()
        self._bulk.stop()
        self._scheduler.sample(self._clock())
        self._ending = True
        self._mailbox.close()
