"""A record of a run is written, skipped, or replaced where Flow says something else now."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from flowtui.flow.errors import FlowError, NotFound, NotSignedIn, ServiceUnavailable
from flowtui.protocol.states import TransferState
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.disk.part_file import NoteBudget
from flowtui.transfer.errors import AuthRequired, PermanentError, TargetExists, TransientError
from flowtui.transfer.run_record import write_record
from flowtui.transfer.task import Outcome, Recorded, Task


class Records:
    """Says of a run what a test wants."""

    def __init__(self, log: str = "one line\n") -> None:
        self.log = log
        self.error: FlowError | None = None

    def run_records(self, execution_id: str) -> dict[str, str]:
        assert execution_id == "90"
        if self.error is not None:
            raise self.error
        return {"nextflow.log": self.log}


def write(root: Path, client: Any, *, ours: bool = True, before: Outcome | None = None) -> Outcome:
    """Write the record, where one may be there from `before`."""
    target = root / "records" / "nextflow.log"
    recorded = Recorded("record/90/nextflow.log", None, None) if ours else None
    if before is not None:
        recorded = Recorded(
            "record/90/nextflow.log", before.size, before.md5, mtime_ns=before.mtime_ns
        )
    task = Task(1, "record/90/nextflow.log", "nextflow.log", "record:90/nextflow.log", target,
                recorded=recorded)  # fmt: skip
    return write_record(task, client, NoteBudget(1 << 20), DiskCalls())


def test_it_is_written_and_then_here(tmp_path: Path) -> None:
    client = Records()
    assert write(tmp_path, client).state is TransferState.DONE
    assert (tmp_path / "records" / "nextflow.log").read_text() == "one line\n"
    assert write(tmp_path, client).state is TransferState.SKIPPED
    assert [path.name for path in (tmp_path / "records").iterdir()] == ["nextflow.log"]


def test_what_we_wrote_is_replaced_as_the_run_goes_on(tmp_path: Path) -> None:
    client = Records()
    before = write(tmp_path, client)
    client.log = "another line\n"
    outcome = write(tmp_path, client, before=before)
    assert (outcome.state, outcome.replaced) == (TransferState.DONE, "")
    assert (tmp_path / "records" / "nextflow.log").read_text() == client.log
    assert [path.name for path in (tmp_path / "records").iterdir()] == ["nextflow.log"]


def test_what_somebody_made_of_it_is_kept_beside_it(tmp_path: Path) -> None:
    client = Records()
    before = write(tmp_path, client)
    path = tmp_path / "records" / "nextflow.log"
    path.write_text("one line, and my notes\n")
    outcome = write(tmp_path, client, before=before)
    assert path.read_text() == client.log
    assert path.with_name(outcome.replaced).read_text() == "one line, and my notes\n"


def test_no_more_is_read_of_a_foreign_file_than_the_record_is_long(tmp_path: Path) -> None:
    path = tmp_path / "records" / "nextflow.log"
    path.parent.mkdir()
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole: nothing of it is on the disk
    tracemalloc.start()
    try:
        with pytest.raises(TargetExists):
            write(tmp_path, Records(), ours=False)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_foreign_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "records" / "nextflow.log"
    path.parent.mkdir()
    path.write_text("mine")
    with pytest.raises(TargetExists):
        write(tmp_path, Records(), ours=False)
    assert path.read_text() == "mine"
    path.unlink()
    path.mkdir()
    with pytest.raises(PermanentError):
        write(tmp_path, Records())


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (NotSignedIn("ended"), AuthRequired),
        (ServiceUnavailable("away"), TransientError),
        (NotFound("gone"), PermanentError),
    ],
)
def test_what_flow_refuses_is_said(tmp_path: Path, error: FlowError, raised: type) -> None:
    client = Records()
    client.error = error
    with pytest.raises(raised):
        write(tmp_path, client)


def test_a_record_that_is_gone_is_said(tmp_path: Path) -> None:
    class Nothing:
        def run_records(self, execution_id: str) -> dict[str, str]:
            return {}

    with pytest.raises(PermanentError, match="no longer has this record"):
        write(tmp_path, Nothing())
