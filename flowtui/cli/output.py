"""What commands print: messages for people on stderr, results and JSON lines on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from flowtui.cli.exit_codes import CommandError
from flowtui.system.standard_streams import failure_of
from flowtui.text import quantities
from flowtui.text.redaction import without_known, without_tokens


class OutputLost(Exception):
    """Nobody can read what a listing prints: the reader of the pipe has gone, or the disk is full.

    Attributes:
        error: what the system said.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.error = error


class Output:
    """Where a command's output goes.

    Words that cannot be written are no reason to stop: what is done counts. Only a listing, which
    does nothing but print, ends then.

    Attributes:
        as_json: one JSON object a line on stdout, nothing else there.
        quiet: say nothing but errors.
        is_listing: all that the command is run for is what it prints on stdout.
        note: who writes lines for people while something else is drawn on stderr, or None.
    """

    def __init__(
        self, *, as_json: bool = False, is_listing: bool = False, quiet: bool = False
    ) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.is_listing = is_listing
        self.note: Callable[[str], None] | None = None

    def say(self, text: str) -> None:
        """A line for people, on stderr."""
        if not self.quiet:
            self._say(text)

    def _say(self, text: str) -> None:
        if self.note is not None:
            self.note(text)
        else:
            _write(sys.stderr, text)

    def line(self, text: str, *, exact: bool = False) -> None:
        """A line of the result, on stdout. Raises OutputLost in a listing.

        `exact`: it is for programs, and true but for the tokens of this process.
        """
        _write(sys.stdout, text, without_known if exact else without_tokens)
        if self.is_listing and (error := failure_of(sys.stdout)) is not None:
            raise OutputLost(error)

    def content(self, piece: bytes) -> None:
        """Bytes of the result, on stdout, as they are. Raises OutputLost."""
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        if (error := failure_of(sys.stdout)) is not None:
            raise OutputLost(error)

    def frame(self, lines: Iterable[str]) -> None:
        """Lines in place of those of the last frame, on stdout. Raises OutputLost in a listing."""
        self.line("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")

    def event(self, name: str, /, **fields: Any) -> None:
        """A JSON object on stdout, if that is asked for."""
        if self.as_json:
            self.record({"event": name, **fields})

    def record(self, fields: dict[str, Any]) -> None:
        """A JSON object on stdout as one line, all but ASCII escaped, without tokens.

        Raises OutputLost in a listing.
        """
        self.line(json.dumps(_shown(fields), ensure_ascii=True))

    def error(self, error: CommandError) -> None:
        """One line that says what happened, and the same as an object where JSON is asked for."""
        self.event("error", code=error.code, message=error.message, status=int(error.exit))
        self._say(f"flowtui: {one_line(error.message)}")


_PATHS = frozenset(
    {"path", "filename", "root", "archive", "to", "key"}
    | {"replaced", "linked", "renamed_from", "foreign"}
)
"""Fields by which a program finds a file: true, but for the tokens of this process."""


def _shown(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return without_known(value) if name in _PATHS else without_tokens(value)
    if isinstance(value, dict):
        return {key: _shown(item, key) for key, item in value.items()}
    return [_shown(item, name) for item in value] if isinstance(value, list | tuple) else value


def _write(stream: Any, text: str, redacted: Callable[[str], str] = without_tokens) -> None:
    """Write a line; what the terminal's encoding lacks is shown escaped, never an error."""
    text = redacted(text)
    try:
        stream.write(text + "\n")
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def on_terminal() -> bool:
    """Whether someone sits in front of us: keys come in and what is drawn (on stderr) is seen."""
    return sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()


def one_line(text: str) -> str:
    """`text` as one line fit for a terminal."""
    from flowtui.text.printable import printable

    return printable(" ".join(text.split()))


@lru_cache(4096)  # a large selection has many files of one size, and humanize looks up each word
def size_text(size: int | None) -> str:
    """A number of bytes for people; `?` where nobody knows."""
    return "?" if size is None else quantities.size(size)


def seconds_text(seconds: float | None) -> str:
    """A time for people; nothing where nobody knows."""
    return "" if seconds is None else quantities.duration(seconds)


def counted(number: int, noun: str, many: str | None = None) -> str:
    """`1 file`, `12 files`, `12,345 files`."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"
