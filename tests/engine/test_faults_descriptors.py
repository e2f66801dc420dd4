"""Few descriptors (`ulimit -n`): less is done at once, and what meets the end of them waits."""

from __future__ import annotations

import errno
import os
import resource
import socket
import ssl
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from flowtui import retry
from flowtui.config import Settings
from flowtui.engine.bulk import start
from flowtui.engine.engine import Engine
from flowtui.engine.store import recovery
from flowtui.engine.store.database import Store
from flowtui.engine.workers.pool import Workers
from flowtui.engine.workers.small_files import SmallFilePool, SmallFilePools
from flowtui.flow.errors import NotOffered
from flowtui.flow.http import certificates
from flowtui.flow.http.http_client import make_client
from flowtui.flow.remote_file import RemoteFile
from flowtui.flow.responses import network_error
from flowtui.flow.session.credentials import SaveError
from flowtui.protocol.states import TransferState
from flowtui.system import descriptors, files, folder_fsync, shared_folder
from flowtui.system.descriptors import ENOUGH, LEAST, RESERVED, patiently, shares, shortage
from flowtui.transfer.archive import extract
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.http.clients import ServerClients
from flowtui.transfer.pipeline import Steps
from flowtui.transfer.task import ExpectedFile, FileResult, Outcome
from support.fault_server import FaultServer, File
from support.lab import Lab, content
from support.record import Record
from support.services import QUICK, FakeClient, batch, engine, make_service, remote, rows
from support.waiting import GUARD, until

