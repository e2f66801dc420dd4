"""How fast the app opens and answers keys, what it writes to the terminal, and what it takes.

    .venv/bin/python bench/app.py [--starts 15] [--keys 300] [--seconds 10] [--samples 100000]

A real process on a pseudo-terminal, read by a terminal emulator (pyte), against the embedded Flow
server. "Opened" is the time from the start of the process until the panes are painted; "answered"
the time from a key to the first byte that the app writes for it; "the processor of a key" what all
threads of the app used while keys were pressed, without what they use in the same time by
themselves. The last part has a project of its own of very many samples, all of them loaded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.terminal import Terminal

SIZES = ((80, 24), (120, 40))
DOWN, UP, PAGE_DOWN, END = "\x1b[B", "\x1b[A", "\x1b[6~", "\x1b[F"
PROGRAM = str(Path(sys.executable).with_name("flowtui"))

TRANSFERS = 16
SLOW = 60e3
"""Bytes/s of each connection while bytes and keys are measured: nothing ends meanwhile."""


@dataclass(frozen=True)
class User:
    """Somebody who has signed in at `server`, with settings and queue of their own."""

    server: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the programs are run with."""
        given = {k: v for k, v in os.environ.items() if not k.startswith(("FLOW", "SSH_"))}
        return given | {
            "FLOWTUI_HOME": str(self.home),
            "FLOW_TOKEN_FILE": str(self.home / "none"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "TERM": "xterm-256color",
        }

    def sign_in(self) -> None:
        """Keep a token, and settings with which many files run at once."""
        code = (
            "import sys; from flowtui.config import folders; from flowtui.flow.client import "
            "FlowClient; from flowtui.flow.session.credentials import CredentialSource; "
            "from flowtui.flow.session.credential_store import CredentialStore; "
            "c = FlowClient(sys.argv[1]); c.account.sign_in('demo', 'demo'); f = folders().config; "
            "f.mkdir(parents=True, exist_ok=True); "
            "CredentialStore(f).keep(c.server, c.account.credential, CredentialSource.FILE); "
            "(f / 'settings.toml').write_text(sys.argv[2])"
        )
        settings = f"jobs = {TRANSFERS}\nconnections = 1\n"
        run = [sys.executable, "-c", code, self.server, settings]
        subprocess.run(run, env=self.environment, check=True)

    @contextmanager
    def app(
        self, size: tuple[int, int] = SIZES[1], *, until: str = "Human cortex"
    ) -> Iterator[App]:
        """The app, listing the projects."""
        to = str(self.home / "downloads")
        app = App([PROGRAM, "--server", self.server, "--to", to], self.environment, *size)
        try:
            app.until(until)
            app.rate(1.0)
            yield app
        finally:
            app.close()

    def end(self) -> None:
        """End the engine."""
        subprocess.run([PROGRAM, "engine", "stop"], env=self.environment, check=False)


class App(Terminal):
    """The app on a terminal, and what it takes."""

    def processor(self) -> float:
        """Seconds of processor that its threads took so far."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self, what: str = "VmHWM") -> float:
        """Its memory at most so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(what))
        return int(line.split()[1]) / 1024

    def rate(self, seconds: float) -> float:
        """Bytes/s that it writes within so long."""
        before, end = self.received, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)
        return (self.received - before) / seconds

    def written_for(self, keys: str, quiet: float = 0.5) -> int:
        """Bytes written for these keys, until nothing came for a while."""
        before = self.received
        self.press(keys)
        self.quiet(quiet)
        return self.received - before


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all are at or below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def milliseconds(times: list[float]) -> str:
    """Median and worst cases of times in seconds."""
    return (
        f"median {1000 * statistics.median(times):.1f} ms, "
        f"99 % within {1000 * percentile(times, 0.99):.1f} ms, worst {1000 * max(times):.1f} ms"
    )


def say(what: str, measured: str, goal: str = "") -> None:
    """One row of the table."""
    print(f"| {what} | {measured} | {goal} |", flush=True)


