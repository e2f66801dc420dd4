"""The connections of one file: so many at work as are wanted, each segment after segment."""

from __future__ import annotations

import threading
import time

from flowtui.transfer.errors import (
    FreshLink,
    PermanentError,
    Stopped,
    TransferError,
    TransientError,
    disk_trouble,
    internal_error,
)
from flowtui.transfer.fetch.concurrency import ConnectionControl, RateSample
from flowtui.transfer.fetch.connection import Connection, are_held_up
from flowtui.transfer.fetch.request import fetch_segment
from flowtui.transfer.fetch.retry import Patience
from flowtui.transfer.fetch.segments import Segment
from flowtui.transfer.fetch.shared import Shared

STEER_EVERY = 0.05
"""Seconds between two looks at how many connections there should be."""


class Connections:
    """Opens and retires the connections of a download, and runs them.

    Attributes:
        probe: whether to ask with a Range for what could be had without.
    """

    def __init__(self, shared: Shared, most: int) -> None:
        """`most` is the setting: at most so many connections, 0 for as many as pay."""
        self.probe = True
        self._shared = shared
        self._control = ConnectionControl(most, shared.timings.measure)
        self._patience = Patience(shared)
        self._open: list[Connection] = []
        self._steered = 0.0
        self._renew_lock = threading.Lock()

    def begin(self) -> None:
        """Begin a round with one connection."""
        self._patience.begin()
        if not self._add():
            raise TransientError("this system lets flowtui start no more threads (see `ulimit -u`)",
                                 code="THREADS")  # fmt: skip

    def run_inline(self) -> None:
        """Fetch all of a small file in this thread."""
        self._patience.begin()
        self._shared.progress.connections = 1
        self._run(Connection())

    def steer(self) -> None:
        """Have as many connections at work as are wanted; cheap to call often."""
        now = time.monotonic()
        if now - self._steered < STEER_EVERY:
            return
        self._steered = now
        self._open = [connection for connection in self._open if connection.is_alive]
        self._shared.progress.connections = len(self._open)
        if self._shared.segments.is_complete or self._shared.error is not None:
            return
        wanted = self._wanted(now)
        for connection in self._open[wanted:]:
            self._retire(connection)
        self._fill(wanted)

    def end(self, grace: float) -> None:
        """Have all end, those that do not by themselves within `grace` seconds too."""
        self._shared.halted = True
        threads = [connection.thread for connection in self._open if connection.thread is not None]
        until = time.monotonic() + grace
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            self._shared.stop.interrupt()
            for thread in threads:
                thread.join()
        self._open = []
        self._shared.progress.connections = 0

    def _wanted(self, now: float) -> int:
        """How many pay, by the rates so far."""
        segments = self._shared.segments
        if not self._shared.ranged or segments.size is None:
            return 1
        return self._control.look(
            RateSample(
                now,
                own=segments.fetched,
                all=self._shared.limit.taken,
                answered=sum(connection.answered for connection in self._open),
                asked=len(self._open),
                held_up=are_held_up(self._open),
                hashing=self._shared.carry_over.hasher.rate,
                answered_in=self._shared.progress.answered_in or 0.0,
            )
        )

    def _fill(self, wanted: int) -> None:
        """Open connections up to so many, as far as there is something for them to fetch."""
        segments = self._shared.segments
        if segments.size is not None:
            # At the end there is not enough for many more; those at work bring it soonest.
            to_come = segments.size - segments.done.total
            wanted = max(1, min(wanted, to_come // segments.smallest))
        if len(self._open) < wanted and wanted > 1:
            segments.shorten(self._at_once)
        while len(self._open) < wanted and segments.has_more and self._add():
            pass

    def _add(self) -> bool:
        """One connection more; whether the system let us have it."""
        connection = Connection()
        connection.thread = threading.Thread(
            target=self._run, args=(connection,), name="connection", daemon=True
        )
        try:
            connection.thread.start()
        except RuntimeError:  # the user's processes and threads are limited
            return False
        self._open.append(connection)
        self._shared.progress.connections = len(self._open)
        return True

    def _retire(self, connection: Connection) -> None:
        """Have a connection end; what it has not fetched yet is for the others."""
        connection.retired = True
        if connection.segment is not None:
            self._shared.segments.cut(connection.segment)

    def _run(self, connection: Connection) -> None:
        """Fetch segment after segment until there is none left, or an error comes."""
        shared = self._shared
        try:
            while not shared.halted and not connection.retired:
                connection.segment = shared.segments.take(self._at_once)
                if connection.segment is None:
                    break
                try:
                    self._fetch(connection, connection.segment)
                finally:
                    shared.segments.give_back(connection.segment)
                    connection.segment = None
            shared.notify()
        except (TransferError, Stopped) as error:
            shared.fail(error)
        except OSError as error:
            shared.fail(disk_trouble(error, shared.part.target))
        except Exception as error:  # noqa: BLE001
            # A mistake of ours must end this transfer with words, not a thread in silence.
            shared.fail(internal_error(error))

    @property
    def _at_once(self) -> int:
        """Among how many connections what is to come should be divided now.

        As soon as there are several, for as many as there may be: pieces that are too large would
        keep what comes behind them from being hashed.
        """
        return self._control.most if self._shared.ranged and self._control.wanted > 1 else 1

    def _fetch(self, connection: Connection, segment: Segment) -> None:
        """Fetch a segment once; wait after a passing error. Raises what waiting does not mend."""
        shared = self._shared
        worth = shared.expected_size is None or shared.expected_size >= 2 * shared.segments.smallest
        probe = worth and self.probe and self._control.most > 1
        try:
            try:
                fetch_segment(shared, connection, segment, probe=probe)
            except FreshLink as error:
                with self._renew_lock:
                    shared.source.link.renew(error)
                    shared.carry_over.link = shared.source.link.url
        except TransientError as error:
            crowded = self._patience.is_crowded(error)
            wait = error.retry_after or 0.0
            if shared.halted or (crowded and self._give_way(connection, wait)):
                return
            try:
                self._patience.wait(error, connection)
            except TransferError:
                if not self._give_way(connection, wait):
                    raise
        except PermanentError as error:
            # Some servers refuse more connections than they like so. The last one is believed in
            # the end: for a while the server may still count those that gave way.
            if shared.halted or self._give_way(connection):
                return
            if not self._control.was_crowded:
                raise
            self._patience.wait(TransientError(error.message, code=error.code), connection)

    def _give_way(self, connection: Connection, wait: float = 0.0) -> bool:
        """Whether this connection ends because the server has too many, and others get on."""
        if not any(other.answered and other is not connection for other in self._open):
            return False
        self._control.crowded(time.monotonic(), wait)
        connection.retired = True
        return True
