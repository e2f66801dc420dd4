"""The background engine's process where the disk of its state folder hangs."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.daemon.log import EngineLog, LogTrouble, _FromThread
from support.hanging_disk import HangingDisk
from support.waiting import GUARD


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingDisk]:
    made = HangingDisk(tmp_path, monkeypatch)
    yield made
    made.let_go()


def record(words: str) -> logging.LogRecord:
    return logging.LogRecord("flowtui.engine", logging.INFO, "", 0, words, None, None)


def test_who_logs_does_not_wait_for_the_log_s_disk(tmp_path: Path, disk: HangingDisk) -> None:
    file = tmp_path / "engine.log"
    log = _FromThread(EngineLog(file, LogTrouble()))
    disk.hang("open")
    log.handle(record("first"))
    disk.until_held()
    log.handle(record("second"))
    log.finish(0.01)
    disk.let_go()
    log.finish(GUARD)
    assert [line.split(" INFO ")[1] for line in file.read_text().splitlines()] == [
        "first",
        "second",
    ]


def test_a_process_that_is_told_to_end_does_so_whatever_hangs() -> None:
    hanging = (
        "import threading; from flowtui.daemon.process import end_hard_after; "
        "end_hard_after(0.01); threading.Event().wait()"
    )
    assert subprocess.run([sys.executable, "-c", hanging], timeout=GUARD).returncode == 0
