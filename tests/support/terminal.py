"""A program on a pseudo-terminal of its own: keys go in, and what a person would see comes out."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from fcntl import ioctl

import pyte

from support.waiting import GUARD

COLUMNS, LINES = 120, 40


class Terminal:
    """A program on a pseudo-terminal, and what it shows.

    Attributes:
        screen: what a person would see. `received`: bytes that the program wrote so far.
    """

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        columns: int = COLUMNS,
        lines: int = LINES,
    ) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.received = 0
        self._stream = pyte.ByteStream(self.screen)
        master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # its own: SIGHUP comes when lost
        )
        os.close(slave)
        self._master = master

    def read(self, seconds: float) -> bool:
        """Take what comes within `seconds`; whether anything did."""
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            written = os.read(self._master, 1 << 16)
        except OSError:
            return False
        self.received += len(written)
        self._stream.feed(written)
        return True

    def until(self, words: str, seconds: float = GUARD) -> float:
        """Read until `words` are on the screen; the time since the process began."""
        end = time.perf_counter() + seconds
        while not any(words in line for line in self.screen.display):
            if time.perf_counter() > end:
                raise TimeoutError(f"{words!r} never came:\n" + "\n".join(self.screen.display))
            self.read(0.05)
        return time.perf_counter() - self.began

    def until_like(self, fits: Callable[[str], bool], seconds: float = GUARD) -> None:
        """Read until what is on the screen fits."""
        end = time.perf_counter() + seconds
        while not fits(self.text):
            if time.perf_counter() > end:
                raise TimeoutError("it never looked as it should:\n" + self.text)
            self.read(0.05)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, which the program is told of."""
        self.screen.resize(lines, columns)
        ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, keys: str) -> None:
        """Send keys."""
        os.write(self._master, keys.encode())

    def quiet(self, seconds: float) -> None:
        """Read until nothing came for so long."""
        while self.read(seconds):
            pass

    def answered(self, key: str) -> float:
        """Seconds from a key to the first byte written after it."""
        while self.read(0):
            pass
        begun = time.perf_counter()
        self.press(key)
        while not self.read(1.0):
            pass
        return time.perf_counter() - begun

    def ended(self, seconds: float = GUARD) -> int:
        """Read until the program ends; its exit status."""
        end = time.perf_counter() + seconds
        while self.process.poll() is None:
            if time.perf_counter() > end:
                raise TimeoutError("it does not end:\n" + self.text)
            self.read(0.05)
        while self.read(0):
            pass
        return self.process.returncode

    def hang_up(self) -> None:
        """Close the terminal, as a lost SSH session does: the program gets SIGHUP."""
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        """Kill what is left, and close the terminal."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._master >= 0:
            self.hang_up()
