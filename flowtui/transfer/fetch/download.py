"""The bytes of one file, from its source into its part file, hashed close behind the writer.

One thread coordinates and hashes; connections run in threads of their own, as many as
`connections` finds to pay. A small file needs neither: its one connection runs in the
coordinator's thread.
"""

from __future__ import annotations

import random
import threading
import time

from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.errors import (
    FreshLink,
    PermanentError,
    RemoteChanged,
    Stopped,
    TransferError,
    TransientError,
    disk_trouble,
)
from flowtui.transfer.fetch.concurrency import ConnectionControl, RateSample
from flowtui.transfer.fetch.connection import Connection, are_held_up
from flowtui.transfer.fetch.progress import CarryOver, Progress
from flowtui.transfer.fetch.segments import SMALLEST, Segment, Segments
from flowtui.transfer.http.body import PIECE
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.http.source import Body, RemoteSource
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import INLINE_BELOW
from flowtui.transfer.verify.md5 import READ

TRIES = 3
"""How often a request is repeated without a byte of progress in between (the guide's number)."""

LONG_WAIT = 10.0
"""Seconds; a longer wait gives the worker to another file meanwhile."""

LONGEST_WAIT = 3600.0
"""Seconds; what a server asks beyond this is not believed."""


STEER_EVERY = 0.05
"""Seconds between two looks at how many connections there should be."""

RESTARTS = 3
"""How often a file is begun from its first byte again before it is given up."""