TOO_MANY = OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """While entered, this process may open about so many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Failing:
    """A function that fails so many times where `about` says so, and then does as ever."""

    def __init__(self, real: Any, times: int, about: Any = lambda *args: True) -> None:
        self.real, self.left, self.about = real, times, about
        self.lock = threading.Lock()

    def __call__(self, *args: Any, **more: Any) -> Any:
        with self.lock:
            fails = self.left > 0 and self.about(*args)
            self.left -= fails
        if fails:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.real(*args, **more)


@pytest.mark.parametrize("limit", [40, 64, 128, 256, 1024, ENOUGH])
@pytest.mark.parametrize("jobs", [1, 4, 16, 64])
def test_what_is_done_at_once_fits_the_limit(limit: int, jobs: int) -> None:
    given = shares(limit)
    at_a_time = given.files(jobs)
    large = at_a_time * (2 + given.connections(at_a_time))
    assert 1 <= at_a_time <= jobs
    rest = 2 * given.small + given.to_flush + given.kept
    assert large + rest <= max(limit - RESERVED, LEAST)
    assert given.unpacked <= max(limit - RESERVED, LEAST) // 8


def test_a_usual_limit_holds_nothing_back() -> None:
    assert shares(1024).connections(shares(1024).files(16)) >= 16
    assert shares(ENOUGH).unpacked >= 384


def test_the_limit_is_raised_as_far_as_is_allowed_and_of_use() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert descriptors.raise_limit() == min(hard, ENOUGH)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(hard, ENOUGH), hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_an_archive_is_unpacked_with_few_descriptors(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for number in range(100):
            made.writestr(f"f{number}", b"x" * 100)
    files = tuple(
        ExpectedFile(RemoteFile(f"data/{n}", f"f{n}", "", (), 100, None, str(n)), f"f{n}")
        for n in range(100)
    )
    came: dict[str, FileResult] = {}
    root = tmp_path / "to"
    root.mkdir()
    with descriptors_left(20):
        outcome = extract.run(
            extract.Unpack(archive, root, files, most_open=8), StopSignal(), came.update
        )
    assert (outcome.code, outcome.absent, len(came)) == ("", {}, 100)


@pytest.mark.parametrize("of", ["one pool", "the workers"])
def test_no_more_small_files_are_open_than_may_be(monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    """Each is, from its first byte until it is on the disk."""
    lock, go_on = threading.Lock(), threading.Event()
    now, most = Counter[str](), 0
    ended = threading.Semaphore(0)

    def begin(run: Any) -> Steps:
        nonlocal most
        with lock:
            now["open"] += 1
            most = max(most, now["open"])
        yield
        go_on.wait(GUARD)
        with lock:
            now["open"] -= 1
        return Outcome(TransferState.DONE)

    def finished(run: Any, outcome: Outcome) -> None:
        ended.release()

    def in_thread(work: Any) -> None:
        threading.Thread(target=work, daemon=True).start()

    pool: SmallFilePool | SmallFilePools = SmallFilePool(begin, finished, in_thread, to_flush=4)
    if of == "the workers":
        monkeypatch.setattr(Workers, "_begin", lambda self, run: begin(run))
        pool = Workers(finished, QUICK, shares=replace(shares(40), to_flush=4)).small_files
    for number in range(40):
        task = SimpleNamespace(id=number, size=1)
        pool.put(cast(Any, SimpleNamespace(task=task, folder="/to")))
    pool.widen(2)
    until(lambda: now["open"] >= 6)
    go_on.set()
    for _ in range(40):
        assert ended.acquire(timeout=GUARD)
    assert most <= 4 + 2


def test_many_small_files_come_with_few_descriptors(tmp_path: Path) -> None:
    with FaultServer() as server:
        for number in range(120):
            server.files[f"/downloads/{number}/f{number}"] = File(content(50, number))
        files = [remote(server, str(number), f"f{number}") for number in range(120)]
        made = engine(settings=Settings(), shares=shares(40))
        with descriptors_left(40):
            made.add(batch(server, tmp_path, *files))
            assert made.wait_idle(GUARD)
        states = Counter((row.state, row.reason) for row in rows(made))
        made.stop()
    assert states == {("done", "verified by md5"): 120}


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_part_file_that_cannot_be_opened_for_want_of_descriptors_is_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    fails = Failing(os.open, 5, lambda path, *args: str(path).endswith(".part"))
    for module in (files, shared_folder):
        monkeypatch.setattr(module, "os", SimpleNamespace(**{**vars(os), "open": fails}))
    lab.serve(content(size))
    lab.fetch()
    lab.expect("done", heard="too many files are open in flowtui")
    assert fails.left == 0


@pytest.mark.parametrize("size", [1000, 3 << 20])
def test_a_connection_that_cannot_be_opened_for_want_of_descriptors_is_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    fails = Failing(socket.create_connection, 5)
    monkeypatch.setattr(socket, "create_connection", fails)
    lab.serve(content(size))
    lab.fetch()
    lab.expect("done", heard="too many files are open in flowtui")
    assert fails.left == 0


def test_a_folder_is_put_on_the_disk_once_there_is_a_descriptor(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has its name by then: it is not to be looked for again as if it were another's."""
    fails = Failing(os.open, 2, lambda path, flags, *args: bool(flags & os.O_DIRECTORY))
    real = descriptors.patiently
    monkeypatch.setattr(folder_fsync, "os", SimpleNamespace(**{**vars(os), "open": fails}))
    monkeypatch.setattr(folder_fsync, "patiently", lambda open_it: real(open_it, lambda _: None))
    lab.serve(content(1000))
    lab.target.parent.mkdir(parents=True)
    lab.fetch(md5=None)
    lab.expect("done")
    assert fails.left == 0
    assert [path.name for path in lab.target.parent.iterdir()] == ["a.bin"]


class NoArchives(FakeClient):
    """Flow's client, of a Flow that prepares none."""

    def create_bulk_job(self, *_: Any) -> Any:
        raise NotOffered("no archives here")


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("bulk", [False, True])
def test_a_client_that_cannot_be_made_for_want_of_descriptors_is_made_later(
    tmp_path: Path, bulk: bool, wrapped: bool
) -> None:
    with FaultServer() as server:
        server.files["/downloads/1/f"] = File(content(50))
        real = make_service(NoArchives(server.url))
        fails = Failing(real, 3)

        def make(url: str) -> ServerClients:
            try:
                return cast(ServerClients, fails(url))
            except OSError as error:
                if wrapped:
                    raise SaveError("cannot read the credentials") from error
                raise

        record = Record()
        timings = replace(QUICK, bulk_job=retry.every(0.02))
        made = Engine(Settings(), make_service=make, timings=timings)
        record.attach(made)
        made.start()
        made.add(batch(server, tmp_path, remote(server, "1", "f"), bulk=bulk))
        assert made.wait_idle(GUARD)
        (row,) = rows(made)
        made.stop()
    assert (row.state, fails.left) == ("done", 0)
    told = [said.reason for said in (*record.jobs, *record.transfers)]
    assert any("too many files are open in flowtui" in reason for reason in told)


