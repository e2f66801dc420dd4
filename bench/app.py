"""How fast the app opens, and how soon a key is answered while transfers run.

    .venv/bin/python bench/app.py [--starts 15] [--keys 300] [--rate 1e6]

A real process on a pseudo-terminal of 120x40, read by a terminal emulator (pyte), against the
embedded Flow server. "Opened" is the time from the start of the process until the panes are
painted; "answered" the time from a key to the first byte that the app writes for it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.terminal import Terminal


def signed_in(server: str, home: Path) -> dict[str, str]:
    """The environment of a user who has signed in."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FLOW")}
    environment |= {
        "FLOWTUI_HOME": str(home),
        "FLOW_TOKEN_FILE": str(home / "none"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "TERM": "xterm-256color",
    }
    code = (
        "import sys; from flowtui.config import folders; from flowtui.flow.client import "
        "FlowClient; from flowtui.flow.session.credentials import CredentialSource; "
        "from flowtui.flow.session.credential_store import CredentialStore; "
        "c = FlowClient(sys.argv[1]); c.account.sign_in('demo', 'demo'); f = folders().config; "
        "f.mkdir(parents=True, exist_ok=True); "
        "CredentialStore(f).keep(c.server, c.account.credential, CredentialSource.FILE)"
    )
    subprocess.run([sys.executable, "-c", code, server], env=environment, check=True)
    return environment


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all are at or below."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def opening(command: list[str], environment: dict[str, str], starts: int) -> list[float]:
    """Seconds to the painted panes, and to the listed projects, of so many starts."""
    painted, listed = [], []
    for number in range(starts + 1):
        terminal = Terminal(command, environment)
        try:
            first = terminal.until("My projects")
            second = terminal.until("Human cortex")
        finally:
            terminal.close()
        if number:  # the first one warms the caches
            painted.append(first)
            listed.append(second)
    print(f"opened: median {statistics.median(painted):.3f} s, worst {max(painted):.3f} s")
    print(f"projects listed: median {statistics.median(listed):.3f} s")
    return painted


def answering(command: list[str], environment: dict[str, str], keys: int) -> list[float]:
    """Seconds until a cursor key is answered while four transfers run."""
    terminal = Terminal(command, environment)
    try:
        terminal.until("Human cortex")
        terminal.press("\x1b[B\x1b[B\x1b[B")
        terminal.quiet(0.5)
        terminal.press("d")
        terminal.until("enter: one by one")
        terminal.press("\r")
        terminal.until("MB/s")
        times = []
        for number in range(keys):
            times.append(terminal.answered("\x1b[B" if number % 20 < 10 else "\x1b[A"))
            time.sleep(0.02)
        running = sum(" active" in line and "▶" in line for line in terminal.screen.display)
    finally:
        terminal.close()
    print(
        f"a key answered: median {1000 * statistics.median(times):.1f} ms, "
        f"99 % within {1000 * percentile(times, 0.99):.1f} ms, worst {1000 * max(times):.1f} ms "
        f"({running} transfers on the screen at the end)"
    )
    return times


def scrolling(command: list[str], environment: dict[str, str]) -> None:
    """Open the project of 2,000 samples and go through it to its end."""
    terminal = Terminal(command, environment)
    try:
        terminal.until("Human cortex")
        terminal.press("\x1b[B" * 4)
        terminal.quiet(0.5)
        begun = time.perf_counter()
        terminal.press("\r")
        terminal.until("guide_0000")
        print(f"2,000 samples opened in {time.perf_counter() - begun:.3f} s")
        times = [terminal.answered("\x1b[6~") for _ in range(120)]
        begun = time.perf_counter()
        terminal.press("\x1b[F")
        terminal.quiet(1.0)
    finally:
        terminal.close()
    print(
        f"a page down answered: median {1000 * statistics.median(times):.1f} ms, "
        f"99 % within {1000 * percentile(times, 0.99):.1f} ms"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=15)
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--rate", type=float, default=1e6, help="bytes/s of each connection")
    given = parser.parse_args()
    from flowtui.demo.serve import spawn

    program = str(Path(sys.executable).with_name("flowtui"))
    with tempfile.TemporaryDirectory() as scratch, spawn(rate=given.rate) as server:
        environment = signed_in(server.base_url, Path(scratch))
        command = [program, "--server", server.base_url, "--to", f"{scratch}/downloads"]
        try:
            opening(command, environment, given.starts)
            scrolling(command, environment)
            answering(command, environment, given.keys)
        finally:
            subprocess.run([program, "engine", "stop"], env=environment, check=False)


if __name__ == "__main__":
    main()