def opening(user: User, starts: int) -> None:
    """Time to the painted panes, and to the listed projects."""
    painted, listed = [], []
    for number in range(starts + 1):
        terminal = App([PROGRAM, "--server", user.server], user.environment)
        try:
            first = terminal.until("My projects")
            second = terminal.until("Human cortex")
        finally:
            terminal.close()
        if number:  # the first one warms the caches
            painted.append(first)
            listed.append(second)
    worst = f"median {statistics.median(painted):.2f} s, worst {max(painted):.2f} s"
    say("first screen painted, from the start of the process", worst, "≤ 0.4 s")
    say("projects listed", f"median {statistics.median(listed):.2f} s")


def writing(user: User, size: tuple[int, int], seconds: float) -> None:
    """Bytes for keys, help and a dialog, and of an app that nothing happens in."""
    where = "{}x{}".format(*size)
    with user.app(size) as app:
        say(f"{where}: nothing happens", f"{app.rate(seconds):.0f} B/s", "0")
        moves = [app.written_for(DOWN, 0.25) for _ in range(8)]
        moves += [app.written_for(UP, 0.25) for _ in range(8)]
        words = f"median {statistics.median(moves):.0f} B, worst {max(moves)} B"
        say(f"{where}: a cursor key in the tree", words, "≤ 400 B")
        say(f"{where}: help", f"{app.written_for('?') / 1000:.1f} kB", "≤ 10 kB")
        say(f"{where}: help closed", f"{app.written_for(chr(27), 0.8) / 1000:.1f} kB", "≤ 10 kB")
        app.press(DOWN * 2)
        app.quiet(0.5)
        say(f"{where}: the download dialog", f"{app.written_for('d') / 1000:.1f} kB", "≤ 10 kB")
        say(f"{where}: nothing happens in it", f"{app.rate(seconds):.0f} B/s", "0")


def queue(user: User) -> None:
    """Have so many transfers run."""
    ask = [PROGRAM, "add", "--server", user.server, "--to", str(user.home / "downloads")]
    named = [PROGRAM, "ls", "--server", user.server, "--json"]
    listed = subprocess.run(named, env=user.environment, check=True, capture_output=True, text=True)
    import json

    projects = [json.loads(line) for line in listed.stdout.splitlines()]
    genomes = next(row for row in projects if "genomes" in row["name"].lower())
    asked = [*ask, f"project/{genomes['id']}"]
    subprocess.run(asked, env=user.environment, check=True, capture_output=True)


def transferring(user: User, size: tuple[int, int], seconds: float, goal: str) -> None:
    """Bytes while so many transfers run, and while a finished queue is listed."""
    with user.app(size) as app:
        app.until(" active")
        app.rate(3)
        where = "{}x{}".format(*size)
        say(f"{where}: {TRANSFERS} transfers", f"{app.rate(seconds) / 1000:.1f} kB/s", goal)


def answering(user: User, keys: int) -> None:
    """How soon a cursor key is answered while so many transfers run."""
    with user.app() as app:
        app.until(" active")
        app.rate(2)
        times = []
        for number in range(keys):
            times.append(app.answered(DOWN if number % 20 < 10 else UP))
            time.sleep(0.02)
        goal = "99 % within 25 ms"
        say(f"a cursor key answered while {TRANSFERS} transfers run", milliseconds(times), goal)


def working(user: User, keys: int, goal: str) -> None:
    """The processor of a cursor key, and of transfers that are watched."""
    with user.app() as app:
        app.quiet(1.0)

        def used(seconds: float, press: Callable[[int], None]) -> float:
            before, begun = app.processor(), time.perf_counter()
            for number in range(keys):
                press(number)
                app.rate(max(0.0, begun + seconds * (number + 1) - time.perf_counter()))
            return (app.processor() - before) / keys

        at_rest = used(0.06, lambda _: None)
        busy = used(0.06, lambda number: app.press(DOWN if number % 20 < 10 else UP))
        say("the processor of a cursor key", f"{1000 * (busy - at_rest):.1f} ms", goal)


def scrolling(user: User) -> None:
    """Open the project of 2,000 samples and go through it."""
    with user.app() as app:
        app.press(DOWN * 4)
        app.quiet(0.5)
        begun = time.perf_counter()
        app.press("\r")
        app.until("guide_0000")
        say("2,000 samples opened", f"{time.perf_counter() - begun:.2f} s")
        times = [app.answered(PAGE_DOWN) for _ in range(120)]
        app.press(END)
        app.quiet(1.0)
    say("a page down in them", milliseconds(times))


