"""A disk that hangs: nothing but what is meant for it stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flowtui.config import Settings
from flowtui.demo.serve import DemoServer
from flowtui.engine.engine import Engine
from flowtui.engine.workers.pool import Workers
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch, BulkRow, TransferRow
from flowtui.protocol.states import BULK_ENDED, ENDED, BulkState, TransferState
from flowtui.timings import Timings
from flowtui.transfer.archive.commit import Finisher
from flowtui.transfer.archive.extract import _Extraction
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.http.clients import ServerClients
from flowtui.transfer.identity import Identity
from support import bulk
from support.fault_server import FaultServer, File
from support.hanging_disk import CALLS, HangingDisk
from support.lab import content
from support.services import QUICK, batch, engine, make_service, remote
from support.waiting import GUARD, until

T = TypeVar("T")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingDisk]:
    made = HangingDisk(tmp_path / "hung", monkeypatch)
    yield made
    made.let_go()


@pytest.fixture(scope="module")
def flow() -> Iterator[DemoServer]:
    with DemoServer(job_seconds=0.02, token_seconds=3600) as running:
        yield running


def part_in(folder: Path) -> PartFile:
    folder.mkdir(parents=True, exist_ok=True)
    part = PartFile(folder / "a.bin", Identity(key="data/1"))
    part.write(0, b"content")
    part.note(0, 7)
    return part


def comes_back(call: Callable[[], T]) -> T:
    """Call it in a thread, so that a call that hangs fails the test and not the whole run."""
    answer: Future[T] = Future()

    def act() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=act, daemon=True).start()
    return answer.result(GUARD)


def test_a_flush_that_hangs_holds_up_neither_its_file_s_notes_nor_other_folders(
    tmp_path: Path, disk: HangingDisk
) -> None:
    timings = replace(Timings(), flush_every=0.0, flush_check=0.001)
    workers = Workers(lambda run, outcome: None, timings)
    stuck, other = part_in(tmp_path / "hung"), part_in(tmp_path / "well")
    disk.hang("fsync")
    workers._opened(stuck)
    disk.until_held()
    comes_back(lambda: stuck.note(7, 8))
    assert stuck.unflushed == 1
    closed = workers._opened(other)
    until(lambda: not other.unflushed)
    closed()
    disk.let_go()
    until(lambda: not stuck.unflushed)
    workers.close(10.0)
    stuck.close()
    other.close()


def test_while_a_whole_file_is_flushed_its_lock_is_free(tmp_path: Path, disk: HangingDisk) -> None:
    part = part_in(tmp_path / "hung")
    disk.hang("fsync", ".part")
    settling = threading.Thread(target=part.settle, args=(7,), daemon=True)
    settling.start()
    disk.until_held()
    comes_back(lambda: part.note(0, 7))
    disk.let_go()
    settling.join()
    part.close()


# What is held, and when: the first look, once bytes were written, or once all are here. Not every
# call is made at every moment; a file that is not held comes to its end.

MOMENTS = {
    "first look": (None, ""),
    "in mid-transfer": (PartFile, "write"),
    "at the finish": (PartFile, "settle"),
}
ALERT = replace(QUICK, disk_patience=0.05, tick=0.01, flush_every=0.0, flush_check=0.01)


def hang_at(moment: str, kind: str, disk: HangingDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have that call held from that moment on, of the hung disk's files."""
    owner, name = MOMENTS[moment]
    if owner is None:
        disk.hang(kind)
        return
    real = getattr(owner, name)

    def hanging(self: PartFile, *args: Any, **more: Any) -> Any:
        if str(self.path).startswith(disk.root) and not disk.held:
            disk.hang(kind)
        return real(self, *args, **more)

    monkeypatch.setattr(owner, name, hanging)


def expect_alive(made: Engine, disk: HangingDisk, other: Batch, stuck: list[int] | None) -> None:
    """The engine answers, others come, the disk is told of, all can be cancelled, it ends."""
    until(lambda: disk.held or made.is_idle(), "neither held nor done")
    comes_back(lambda: made.status(rows=True))
    (well,) = comes_back(lambda: made.add(other)).ids
    until(lambda: state_of(made, well) == TransferState.DONE, "the other disk's file")
    if disk.held:
        told = f"the disk of {disk.root} has not answered for "
        # What is held may be a look at the free room alone, which no file waits for.
        until(
            lambda: told in made.trouble or all(map(has_ended, rows_of(made))),
            "the engine does not tell of it",
        )
        until(lambda: all(has_ended(row) or told in row.reason for row in rows_of(made)), "no row")
    comes_back(lambda: made.cancel(stuck))
    jobs = [job.id for job in comes_back(lambda: made.status(rows=True)).bulk_jobs]
    comes_back(lambda: made.bulk(jobs, "cancel"))
    assert made.wait_idle(GUARD)
    comes_back(lambda: made.stop(0.1))


def rows_of(made: Engine) -> list[TransferRow | BulkRow]:
    now = comes_back(lambda: made.status(rows=True))
    return [*now.transfers, *now.bulk_jobs]


def has_ended(row: TransferRow | BulkRow) -> bool:
    """Whether it is over; of an archive that is fetched its transfer tells."""
    return row.state in {*ENDED, *BULK_ENDED, BulkState.FETCHING}


