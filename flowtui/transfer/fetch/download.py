"""The bytes of one file, from its source into its part file, hashed close behind the writer.

One thread coordinates and hashes; connections run in threads of their own, as many as pay (see
`connections`). A small file needs neither: its one connection runs in the coordinator's thread.
"""

from __future__ import annotations

import threading

from flowtui.timings import Timings
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.errors import PermanentError, RemoteChanged, disk_trouble, internal_error
from flowtui.transfer.fetch.connections import STEER_EVERY, Connections
from flowtui.transfer.fetch.progress import CarryOver, Progress
from flowtui.transfer.fetch.segments import Segments
from flowtui.transfer.fetch.shared import Shared
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import INLINE_BELOW

RESTARTS = 3
"""How often a file is begun from its first byte again before it is given up."""

GRACE = 0.1
"""Seconds that connections have to read the end of their answer once all bytes are here."""


class Download:
    """Fetches one file into an open part file.

    Attributes:
        segments: what is there and who fetches what.
        stops_at_damage: what is still to come is left where a container proves broken.
    """

    def __init__(
        self,
        source: RemoteSource,
        part: PartFile,
        *,
        expected_size: int | None,
        connections: int,
        limit: RateLimit,
        stop: StopSignal,
        progress: Progress,
        carry_over: CarryOver,
        timings: Timings,
    ) -> None:
        self.stops_at_damage = True
        self._part = part
        self._is_small = expected_size is not None and expected_size <= INLINE_BELOW
        self._stop = stop
        self._progress = progress
        self._carry_over = carry_over
        self._shared = Shared(
            source,
            part,
            expected_size,
            limit,
            stop,
            progress,
            carry_over,
            Segments(part.identity.size, part.done, smallest=timings.smallest_segment),
            timings,
        )
        self._connections = Connections(self._shared, connections)
        if carry_over.hasher.position > part.done.prefix:
            carry_over.unread()
        progress.done = progress.resumed_at = part.done.total
        progress.size = part.identity.size

    @property
    def segments(self) -> Segments:
        """See the class."""
        return self._shared.segments

    def run(self) -> str:
        """Fetch and hash all of it; the md5 as hex digits.

        Raises:
            TransferError: what stopped it; what came so far is kept.
            Stopped: someone asked to.
        """
        restarts = 0
        while True:
            try:
                return self._fetch_all()
            except RemoteChanged as error:
                self._connections.probe = False  # an empty file has no range at all
                restarts += 1
                if restarts > RESTARTS:
                    raise PermanentError(
                        f"{error.message}; started over {RESTARTS} times, gave up",
                        code=error.code,
                        retryable=True,
                    ) from error
                self._reset()
                self._progress.report(reason=f"{error.message}; starting over")
            except OSError as error:
                raise disk_trouble(error, self._part.target) from error

    def start_over(self) -> None:
        """Forget all bytes, because they proved wrong. Raises TransferError."""
        try:
            self._reset()
        except OSError as error:
            raise disk_trouble(error, self._part.target) from error

    def _reset(self) -> None:
        self._part.reset(Identity(key=self._part.identity.key, md5=self._part.identity.md5))
        self._carry_over.unread()
        self._shared.segments = Segments(None, self.segments.done, smallest=self.segments.smallest)
        self.segments.reset()
        self._progress.done = self._progress.resumed_at = 0
        self._progress.size = None

    def _fetch_all(self) -> str:
        self._shared.begin()
        if not self.segments.is_complete:
            if self._is_small:
                self._connections.run_inline()
            else:
                self._connections.begin()
        checker = None if self._is_small else self._start_checker()
        grace = 0.0
        try:
            self._hash_to_the_end()
            while checker is not None and checker.is_alive():
                self._stop.check()
                checker.join(STEER_EVERY)
            grace = GRACE
        finally:
            self._connections.end(grace)
            if checker is not None:
                checker.join()
        return self._carry_over.hasher.hexdigest()

    def _start_checker(self) -> threading.Thread | None:
        """Have the container tried while it comes: unpacking takes longer than hashing."""
        if self._carry_over.check is None:
            return None
        thread = threading.Thread(target=self._check_to_the_end, name="checker", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has no thread to spare: it is tried at the end
            return None
        return thread

    def _check_to_the_end(self) -> None:
        check, shared = self._carry_over.check, self._shared
        while check is not None and not (
            shared.halted or self._stop.event.is_set() or check.damage
        ):
            with shared.changed:
                there = self.segments.done.prefix
                if there <= check.position:
                    if self.segments.is_complete or shared.error is not None:
                        return
                    shared.changed.wait(STEER_EVERY)
                    continue
            try:
                check.follow(self._part.read_into, there)
            except (OSError, EOFError):
                return  # who hashes meets the same, and what is left is tried at the end
            except Exception as error:  # noqa: BLE001
                shared.fail(internal_error(error))
                return

    def _hash_to_the_end(self) -> None:
        """Follow the writers with the md5 until all is there, and keep connections at work."""
        hasher, shared = self._carry_over.hasher, self._shared
        while True:
            with shared.changed:
                if shared.error is not None:
                    raise shared.error
                if self.segments.done.prefix <= hasher.position:
                    if self.segments.is_complete:
                        return
                    shared.changed.wait(STEER_EVERY)
            self._stop.check()
            check = self._carry_over.check
            if self.stops_at_damage and check is not None and check.damage:
                return  # what is still to come mends nothing
            self._connections.steer()
            prefix = self.segments.done.prefix
            if prefix > hasher.position:
                try:
                    hasher.follow(self._part.read_into, prefix)
                except EOFError:
                    raise RemoteChanged(
                        "another program cut the part file short", code="TAMPERED"
                    ) from None