def loading_all(user: User, samples: int, keys: int) -> None:
    """A project of very many samples, all of them loaded: keys meanwhile and afterwards."""
    with user.app(until="A project of") as app:
        before = app.memory()
        app.press(DOWN)
        app.quiet(0.3)
        app.press("\r")
        app.until("samples", 30)
        app.press(DOWN + "\r")
        app.until("sample_000000")
        app.press("\x1b[F")
        app.quiet(1.0)
        begun = time.perf_counter()
        app.press("/")
        app.quiet(0.3)
        app.press("sample\r")
        app.until("more not loaded", 60)
        app.quiet(1.0)
        app.press("G")
        app.quiet(1.0)
        app.press("\r")  # on the line that offers to load the rest
        times = []
        end = time.perf_counter() + 600
        while any("more not loaded" in line for line in app.screen.display):
            times.append(app.answered(UP))
            times.append(app.answered(DOWN))
            app.rate(0.05)
            if time.perf_counter() > end:
                say(f"all {samples:,} samples loaded", "not within 600 s")
                break
        else:
            say(f"all {samples:,} samples loaded", f"{time.perf_counter() - begun:.0f} s")
        if times:
            say("a cursor key meanwhile", milliseconds(times), "every one ≤ 50 ms")
        app.press("\x1b")
        app.quiet(2.0)
        after = [app.answered(key) for key in (DOWN, PAGE_DOWN, END, UP, "\x1b[H") * (keys // 5)]
        say(f"a key in {samples:,} samples", milliseconds(after), "every one ≤ 50 ms")
        opened = [app.answered(key) for key in ("/", *"sample_0999", "\x1b")]
        say("filtering them, a key", milliseconds(opened), "every one ≤ 50 ms")
        say(
            "memory of the app, before and at most", f"{before:.0f}, {app.memory():.0f} MB", "≤ 150"
        )


@contextmanager
def very_many(samples: int) -> Iterator[str]:
    """A server with one project of so many samples, in a process of its own; its address."""
    code = f"""
import sys
from flowtui.demo import projects
from flowtui.demo.sample_data import Builder
from functools import lru_cache
@lru_cache(maxsize=1)
def build():
    builder = Builder()
    project = builder.project("A project of {samples:,} samples")
    for number in range({samples}):
        sample = builder.sample(project, f"sample_{{number:06}}", "RNA-Seq", "Hs")
    return builder.all
from flowtui.demo import app
app.build = build
from flowtui.demo.serve import DemoServer
with DemoServer() as server:
    print(server.base_url, flush=True)
    sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10, help="for which bytes are counted")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--only", default="", help="a part of the names of what to measure")
    given = parser.parse_args()
    from flowtui.demo.serve import spawn

    small, large = SIZES
    seconds = given.seconds
    alone: list[Callable[[User], None]] = [
        lambda user: opening(user, given.starts),
        lambda user: writing(user, small, seconds),
        lambda user: writing(user, large, seconds),
        lambda user: working(user, given.keys, "≤ 8 ms"),
        scrolling,
    ]
    under_way: list[Callable[[User], None]] = [
        queue,
        lambda user: transferring(user, small, seconds, "≤ 4 kB/s"),
        lambda user: transferring(user, large, seconds, "≤ 8 kB/s"),
        lambda user: answering(user, given.keys),
    ]
    print("| what | measured | goal |\n|---|---|---|")
    if given.only in "small":
        with tempfile.TemporaryDirectory() as scratch, spawn(rate=SLOW) as server:
            user = User(server.base_url, Path(scratch))
            user.sign_in()
            try:
                for measure in alone + under_way:
                    measure(user)
            finally:
                user.end()
    if given.only in "many":
        with tempfile.TemporaryDirectory() as scratch, very_many(given.samples) as address:
            user = User(address, Path(scratch))
            user.sign_in()
            try:
                loading_all(user, given.samples, given.keys)
            finally:
                user.end()


if __name__ == "__main__":
    main()