class Download:
    """Fetches one file into an open part file.

    Attributes:
        segments: what is there and who fetches what.
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
        memory: CarryOver,
    ) -> None:
        self._source = source
        self._part = part
        self._expected = expected_size
        self._control = ConnectionControl(connections)
        self._limit = limit
        self._stop = stop
        self._progress = progress
        self._memory = memory
        self.segments = Segments(part.identity.size, part.done)
        self._news = threading.Condition()
        self._trouble: TransferError | Stopped | None = None
        self._halt = False
        self._lines: list[Connection] = []
        self._ranged: bool | None = None
        self._probe = True
        self._steered = 0.0
        self._renew_lock = threading.Lock()
        self._failed_at = 0
        if memory.hasher.position > part.done.prefix:
            memory.unread()
        progress.done = progress.resumed_at = part.done.total
        progress.size = part.identity.size

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
            except RemoteChanged as trouble:
                self._probe = False  # an empty file has no range at all
                restarts += 1
                if restarts > RESTARTS:
                    raise PermanentError(
                        f"{trouble.message}; begun {restarts} times in vain",
                        code=trouble.code,
                        retryable=True,
                    ) from trouble
                self._reset()
                self._progress.reason = f"{trouble.message}; begun again"
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
        self._memory.unread()
        self.segments = Segments(None, self.segments.done)
        self.segments.reset()
        self._progress.done = self._progress.resumed_at = 0
        self._progress.size = None

    def _fetch_all(self) -> str:
        self._trouble, self._halt, self._failed_at = None, False, 0
        small = self._expected is not None and self._expected <= INLINE_BELOW
        if not self.segments.is_complete:
            if small:
                self._progress.connections = 1
                self._connection(Connection())
            else:
                self._add_line()
        checker = None if small or self._memory.check is None else self._start_checker()
        grace = 0.0
        try:
            self._hash_to_the_end()
            while checker is not None and checker.is_alive():
                self._stop.check()
                checker.join(STEER_EVERY)
            grace = 0.1
        finally:
            self._end_lines(grace)
            if checker is not None:
                checker.join()
        return self._memory.hasher.hexdigest()

    def _start_checker(self) -> threading.Thread:
        """Have the container tried while it comes: unpacking takes longer than hashing."""
        thread = threading.Thread(target=self._check_to_the_end, name="checker", daemon=True)
        thread.start()
        return thread

    def _check_to_the_end(self) -> None:
        check = self._memory.check
        while check is not None and not (self._halt or self._stop.event.is_set() or check.damage):
            with self._news:
                there = self.segments.done.prefix
                if there <= check.position:
                    if self.segments.is_complete or self._trouble is not None:
                        return
                    self._news.wait(STEER_EVERY)
                    continue
            try:
                check.follow(self._part.read_into, there)
            except (OSError, EOFError):
                return  # who hashes meets the same, and what is left is tried at the end

    def _end_lines(self, grace: float) -> None:
        """Have all connections end, those that do not by themselves within `grace` seconds too."""
        self._halt = True
        threads = [line.thread for line in self._lines if line.thread is not None]
        until = time.monotonic() + grace
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        if any(thread.is_alive() for thread in threads):
            self._stop.interrupt()
            for thread in threads:
                thread.join()
        self._lines = []
        self._progress.connections = 0

    def _hash_to_the_end(self) -> None:
        """Follow the writers with the md5 until all is there, and keep connections at work."""
        hasher = self._memory.hasher
        while True:
            with self._news:
                if self._trouble is not None:
                    raise self._trouble
                if self.segments.done.prefix <= hasher.position:
                    if self.segments.is_complete:
                        return
                    self._news.wait(STEER_EVERY)
            self._stop.check()
            if self._memory.check is not None and self._memory.check.damage:
                return  # what is still to come mends nothing
            self._steer()
            prefix = self.segments.done.prefix
            if prefix > hasher.position:
                try:
                    hasher.follow(self._part.read_into, prefix)
                except EOFError:
                    raise RemoteChanged(
                        "the part file was cut by someone else", code="TAMPERED"
                    ) from None

    def _steer(self) -> None:
        """Have as many connections at work as are wanted."""
        now = time.monotonic()
        if now - self._steered < STEER_EVERY:
            return
        self._steered = now
        lines = self._lines = [one for one in self._lines if one.is_alive]
        self._progress.connections = len(lines)
        if self.segments.is_complete or self._trouble is not None:
            return
        wanted = 1
        if self._ranged and self.segments.size is not None:
            wanted = self._control.look(
                RateSample(
                    now,
                    own=self.segments.fetched,
                    all=self._limit.taken,
                    answered=sum(line.answered for line in lines),
                    asked=len(lines),
                    held_up=are_held_up(lines),
                    hashing=self._memory.hasher.rate,
                    answered_in=self._progress.answered_in or 0.0,
                )
            )
        for line in lines[wanted:]:
            self._retire(line)
        if self.segments.size is not None:
            # At the end there is not enough for many more; those at work bring it soonest.
            to_come = self.segments.size - self.segments.done.total
            wanted = max(1, min(wanted, to_come // SMALLEST))
        if len(lines) < wanted and wanted > 1:
            self.segments.shorten(self._at_once)
        while len(self._lines) < wanted and self.segments.has_more:
            self._add_line()

    def _add_line(self) -> None:
        """One connection more."""
        line = Connection()
        line.thread = threading.Thread(
            target=self._connection, args=(line,), name="connection", daemon=True
        )
        self._lines.append(line)
        self._progress.connections = len(self._lines)
        line.thread.start()

    def _retire(self, line: Connection) -> None:
        """Have a connection end; what it has not fetched yet is for the others."""
        line.retired = True
        if line.segment is not None:
            self.segments.cut(line.segment)

    def _connection(self, line: Connection) -> None:
        """Fetch segment after segment until there is none left, or trouble comes."""
        trouble: TransferError | Stopped
        try:
            while not self._halt and not line.retired:
                line.segment = self.segments.take(self._at_once)
                if line.segment is None:
                    break
                try:
                    self._fetch_with_patience(line, line.segment)
                finally:
                    self.segments.give_back(line.segment)
                    line.segment = None
            return
        except (TransferError, Stopped) as error:
            trouble = error
        except OSError as error:
            trouble = disk_trouble(error, self._part.target)
        except Exception as error:  # noqa: BLE001
            # A mistake of ours must end this transfer with words, not a thread in silence.
            trouble = PermanentError(
                f"internal error: {type(error).__name__}: {error}", code="INTERNAL", retryable=True
            )
        finally:
            self._tell()
        with self._news:
            if self._trouble is None and not self._halt:
                self._trouble = trouble
            self._news.notify_all()

    @property
    def _at_once(self) -> int:
        """Among how many connections what is to come should be divided now.

        As soon as there are several, for as many as there may be: pieces that are too large would
        keep what comes behind them from being hashed.
        """
        return self._control.most if self._ranged and self._control.wanted > 1 else 1

    def _fetch_with_patience(self, line: Connection, segment: Segment) -> None:
        """Fetch a segment once; wait after passing trouble. Raises what patience does not mend."""
        try:
            self._fetch(line, segment)
        except TransientError as trouble:
            if self._halt:
                return
            self._wait(line, trouble)
        except FreshLink as trouble:
            with self._renew_lock:
                self._source.renew(trouble.url)
                self._memory.link = self._source.url

    def _wait(self, line: Connection, trouble: TransientError) -> None:
        """Wait as long as the trouble asks for, or raise it where that is not for us to do."""
        now = time.monotonic()
        others = any(one.answered and one is not line for one in self._lines)
        if others and (trouble.crowded or (trouble.retry_after or 0.0) > LONG_WAIT):
            # The others get on: there were too many.
            self._control.crowded(now, trouble.retry_after or 0.0)
            line.retired = True
            return
        line.answered = False
        delay = self._count_failure(trouble, now)
        self._progress.reason = trouble.waiting(delay)
        if self._stop.event.wait(delay):
            raise Stopped
        self._progress.reason = ""

    def _count_failure(self, trouble: TransientError, now: float) -> float:
        """The seconds to wait after a failure; raises where waiting here is of no use.

        What befalls several connections while one of them waits already is one failure; so is
        what comes while others still fetch.
        """
        memory = self._memory
        with self._news:
            fruitless = self.segments.fetched <= self._failed_at
            self._failed_at = self.segments.fetched
            failures, patient = memory.failed(now, fruitless)
            patient = patient and (trouble.outage or trouble.asked is not None)
            if failures >= TRIES and not patient:
                raise PermanentError(
                    f"{trouble.message} (tried {failures} times)", code=trouble.code, retryable=True
                ) from trouble
            asked = trouble.retry_after
            delay = backoff(max(1, failures)) if asked is None else asked
            if failures > TRIES:
                delay = max(delay, backoff(failures))
            delay = min(delay, LONGEST_WAIT)
            if delay > LONG_WAIT or failures >= TRIES:
                raise trouble.postponed(delay)
            memory.counted_until = now + 0.7 * delay
        return delay

    def _fetch(self, line: Connection, segment: Segment) -> None:
        """One request, written as it comes."""
        known = self._part.identity
        worth = self._expected is None or self._expected >= 2 * SMALLEST
        probe = worth and self._probe and self._control.most > 1
        asked = time.monotonic()
        body = self._source.open(segment.start, segment.end, known, probe=probe)
        took = time.monotonic() - asked
        if self._progress.answered_in is None or took < self._progress.answered_in:
            self._progress.answered_in = took
        position = noted = told = segment.start
        segments, progress = self.segments, self._progress
        self._part.notes.join()
        try:
            self._learn(body, known)
            line.answered = True
            for chunk in body.chunks:
                self._stop.check()
                line.waiting += ((len(chunk) >= PIECE) - line.waiting) / 16
                count = segments.claim(segment, len(chunk))
                if count:
                    self._pass(count)
                    piece = chunk if count == len(chunk) else memoryview(chunk)[:count]
                    self._part.write(position, piece)
                    segments.written(position, position + count)
                    progress.done, progress.fetched = segments.done.total, segments.fetched
                    position += count
                    if position - noted >= self._part.notes.every:
                        self._part.note(noted, position)
                        noted = position
                        if position - told >= READ:
                            told = position
                            self._tell()
                if segments.is_at_end(segment):
                    if body.end == position:
                        next(body.chunks, None)  # reads the end, so that the connection lives on
                    return
                if self._halt:
                    return
            if segment.end is None:
                self._learn_size(position)
        finally:
            self._part.notes.leave()
            body.close()
            if self._part.descriptor >= 0:
                self._part.note(noted, position)

    def _pass(self, count: int) -> None:
        """Wait until the rate limit lets so many bytes through. Raises Stopped."""
        ticket = self._limit.take(count)
        while (delay := self._limit.due(ticket)) > 0:
            if self._stop.event.wait(delay):
                raise Stopped

    def _learn(self, body: Body, known: Identity) -> None:
        """Keep what an answer says of the file. Raises RemoteChanged where it is another file."""
        if self.segments.done.total and not known.is_same_file(body.identity):
            raise RemoteChanged("the file on Flow has changed since the download began")
        self._ranged = body.ranged if self._ranged is None else self._ranged and body.ranged
        if not body.ranged and body.total is not None and self._ranged is False:
            # A whole answer to a request without Range says nothing on ranges.
            self._ranged = None
        self._part.identify(known.updated(body.identity))
        if body.total is not None and self.segments.size != body.total:
            self._learn_size(body.total)

    def _learn_size(self, size: int) -> None:
        self.segments.learn_size(size)
        self._progress.size = size
        if self._part.identity.size != size:
            identity = self._part.identity
            self._part.identify(Identity(**{**vars(identity), "size": size}))

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures: 1, 2, 4, … with jitter, half a minute at most."""
    return float(min(30.0, 2.0 ** (failures - 1)) * random.uniform(0.75, 1.25))
