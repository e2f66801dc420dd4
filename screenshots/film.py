"""Makes the animation of the README from a real session: browse, mark, download, quit, reattach.

A shell on a pseudo-terminal, the real program in it, against the embedded Flow server. What it
wrote becomes an asciicast (version 2, for asciinema) and an SVG, with the frames that pyte shows.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from fcntl import ioctl
from html import escape
from pathlib import Path
from typing import Any

import pyte

HERE = Path(__file__).parent
COLUMNS, LINES = 100, 30

LONGEST_REST = 1.2
"""Seconds that nothing happens in the film, at most."""

FRAME = 0.25
"""Seconds between two frames of the SVG."""

_NAMED = {"default": "#dadada", "black": "#121212", "red": "#ff8787", "green": "#87d787",
          "brown": "#d7af5f", "blue": "#5fafd7", "magenta": "#d787d7", "cyan": "#87d7d7",
          "white": "#dadada"}  # fmt: skip
_BACK = "#121212"


class Shown:
    """What a person sees of what was written; beside pyte it knows the alternate screen."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self._before: Any = None

    def feed(self, data: bytes) -> None:
        """Take what was written."""
        for part in re.split(rb"(\x1b\[\?1049[hl])", data):
            if part == b"\x1b[?1049h":
                cursor = self.screen.cursor
                self._before = deepcopy(self.screen.buffer), cursor.y, cursor.x
                self.screen.erase_in_display(2)
            elif part == b"\x1b[?1049l" and self._before is not None:
                self.screen.buffer, y, x = self._before
                self.screen.cursor.y, self.screen.cursor.x = y, x
                self.screen.cursor.attrs = self.screen.default_char
            else:
                self._stream.feed(part)


@dataclass
class Recording:
    """A session on a pseudo-terminal: when it wrote what."""

    process: subprocess.Popen[bytes]
    master: int
    shown: Shown = field(default_factory=Shown)
    written: list[tuple[float, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def read(self, seconds: float) -> None:
        """Take what comes within so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.master], [], [], left)[0]:
                return
            try:
                data = os.read(self.master, 1 << 16)
            except OSError:
                return
            self.written.append((time.monotonic() - self._began, data))
            self.shown.feed(data)

    def until(self, fits: Callable[[str], bool], what: str, seconds: float = 60.0) -> None:
        """Read until the screen fits."""
        end = time.monotonic() + seconds
        while not fits("\n".join(self.shown.screen.display)):
            if time.monotonic() > end:
                raise TimeoutError(f"{what} never came:\n" + "\n".join(self.shown.screen.display))
            self.read(0.1)

    def press(self, keys: str, rest: float = 0.35) -> None:
        """Press a key, and let it be seen."""
        os.write(self.master, keys.encode())
        self.read(rest)

    def type(self, words: str) -> None:
        """Type as people do, and enter."""
        for character in words:
            self.press(character, 0.06)
        self.press("\r", 0.3)


def record(server: str, home: Path) -> Recording:
    """The session, from the first key to the end."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLOW")}
    environment |= {
        "FLOWTUI_HOME": str(home),
        "FLOW_API_URL": server,
        "FLOW_TOKEN_FILE": str(home / "none"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PS1": "$ ",
    }
    environment.pop("NO_COLOR", None)
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile"], stdin=slave, stdout=slave, stderr=slave,
        env=environment, cwd=home, start_new_session=True,
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - its own terminal
    )  # fmt: skip
    os.close(slave)
    film = Recording(shell, master)
    try:
        _play(film)
    finally:
        shell.kill()
        shell.wait()
        subprocess.run(["flowtui", "engine", "stop"], env=environment, check=False)
    return film


def _play(film: Recording) -> None:
    film.until(lambda text: "$" in text, "the prompt")
    film.read(0.6)
    film.type("flowtui --to downloads")
    film.until(lambda text: "Whole genomes" in text, "the projects")
    film.read(0.8)
    film.press("\x1b[B")
    film.press("\r")  # the first project
    film.until(lambda text: "Samples" in text, "the project")
    film.press("\x1b[B")
    film.until(lambda text: "cortex_ctrl_1" in text, "its samples")
    film.press("\x1b[B")
    for _ in range(2):
        film.press(" ")  # two samples
    film.press("/", 0.3)
    for letter in "genomes":
        film.press(letter, 0.08)
    film.press("\r", 0.6)
    film.press(" ", 0.6)  # a large project, so that something is under way
    film.press("\x1b", 0.6)
    film.press("d")
    film.until(lambda text: "Download" in text and "free" in text, "the dialog")
    film.read(1.2)
    film.press("\r")
    film.until(lambda text: "Queued" in text, "the batch in the queue")
    film.until(lambda text: "B/s" in text, "bytes on their way")
    film.read(2.0)
    film.press("q")  # leave; the engine goes on
    film.until(lambda text: "Quit, keep downloading" in text, "the question")
    film.read(1.0)
    film.press("\r")
    film.until(lambda text: text.rstrip().endswith("$"), "the prompt again")
    film.read(1.0)
    film.type("flowtui status | head -n 8")
    film.read(2.0)
    film.type("flowtui --to downloads")
    film.until(lambda text: "engine: running" in text and "B/s" in text, "the same downloads")
    film.read(4.0)
    film.press("q")
    film.until(lambda text: "Quit, keep downloading" in text, "the question")
    film.press("\r", 1.0)
    film.until(lambda text: text.rstrip().endswith("$"), "the prompt at the end")
    film.type("flowtui engine stop")
    film.read(2.0)


