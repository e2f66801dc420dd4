"""One segment of a file: one request, and its bytes written as they come."""

from __future__ import annotations

import time

from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.errors import RemoteChanged, Stopped, TransientError
from flowtui.transfer.fetch.connection import Connection
from flowtui.transfer.fetch.segments import Segment
from flowtui.transfer.fetch.shared import Shared
from flowtui.transfer.http.body import Body
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.identity import Identity
from flowtui.transfer.verify.md5 import READ

_PASSING = "the server cannot resume this file; reading past what is here"
_COMPARING = (
    "nothing tells whether the server has the same file still; comparing what is here with it"
)


class SegmentWriter:
    """Writes the bytes of one connection into the part file, and tells its journal.

    Attributes:
        position: the offset in the file of what comes next.
    """

    def __init__(self, part: PartFile, start: int) -> None:
        self._part = part
        self.position = self._noted = start
        part.notes.join()

    def write(self, data: bytes | memoryview) -> bool:
        """Write what came next; whether the journal was told. Raises OSError."""
        self._part.write(self.position, data)
        self.position += len(data)
        if self.position - self._noted < self._part.notes.every:
            return False
        self._part.note(self._noted, self.position)
        self._noted = self.position
        return True

    def leave(self) -> None:
        """Be counted among the writers no longer."""
        self._part.notes.leave()

    def note_rest(self) -> None:
        """Tell the journal of what it was not told yet. Raises OSError."""
        if self._part.descriptor >= 0:
            self._part.note(self._noted, self.position)


def fetch_segment(shared: Shared, connection: Connection, segment: Segment, *, probe: bool) -> None:
    """Ask for a segment and write it; less of it where another connection takes its tail.

    `probe` asks with a Range also for a whole file, to learn whether the server knows ranges.

    Raises:
        TransferError: what went wrong; what was written until then stays.
        Stopped: someone asked to.
        OSError: the disk's.
    """
    known = shared.part.identity
    asked = time.monotonic()
    body = shared.source.open(segment.start, segment.end, known, probe=probe)
    took = time.monotonic() - asked
    if shared.progress.answered_in is None or took < shared.progress.answered_in:
        shared.progress.answered_in = took
    writer = SegmentWriter(shared.part, segment.start)
    try:
        _learn(shared, body, known)
        connection.answered = True
        if body.start < segment.start and not body.ranged:
            if not shared.segments.is_rest(segment):
                return  # to be handed out anew, all to the end in one
            shared.progress.report(reason=_COMPARING if shared.source.is_untold else _PASSING)
        _write(shared, connection, segment, body, writer)
    finally:
        if shared.progress.reason in (_PASSING, _COMPARING):
            shared.progress.report(reason="")
        writer.leave()
        body.close()
        writer.note_rest()


def _write(
    shared: Shared, connection: Connection, segment: Segment, body: Body, writer: SegmentWriter
) -> None:
    """Write what comes until the segment is at its end, or the download is."""
    segments, progress = shared.segments, shared.progress
    notified = segment.start
    here = body.start
    now, waited = time.monotonic(), 0.0
    for whole in body.chunks:
        chunk: bytes | memoryview = whole
        if here < segment.start:
            here += len(whole)
            chunk = _pass_over(shared, memoryview(whole), here - len(whole), segment.start)
            if not chunk:
                if shared.halted or segments.is_at_end(segment):
                    return
                continue
        shared.stop.check()
        if body.waited is not None:
            before, now = now, time.monotonic()
            waited_before, waited = waited, body.waited()
            connection.measure(now - before, waited - waited_before)
        count = segments.claim(segment, len(chunk))
        if count:
            _pass_rate_limit(shared.limit, count, shared)
            start = writer.position
            noted = writer.write(chunk if count == len(chunk) else memoryview(chunk)[:count])
            segments.written(start, writer.position)
            progress.done, progress.fetched = segments.done.total, segments.fetched
            if noted and writer.position - notified >= READ:
                notified = writer.position
                shared.notify()
        if segments.is_at_end(segment):
            if body.end == writer.position:
                next(body.chunks, None)  # reads the end, so that the connection lives on
            return
        if shared.halted:
            return
    if body.open_ended and here < segment.start:
        raise TransientError("the connection was cut", code="CUT")
    has_ended_here_again = here == writer.position == segment.start
    if segment.end is None and (not body.open_ended or has_ended_here_again):
        shared.learn_size(writer.position)


def _pass_over(shared: Shared, chunk: memoryview, at: int, start: int) -> memoryview:
    """What of a chunk is not here yet; `at` is its place, `start` where what is wanted begins.

    Raises RemoteChanged where the rest is not what is here, Stopped.
    """
    shared.stop.check()
    past, wanted = chunk[: start - at], chunk[start - at :]
    _pass_rate_limit(shared.limit, len(past), shared)
    if shared.segments.has(at, at + len(past)) and shared.part.read(at, len(past)) != past:
        raise RemoteChanged("the server now sends a different file")
    if wanted and shared.progress.reason in (_PASSING, _COMPARING):
        shared.progress.report(reason="")
    return wanted


def _pass_rate_limit(limit: RateLimit, count: int, shared: Shared) -> None:
    """Wait until the rate limit lets so many bytes through. Raises Stopped."""
    ticket = limit.take(count)
    while (delay := limit.due(ticket)) > 0:
        if shared.stop.event.wait(delay):
            raise Stopped


def _learn(shared: Shared, body: Body, known: Identity) -> None:
    """Keep what an answer says of the file. Raises RemoteChanged where it is another file."""
    if shared.segments.done.total and not known.goes_on_as(body.identity, shared.expected_size):
        raise RemoteChanged("the file on Flow has changed since the download began")
    ranged: bool | None = body.ranged and shared.ranged is not False
    if ranged is False and not body.ranged and body.total is not None:
        ranged = None  # a whole answer to a request without Range says nothing on ranges
    shared.ranged = ranged
    shared.segments.in_order = not shared.source.ranges
    shared.part.identify(known.updated(body.identity))
    if body.total is not None and shared.segments.size != body.total:
        shared.learn_size(body.total)
