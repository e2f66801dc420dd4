"""Engine processes that start quickly, to be killed: one that has imported all forks them.

Run as a script it reads orders as JSON lines and answers each with one. `Engines` is the other
end, for tests.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()


class Engines:
    """`with Engines() as engines: pid = engines.start(...)`."""

    def __enter__(self) -> Engines:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._ask({"do": "hello"}) == "ready"
        self._lock = threading.Lock()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def start(self, **how: Any) -> int:
        """An engine at work on the batch of the file `batch`; see `_engine`."""
        return int(self._ask({"do": "start", **how}))

    def ended(self, pid: int) -> int | None:
        """The exit status of an engine, negative for a signal; None while it lives."""
        answer = self._ask({"do": "look", "pid": pid})
        return None if answer is None else int(answer)

    def wait(self, pid: int, timeout: float = 60.0) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.ended(pid)) is None:
            assert time.monotonic() < deadline, "the engine does not end"
            time.sleep(0.005)
        return status

    def kill(self, pid: int, how: int = signal.SIGKILL) -> None:
        os.kill(pid, how)

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _engine(order: dict[str, Any]) -> int:
    """Download a batch: 0 when all is here."""
    from flowtui.config import Settings
    from flowtui.engine.engine import Engine
    from flowtui.protocol.messages import Batch
    from flowtui.timings import Timings
    from support.services import make_service

    timings = Timings()
    if "smallest" in order:
        timings = replace(timings, smallest_segment=order["smallest"])
    settings = Settings(jobs=order["jobs"], connections=order["connections"])
    made = Engine(
        settings,
        database=Path(order["database"]),
        make_service=make_service(read_timeout=60),
        timings=timings,
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    made.start()
    if not made.status().summary.counts:
        made.add(Batch.from_json(json.loads(Path(order["batch"]).read_text())))
    while not made.is_idle() and not ended.is_set():
        time.sleep(0.005)
    states = made.status().summary.counts
    made.stop()
    return 0 if set(states) <= {"done", "skipped"} else 3


def _serve() -> None:
    import httpx  # noqa: F401

    import flowtui.engine.engine  # noqa: F401
    import flowtui.flow.client  # noqa: F401
    import support.services  # noqa: F401

    ended: dict[int, int] = {}
    started: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        answer: object = "ready"
        if order["do"] == "start":
            pid = os.fork()
            if pid == 0:
                os.setsid()
                status = 4
                try:
                    status = _engine(order)
                except BaseException:
                    import traceback

                    traceback.print_exc()
                finally:
                    os._exit(status)
            answer = pid
            started.add(pid)
        elif order["do"] == "look":
            pid = order["pid"]
            if pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    ended[pid] = os.waitstatus_to_exitcode(status)
            answer = ended.get(pid)
        print(json.dumps(answer), flush=True)
    for pid in started - ended.keys():  # the tests have ended, however they did
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent.parent))
    _serve()