def shortened(written: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    """The same without long rests."""
    found, before, now = [], 0.0, 0.0
    for at, data in written:
        now += min(LONGEST_REST, at - before)
        before = at
        found.append((now, data))
    return found


def asciicast(written: list[tuple[float, bytes]]) -> str:
    """The recording for asciinema."""
    head = {"version": 2, "width": COLUMNS, "height": LINES, "title": "flowtui"}
    lines = [json.dumps(head)]
    rest = b""
    for at, data in written:
        whole = rest + data
        text = whole.decode("utf-8", "ignore")
        rest = whole[len(text.encode()) :] if len(text.encode()) < len(whole) else b""
        lines.append(json.dumps([round(at, 3), "o", text]))
    return "\n".join(lines) + "\n"


def frames(written: list[tuple[float, bytes]]) -> list[tuple[float, list[str]]]:
    """What a person would see, four times a second at most: when, and each row as SVG."""
    shown = Shown()
    found: list[tuple[float, list[str]]] = []
    due = 0.0
    for number, (at, data) in enumerate(written):
        shown.feed(data)
        is_last = number == len(written) - 1
        if at >= due or is_last:
            rows = [_row(shown.screen, y) for y in range(LINES)]
            if not found or rows != found[-1][1]:
                found.append((at, rows))
            due = at + FRAME
    return found


CELL, HEIGHT = 8.4, 17


def _row(screen: pyte.Screen, y: int) -> str:
    """One row: its backgrounds, then its words, cells of one look together."""
    cells = [screen.buffer[y][x] for x in range(COLUMNS)]
    backs, words = "", ""
    x = 0
    while x < COLUMNS:
        look = _look(cells[x])
        end = x + 1
        while end < COLUMNS and _look(cells[end]) == look:
            end += 1
        fore, back, is_bold = look
        text = "".join(cell.data for cell in cells[x:end])
        if back != _BACK:
            wide = f'width="{(end - x) * CELL:g}" height="{HEIGHT}"'
            backs += f'<rect x="{x * CELL:g}" {wide} fill="{back}"/>'
        if text.strip():
            bold = ' font-weight="bold"' if is_bold else ""
            place = f'x="{x * CELL:g}" y="13" textLength="{len(text) * CELL:g}"'
            words += f'<text {place} fill="{fore}"{bold}>{escape(text)}</text>'
        x = end
    return backs + words


def _look(cell: pyte.screens.Char) -> tuple[str, str, bool]:
    fore, back = _colour(cell.fg, _NAMED["default"]), _colour(cell.bg, _BACK)
    return (back, fore, cell.bold) if cell.reverse else (fore, back, cell.bold)


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return _NAMED.get(name.removeprefix("bright"), f"#{name}" if len(name) == 6 else default)


def svg(found: list[tuple[float, list[str]]]) -> str:
    """The frames beside each other on a strip that is moved; each row is written once."""
    width, height = COLUMNS * CELL, LINES * HEIGHT
    length = found[-1][0] + 2.0
    ids: dict[str, int] = {}
    strip = ""
    for number, (_, rows) in enumerate(found):
        uses = ""
        for y, row in enumerate(rows):
            if row:
                uses += f'<use href="#r{ids.setdefault(row, len(ids))}" y="{y * HEIGHT}"/>'
        strip += f'<g transform="translate({number * width:g})">{uses}</g>'
    defs = "".join(f'<g id="r{id_}">{row}</g>' for row, id_ in ids.items())
    steps = "".join(
        f"{100 * at / length:.3f}%{{transform:translateX({-number * width:g}px)}}"
        for number, (at, _) in enumerate([(0.0, found[0][1]), *found[1:]])
    )
    frame = f'x="-10" y="-10" width="{width + 20:g}" height="{height + 20:g}" rx="8"'
    clip = f'<clipPath id="c"><rect width="{width:g}" height="{height}"/></clipPath>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 {width + 20:g} {height + 20:g}">'
        "<style>text{font:14px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
        "white-space:pre}#film{animation:film "
        f"{length:.1f}s steps(1,end) infinite}}@keyframes film{{{steps}}}</style>"
        f'<defs>{defs}{clip}</defs><rect {frame} fill="{_BACK}"/>'
        f'<g clip-path="url(#c)"><g id="film">{strip}</g></g></svg>\n'
    )


def make(server: str, home: Path) -> None:
    """Both files."""
    written = shortened(record(server, home).written)
    (HERE / "session.cast").write_text(asciicast(written), encoding="utf-8")
    (HERE / "session.svg").write_text(svg(frames(written)), encoding="utf-8")
    print(HERE / "session.cast", HERE / "session.svg", sep="\n")
