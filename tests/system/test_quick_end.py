"""A process that ends quickly has done all that it was to do, and gives its status."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import atexit, sys, threading
class Slow:
    def __del__(self): print("freed")
kept = Slow()
kept.itself = kept
atexit.register(lambda: print("registered first"))
from flowtui.system.quick_end import end_quickly
atexit.register(lambda: print("registered last"))
"""


def run(code: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=60
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_what_is_registered_and_written_is_done_once_and_nothing_is_freed() -> None:
    code = "print('said')\nsys.stderr.write('told')\nend_quickly(7)"
    assert run(code) == (7, ["said", "registered last", "registered first", "told"])


def test_threads_that_are_to_be_waited_for_are() -> None:
    code = """
let = threading.Event()
def last():
    let.wait()
    print('thread')
threading.Thread(target=last).start()
threading.Thread(target=threading.Event().wait, daemon=True).start()
let.set()
end_quickly(0)
"""
    assert run(code) == (0, ["thread", "registered last", "registered first"])


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_stream_does_not_change_the_status(stream: str) -> None:
    assert run(f"sys.{stream}.close()\nend_quickly(5)")[0] == 5


def test_a_command_ends_so() -> None:
    code = "sys.argv = ['flowtui', '--version']\nfrom flowtui.__main__ import main\nmain()"
    status, said = run(code)
    assert (status, said[1:]) == (0, ["registered last", "registered first"])