def test_a_look_at_what_is_here_waits_for_descriptors_as_long_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = Failing(start.find_existing, 70)
    monkeypatch.setattr(start, "find_existing", fails)
    record = Record()
    with FaultServer() as server:
        server.files["/downloads/1/f"] = File(content(50))
        made = engine(
            NoArchives(server.url),
            timings=replace(QUICK, too_many_open=retry.every(0.001)),
            record=record,
        )
        made.add(batch(server, tmp_path, remote(server, "1", "f"), bulk=True))
        assert made.wait_idle(GUARD)
        (row,) = rows(made)
        made.stop()
    assert (row.state, fails.left) == ("done", 0)
    waited = [job for job in record.jobs if job.code == descriptors.CODE]
    assert {job.state for job in waited} == {"pending"}
    assert waited[0].reason == "too many files are open in flowtui (see `ulimit -n`)"


def test_a_job_that_waits_for_descriptors_is_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "find_existing", Failing(start.find_existing, 10**6))
    record = Record()
    with FaultServer() as server:
        made = engine(timings=replace(QUICK, too_many_open=retry.every(3600)), record=record)
        made.add(batch(server, tmp_path, remote(server, "1", "f"), bulk=True))
        until(lambda: any(job.code == descriptors.CODE for job in list(record.jobs)))
        assert not made.is_idle()
        assert made.bulk([1], "cancel") == 1
        assert made.wait_idle(GUARD)
        made.stop()


def test_the_queue_is_opened_once_there_are_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says of that, as of everything, that it cannot open the file."""
    file = tmp_path / "queue.db"
    Store(file).close()
    held: list[int] = []
    waits: list[float] = []

    def let_go(seconds: float) -> None:
        """One more each time: the database can be opened before its log can."""
        waits.append(seconds)
        os.close(held.pop())

    monkeypatch.setattr(recovery, "patiently", lambda read: patiently(read, let_go))
    with descriptors_left(8):
        try:
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        restored = recovery.open_store(file)
        for descriptor in held:
            os.close(descriptor)
    restored.store.close()
    assert restored.rescued is None
    assert len(waits) >= 2


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "CURL_CA_BUNDLE", ""])
def test_certificates_that_cannot_be_read_now_are_not_passed_over(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client that is made without them would trust nobody for as long as there is an engine."""
    place = tmp_path / "ca.pem"
    place.write_text("")
    environment = ((name, str(place)),) if name else ()
    monkeypatch.setattr(certificates, "SYSTEM_FILES", (str(place),))
    fails = Failing(ssl.SSLContext.load_verify_locations, 1)
    monkeypatch.setattr(
        ssl.SSLContext,
        "load_verify_locations",
        lambda self, cafile=None, capath=None, cadata=None: (
            fails(self, cafile, capath, cadata) if cafile == str(place) else None
        ),
    )
    with pytest.raises(OSError, match="Too many"):
        certificates._trust.__wrapped__(None, environment)


def test_patience_ends_where_it_is_something_else_or_for_good() -> None:
    waited: list[float] = []
    assert patiently(Failing(lambda: 5, 3), waited.append) == 5
    assert len(waited) == 3
    with pytest.raises(OSError, match="Too many"):
        patiently(Failing(lambda: 5, 1000), waited.append)
    with pytest.raises(FileNotFoundError):
        patiently(lambda: os.open("/nowhere/at/all", os.O_RDONLY), waited.append)


def test_a_folder_that_cannot_be_listed_now_does_not_count_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its unfinished files would be taken for free names."""
    (tmp_path / "data").mkdir()
    paths = TargetPaths(tmp_path)
    monkeypatch.setattr(os, "scandir", Failing(os.scandir, 1))
    with pytest.raises(OSError, match="Too many"):
        paths._look_into(PurePosixPath("data"))


def test_the_words_for_the_api_are_about_descriptors() -> None:
    try:
        try:
            raise TOO_MANY
        except OSError as cause:
            raise httpx.ConnectError(str(cause)) from cause
    except httpx.ConnectError as error:
        found = network_error(error, "https://flow.example/x")
    assert found.retryable
    assert "too many files are open in flowtui (see `ulimit -n`)" in found.message
    assert shortage(OSError(errno.ENFILE, "")) == "too many files are open on this machine"
    assert shortage(OSError(errno.ENOENT, "")) == ""


def test_fewer_connections_are_kept_where_there_are_few_descriptors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (64, 64))
    client = make_client()
    routes = cast(Any, client._transport)
    assert routes._direct._kept._most == shares(64).kept == 5
    client.close()
