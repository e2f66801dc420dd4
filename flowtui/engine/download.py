"""The bytes of one file, from its source into its part file, hashed close behind the writer.

One thread coordinates and hashes; connections run in threads of their own. A small file needs
neither: its one connection runs in the coordinator's thread.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from flowtui.engine.failures import (
    FreshLink,
    GiveUp,
    StartOver,
    Stopped,
    TransferTrouble,
    TryAgain,
    disk_trouble,
)
from flowtui.engine.journal import Identity
from flowtui.engine.limits import RateLimit
from flowtui.engine.part_file import PartFile
from flowtui.engine.segments import Segment, Segments
from flowtui.engine.source import Body, Source, StopSignal
from flowtui.engine.verify import Hasher

TRIES = 3
"""How often a request is repeated without a byte of progress in between (the guide's number)."""

OUTAGE = 900.0
"""Seconds for which a server that is away as a whole, or asks to wait, is waited for."""

LONG_WAIT = 10.0
"""Seconds; a longer wait gives the worker to another file meanwhile."""

LONGEST_WAIT = 3600.0
"""Seconds; what a server asks beyond this is not believed."""

INLINE_BELOW = 1 << 20
"""Bytes; a smaller file is fetched without threads of its own."""

RESTARTS = 3
"""How often a file is begun from its first byte again before it is given up."""


@dataclass
class Progress:
    """How far a transfer is; written by its threads, read by the scheduler at any time.

    Attributes:
        done: bytes on disk. `fetched`: bytes that came over the network in this run.
        size: bytes in all as the server says, or None. `resumed_at`: bytes that were here before.
        phase: `active` or `verifying`. `reason`: what it waits for right now, or empty.
        connections: how many are at work.
    """

    done: int = 0
    fetched: int = 0
    size: int | None = None
    resumed_at: int = 0
    phase: str = "active"
    reason: str = ""
    connections: int = 0


@dataclass
class Memory:
    """What is worth keeping between two runs of one transfer in one process.

    Attributes:
        hasher: how far the part file was hashed; None after a change of its bytes.
        failures: tries since the last progress; `failing_since`: when the first of them was.
        counted_until: until then further failures belong to the one counted last: many
            connections meet one trouble at once.
        stamp: the part file as it was left, see `PartFile.stamp`.
        starved: the last run found no room on the disk.
        link: a fresh link, once the first one had expired.
    """

    hasher: Hasher = field(default_factory=Hasher)
    failures: int = 0
    failing_since: float = 0.0
    counted_until: float = 0.0
    stamp: object = None
    starved: bool = False
    link: str = ""

    def failed(self, now: float, fruitless: bool) -> tuple[int, bool]:
        """Count a try; how many in a row were fruitless, and whether an outage may be waited for.

        One that brought bytes begins the count anew.
        """
        if not fruitless:
            self.failures = 0
        if self.failures == 0:
            self.failing_since = now
            self.counted_until = 0.0
        if fruitless and now >= self.counted_until:
            self.failures += 1
        return self.failures, now - self.failing_since < OUTAGE


class Download:
    """Fetches one file into an open part file.

    Attributes:
        segments: what is there and who fetches what.
    """

    def __init__(
        self,
        source: Source,
        part: PartFile,
        *,
        expected_size: int | None,
        connections: int,
        limit: RateLimit,
        stop: StopSignal,
        progress: Progress,
        memory: Memory,
    ) -> None:
        self._source = source
        self._part = part
        self._expected = expected_size
        self._connections = max(1, connections)
        self._limit = limit
        self._stop = stop
        self._progress = progress
        self._memory = memory
        self.segments = Segments(part.identity.size, part.done)
        self._news = threading.Condition()
        self._trouble: TransferTrouble | Stopped | None = None
        self._halt = False
        self._threads: list[threading.Thread] = []
        self._ranged: bool | None = None
        self._renew_lock = threading.Lock()
        if memory.hasher.position > part.done.prefix:
            memory.hasher = Hasher()
        progress.done = progress.resumed_at = part.done.total
        progress.size = part.identity.size

    def run(self) -> str:
        """Fetch and hash all of it; the md5 as hex digits.

        Raises:
            TransferTrouble: what stopped it; what came so far is kept.
            Stopped: someone asked to.
        """
        restarts = 0
        while True:
            try:
                return self._fetch_all()
            except StartOver as trouble:
                restarts += 1
                if restarts > RESTARTS:
                    raise GiveUp(
                        f"{trouble.message}; begun {restarts} times in vain",
                        code=trouble.code,
                        retryable=True,
                    ) from trouble
                if trouble.code == "NO_RANGE":
                    self._connections = 1
                self._reset()
                self._progress.reason = f"{trouble.message}; begun again"
            except OSError as error:
                raise disk_trouble(error, self._part.target) from error

    def start_over(self) -> None:
        """Forget all bytes, because they proved wrong. Raises TransferTrouble."""
        try:
            self._reset()
        except OSError as error:
            raise disk_trouble(error, self._part.target) from error

    def _reset(self) -> None:
        self._part.reset(Identity(key=self._part.identity.key, md5=self._part.identity.md5))
        self._memory.hasher = Hasher()
        self.segments = Segments(None, self.segments.done)
        self.segments.reset()
        self._progress.done = self._progress.resumed_at = 0
        self._progress.size = None

    def _fetch_all(self) -> str:
        self._trouble, self._halt = None, False
        small = self._expected is not None and self._expected <= INLINE_BELOW
        if not self.segments.is_complete:
            if small:
                self._progress.connections = 1
                self._connection()
            else:
                self._add_connection()
        try:
            self._hash_to_the_end()
        except BaseException:
            self._halt = True
            raise
        finally:
            for thread in self._threads:
                thread.join()
            self._threads = []
            self._progress.connections = 0
        return self._memory.hasher.hexdigest()

    def _hash_to_the_end(self) -> None:
        """Follow the writers with the md5 until all is there, and keep connections at work."""
        hasher = self._memory.hasher
        while True:
            with self._news:
                if self._trouble is not None:
                    self._halt = True
                    raise self._trouble
                if self.segments.done.prefix <= hasher.position:
                    if self.segments.is_complete:
                        return
                    self._news.wait(0.2)
            self._stop.check()
            self._keep_connections()
            prefix = self.segments.done.prefix
            if prefix > hasher.position:
                try:
                    hasher.follow(self._part.read, prefix)
                except EOFError:
                    self._halt = True
                    raise StartOver(
                        "the part file was cut by someone else", code="TAMPERED"
                    ) from None

    def _keep_connections(self) -> None:
        """Have as many connections at work as are wanted."""
        self._threads = [one for one in self._threads if one.is_alive()]
        if self.segments.is_complete or self._trouble is not None:
            return
        wanted = self._connections if self._ranged and self.segments.size else 1
        if len(self._threads) >= wanted:
            return
        if wanted > 1:
            self.segments.shorten(wanted)
        while len(self._threads) < wanted:
            if not self._add_connection():
                return

    def _add_connection(self) -> bool:
        """One connection more; False where there is no segment for it now."""
        if self._threads and next(self.segments.open_gaps(), None) is None:
            return False
        thread = threading.Thread(target=self._connection, name="connection", daemon=True)
        self._threads.append(thread)
        self._progress.connections = len(self._threads)
        thread.start()
        return True

    def _connection(self) -> None:
        """Fetch segment after segment until there is none left, or trouble comes."""
        trouble: TransferTrouble | Stopped
        try:
            while not self._halt and (segment := self.segments.take(self._wanted)) is not None:
                try:
                    self._fetch_with_patience(segment)
                finally:
                    self.segments.give_back(segment)
            return
        except (TransferTrouble, Stopped) as error:
            trouble = error
        except OSError as error:
            trouble = disk_trouble(error, self._part.target)
        except Exception as error:  # noqa: BLE001
            # A mistake of ours must end this transfer with words, not a thread in silence.
            trouble = GiveUp(
                f"internal error: {type(error).__name__}: {error}", code="INTERNAL", retryable=True
            )
        finally:
            self._tell()
        with self._news:
            if self._trouble is None:
                self._trouble = trouble
            self._news.notify_all()

    @property
    def _wanted(self) -> int:
        return self._connections if self._ranged is not False else 1

    def _fetch_with_patience(self, segment: Segment) -> None:
        """Fetch a segment once; wait after passing trouble. Raises what patience does not mend."""
        try:
            self._fetch(segment)
            self._memory.failures = 0
        except TryAgain as trouble:
            self._wait(trouble, fruitless=segment.claimed <= segment.start)
        except FreshLink as trouble:
            with self._renew_lock:
                self._source.renew(trouble.url)
                self._memory.link = self._source.url

    def _wait(self, trouble: TryAgain, *, fruitless: bool) -> None:
        """Wait as long as the trouble asks for, or raise it where that is not for us to do."""
        memory = self._memory
        failures, patient = memory.failed(time.monotonic(), fruitless)
        patient = patient and (trouble.outage or trouble.asked is not None)
        if failures >= TRIES and not patient:
            raise GiveUp(
                f"{trouble.message} (tried {failures} times)", code=trouble.code, retryable=True
            ) from trouble
        delay = backoff(max(1, failures)) if trouble.retry_after is None else trouble.retry_after
        if failures > TRIES:
            delay = max(delay, backoff(failures))
        delay = min(delay, LONGEST_WAIT)
        if delay > LONG_WAIT or failures >= TRIES:
            raise trouble.postponed(delay)
        memory.counted_until = time.monotonic() + 0.7 * delay
        self._progress.reason = trouble.waiting(delay)
        if self._stop.event.wait(delay):
            raise Stopped
        self._progress.reason = ""

    def _fetch(self, segment: Segment) -> None:
        """One request, written as it comes."""
        known = self._part.identity
        body = self._source.open(segment.start, segment.end, known, probe=self._connections > 1)
        position = noted = segment.start
        self._part.notes.join()
        try:
            self._learn(body, known)
            for chunk in body.chunks:
                self._stop.check()
                count = self.segments.claim(segment, len(chunk))
                if count:
                    delay = self._limit.delay(count)
                    if delay and self._stop.event.wait(delay):
                        raise Stopped
                    piece = chunk if count == len(chunk) else memoryview(chunk)[:count]
                    self._part.write(position, piece)
                    self._progress.done += self.segments.written(position, position + count)
                    self._progress.fetched += count
                    position += count
                    if position - noted >= self._part.notes.every:
                        self._part.note(noted, position)
                        noted = position
                        self._tell()
                if self.segments.is_at_end(segment):
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

    def _learn(self, body: Body, known: Identity) -> None:
        """Keep what an answer says of the file. Raises StartOver where it is another file."""
        if self.segments.done.total and not known.is_same_file(body.identity):
            raise StartOver("the file on Flow has changed since the download began")
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
