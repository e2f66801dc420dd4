"""The bytes of one file in order, whatever happens to the connections that they come over."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from flowtui.retry import TRANSFER, GiveUp, History, Policy, YieldWorker, decide
from flowtui.text import quantities
from flowtui.transfer.errors import (
    FreshLink,
    PermanentError,
    RemoteChanged,
    Stopped,
    TransientError,
)
from flowtui.transfer.fetch.retry import failure_of
from flowtui.transfer.http.body import Body
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity

PATIENT = replace(TRANSFER, hold=float("inf"))
"""As a download, but nothing else has to be done meanwhile."""


class Stream:
    """Reads one remote file from the front, or parts of it, and keeps what tells it from others.

    Attributes:
        source: where the bytes come from; its StopSignal ends what is waited for.
        identity: what answers said of the file so far.
        fetched: bytes that came.
    """

    def __init__(
        self,
        source: RemoteSource,
        identity: Identity,
        stop: Callable[[float], bool],
        told: Callable[[str], None],
        limit: RateLimit | None = None,
        policy: Policy = PATIENT,
    ) -> None:
        """`stop(seconds)` waits, and is true once all shall end; `told` hears of what is waited
        for."""
        self.source = source
        self.identity = identity
        self.fetched = 0
        self._stop = stop
        self._told = told
        self._limit = limit or RateLimit()
        self._policy = policy
        self._history = History()

    def pieces(self, start: int = 0, end: int | None = None) -> Generator[bytes, None, None]:
        """The bytes of `[start, end)`, in order, each once; `end` None is that of the file.

        A connection that is cut is followed by another, from the next byte on. Raises TransferError
        for what waiting does not mend, Stopped.
        """
        at, seen = start, _Seen(start)
        while end is None or at < end:
            before = at
            try:
                has_ended = False
                for piece, has_ended in self._once(at, end, seen):  # noqa: B007
                    at += len(piece)
                    if piece:
                        yield piece
                if has_ended:
                    return
                if at == before:
                    raise TransientError("the server sent nothing", code="CUT")
            except FreshLink as error:
                self.source.link.renew(error)
            except TransientError as error:
                self._wait(error, fruitless=at == before)
            except RemoteChanged as error:
                raise _changed(error, at) from error

    def _once(self, at: int, end: int | None, seen: _Seen) -> Iterator[tuple[bytes, bool]]:
        """What one answer brings, and whether the file is known to end behind it."""
        first = at
        body = self.source.open(at, end, self.identity, probe=True)
        try:
            if self.source.link.is_folder:
                raise PermanentError("this is a folder, which comes as a ZIP", code="FOLDER")
            if at and not self.identity.goes_on_as(body.identity, self.source.size):
                raise RemoteChanged("the file on Flow has changed meanwhile")
            self.identity = self.identity.updated(body.identity)
            for piece in self._behind(body, at, end, seen):
                self._pass_rate_limit(len(piece))
                seen.take(piece)
                at += len(piece)
                yield piece, False
            # The end of a connection may be a cut; twice at the same place it is the file's.
            ends = body.total is None and (not body.open_ended or at == first)
            yield b"", ends or at == body.total
        finally:
            body.close()

    def _behind(self, body: Body, at: int, end: int | None, seen: _Seen) -> Iterator[bytes]:
        """The bytes of an answer from `at` on.

        One that begins earlier is passed over, and must be what came before. Raises RemoteChanged.
        """
        here = body.start
        if here < at and here != seen.start:
            raise PermanentError(
                "the server sends files as a whole only, and no parts of them", code="NO_RANGES"
            )
        again = _Seen(here)
        for chunk in body.chunks:
            self.fetched += len(chunk)
            piece = chunk
            if here < at:
                past = chunk[: at - here]
                again.take(past)
                here += len(past)
                if here == at and again.digest() != seen.digest():
                    raise RemoteChanged("the server now sends a different file")
                piece = chunk[len(past) :]
            if end is not None:
                piece = piece[: end - here]
            here += len(piece)
            if piece:
                yield piece
            if here == end:
                if body.end == end:
                    next(body.chunks, None)  # reads the end, so that the connection lives on
                return
        if here < at:
            raise TransientError("the connection was cut", code="CUT")

    def _pass_rate_limit(self, count: int) -> None:
        ticket = self._limit.take(count)
        while (delay := self._limit.due(ticket)) > 0:
            if self._stop(delay):
                raise Stopped

    def _wait(self, error: TransientError, *, fruitless: bool) -> None:
        """Wait before the next try. Raises PermanentError after enough of them, Stopped."""
        now = time.monotonic()
        self._history = self._history.failed(now, fruitless=fruitless)
        decision = decide(failure_of(error), self._history, now, self._policy)
        if isinstance(decision, GiveUp):
            tries = self._history.failures
            raise PermanentError(
                f"{error.message} (tried {tries} times)", code=error.code, retryable=True
            ) from error
        seconds = decision.seconds
        assert not isinstance(decision, YieldWorker), "nobody else has this worker"
        self._history = self._history.waiting(now, seconds)
        self._told(error.waiting(seconds))
        if self._stop(seconds):
            raise Stopped


class _Seen:
    """What came so far, as a digest: enough to tell whether the same comes once more."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._digest = hashlib.blake2b(digest_size=16)

    def take(self, piece: bytes) -> None:
        self._digest.update(piece)

    def digest(self) -> bytes:
        return self._digest.digest()


def _changed(error: RemoteChanged, at: int) -> PermanentError:
    """What came is of no use, and cannot be taken back."""
    came = f" after {quantities.size(at)}" if at else ""
    return PermanentError(f"{error.message}{came}; start again", code=error.code, retryable=True)
