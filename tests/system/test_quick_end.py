"""A process that ends quickly has done all that it was to do, and gives its status."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import atexit, sys, threading
from flowtui.system.quick_end import QuickEnd
class Slow:
    def __del__(self): print("freed")
ending = QuickEnd()
kept = Slow()
kept.itself = kept
atexit.register(lambda: print("registered"))
"""


def run(code: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=60
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_what_is_registered_and_written_is_done_and_nothing_is_freed() -> None:
    code = "ending.status = 7\nprint('said')\nsys.stderr.write('told')\nsys.exit(7)"
    assert run(code) == (7, ["said", "registered", "told"])


def test_threads_that_are_to_be_waited_for_are() -> None:
    code = """
let = threading.Event()
def last():
    let.wait()
    print('thread')
threading.Thread(target=last).start()
ending.status = 0
let.set()
"""
    assert run(code) == (0, ["thread", "registered"])


def test_where_no_status_is_known_python_ends_it() -> None:
    status, said = run("raise RuntimeError('odd')")
    assert status == 1
    assert said[:2] == ["registered", "freed"]
    assert said[-1] == "RuntimeError: odd"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_does_not_change_the_status(stream: str) -> None:
    assert run(f"ending.status = 5\nsys.{stream}.close()")[0] == 5
