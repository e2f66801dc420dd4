"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.lab import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with FaultServer() as server:
        made = Lab(server, tmp_path / "to")
        monkeypatch.setattr("flowtui.engine.download.backoff", lambda failures: made.pause)
        yield made
        made.stop()
