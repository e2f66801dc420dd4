"""Standard streams that are always there and never fail: words lost are no reason to stop.

What a program writes may go to a closed descriptor, a full disk, a pipe that nobody reads or a
terminal that is gone. None of that ends what it is doing: what could not be written is dropped and
remembered (`failure_of`), and who wrote decides at its end what follows from it.
"""

from __future__ import annotations

import io
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAMES = ("stdin", "stdout", "stderr")
"""Of the descriptors 0, 1 and 2."""


class Descriptor(io.RawIOBase):
    """What is written to a descriptor, as far as it takes it.

    Attributes:
        failure: what kept bytes from being written, the first time; None where nothing did.
    """

    def __init__(self, number: int, *, gives_up: bool) -> None:
        """With `gives_up` nothing follows what was lost: a reader would not see the gap."""
        self.failure: OSError | None = None
        self._number = number
        self._gives_up = gives_up

    def writable(self) -> bool:
        """Whether it takes bytes: always."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._number)

    def write(self, content: ReadableBuffer, /) -> int:
        """Write some bytes; how many are dealt with."""
        view = memoryview(content).cast("B")
        if self.failure is not None and self._gives_up:
            return len(view)
        while True:
            try:
                return os.write(self._number, view)
            except BlockingIOError:
                # Somebody who shares the pipe or terminal does not want to wait; we do.
                ready = select.poll()
                ready.register(self._number, select.POLLOUT)
                ready.poll()
            except OSError as error:
                self.failure = self.failure or error
                return len(view)


def make_dependable() -> None:
    """Give this process three standard streams, and have none of them raise OSError.

    To be called before anything is opened: a file that gets the number of a closed stream would be
    written over by whatever writes to that stream, child processes among them.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken. It is not open for writing: words that go there are
            # lost, and that is noticed.
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    if sys.stdin is None:
        sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", errors="replace", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    for number in (1, 2):
        name = NAMES[number]
        before: TextIO | None = getattr(sys, name)
        if before is not None:
            before.flush()
        stream = _stream(number, before)
        # Textual draws on the original of stderr.
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(number: int, before: TextIO | None) -> TextIO:
    """A stream as Python would have made it; what its encoding lacks is shown escaped."""
    raw = Descriptor(number, gives_up=number == 1)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
    )


def failure_of(stream: TextIO) -> OSError | None:
    """What kept words from being written to a stream; None where nothing did, as far as known."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, Descriptor) else None


def end_by_broken_pipe() -> int:
    """End as programs do whose reader has gone, without a word; the exit status if that fails."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    return 128 + signal.SIGPIPE