def state_of(made: Engine, id_: int) -> str:
    rows = made.status(rows=True).transfers
    return next(row.state for row in rows if row.id == id_)


@pytest.mark.parametrize("size", [1000, 3 << 20], ids=["small files", "a large file"])
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", CALLS)
def test_a_call_that_hangs_holds_up_its_batch_alone(
    kind: str,
    moment: str,
    size: int,
    tmp_path: Path,
    disk: HangingDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FaultServer() as server:
        for number in range(1, 4):
            server.files[f"/downloads/{number}/f{number}"] = File(content(size, number))
        made = engine(timings=ALERT)
        hang_at(moment, kind, disk, monkeypatch)
        files = [remote(server, str(n), f"f{n}") for n in ((1, 2) if size < 1 << 20 else (1,))]
        stuck = comes_back(lambda: made.add(batch(server, disk.root, *files)))
        other = batch(server, tmp_path / "well", remote(server, "3", "f3"))
        expect_alive(made, disk, other, list(stuck.ids))
        disk.let_go()


UNPACKING = {
    "first look": (None, ""),
    "while it is unpacked": (_Extraction, "_write"),
    "at the finish": (Finisher, "_flush_and_rename"),
}


QUICKLY = {("at the finish", kind) for kind in ("fsync", "rename", "unlink")}
"""Of the archives, which moments are played each time, besides the first look."""


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        pytest.param(
            moment,
            kind,
            marks=[] if moment == "first look" or (moment, kind) in QUICKLY else pytest.mark.long,
        )
        for moment in UNPACKING
        for kind in CALLS
    ],
)
def test_a_call_that_hangs_holds_up_its_archive_alone(
    kind: str,
    moment: str,
    flow: DemoServer,
    tmp_path: Path,
    disk: HangingDisk,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timings = replace(bulk.QUICK, disk_patience=0.05, tick=0.01)
    made = bulk.start(flow, timings=timings)
    first, *files = bulk.files_of(flow, "project/12")[:4]
    owner, name = UNPACKING[moment]
    if owner is None:
        disk.hang(kind)
    else:
        real = getattr(owner, name)

        def hanging(self: Any, *args: Any, **more: Any) -> Any:
            disk.hang(kind)
            return real(self, *args, **more)

        monkeypatch.setattr(owner, name, hanging)
    comes_back(lambda: made.add(bulk.batch(flow, Path(disk.root), files)))
    expect_alive(made, disk, Batch(flow.base_url, str(tmp_path / "well"), "other", (first,)), [])
    disk.let_go()


@pytest.mark.parametrize("kind", ["open", "write", "fsync"])
def test_a_home_that_hangs_keeps_nothing_from_coming_nor_the_engine_from_ending(
    kind: str, tmp_path: Path, disk: HangingDisk
) -> None:
    home = Path(disk.root)
    home.mkdir()
    with FaultServer() as server:
        for number in (1, 2):
            server.files[f"/downloads/{number}/f{number}"] = File(content(1000, number))
        made = engine(timings=ALERT, database=home / "queue.db")
        disk.hang(kind)
        for number in (1, 2):
            file = remote(server, str(number), f"f{number}")
            comes_back(lambda file=file: made.add(batch(server, tmp_path / "to", file)))  # type: ignore[misc]
        disk.until_held()
        assert made.wait_idle(GUARD)
        assert [row.state for row in rows_of(made)] == [TransferState.DONE] * 2
        told = f"the disk of {home} has not answered for "
        until(lambda: told in made.trouble)
        comes_back(lambda: made.stop(0.1))
        disk.let_go()


def test_what_a_hung_home_did_not_take_is_saved_when_it_answers(
    tmp_path: Path, disk: HangingDisk
) -> None:
    home = Path(disk.root)
    home.mkdir()
    nobody = RemoteFile("data/1", "f1", "/downloads/1/f", ("data",))
    made = engine(timings=ALERT, database=home / "queue.db")
    disk.hang("fsync")
    made.add(Batch("http://127.0.0.1:9", str(tmp_path / "to"), "b", (nobody,)))
    disk.until_held()
    made.pause(None)
    disk.let_go()
    made.stop(GUARD)
    again = engine(database=home / "queue.db")
    assert [(row.key, row.state) for row in again.status(rows=True).transfers] == [
        ("data/1", TransferState.PAUSED)
    ]
    again.stop()


def test_a_client_that_cannot_be_made_for_a_hung_home_holds_up_its_server_alone(
    tmp_path: Path,
) -> None:
    gate, asked = threading.Event(), threading.Event()
    with FaultServer() as server:
        server.files["/downloads/1/f1"] = File(content(1000, 1))
        make = make_service()

        def making(url: str) -> ServerClients:
            if url != server.url:
                asked.set()
                gate.wait()  # for the file with the tokens, say
            return make(url)

        made = Engine(Settings(), make_service=making, timings=ALERT)
        made.start()
        file = remote(server, "1", "f1")
        stuck = made.add(Batch("http://127.0.0.1:9", str(tmp_path / "to"), "b", (file,)))
        assert asked.wait(GUARD)
        (well,) = comes_back(lambda: made.add(batch(server, tmp_path / "well", file))).ids
        until(lambda: state_of(made, well) == TransferState.DONE)
        comes_back(lambda: made.cancel(stuck.ids))
        gate.set()
        made.stop()
