"""Disks that are full, slow to give, shared with others, or gone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flowtui.system import fsync as disk_flush
from flowtui.transfer.disk import part_file
from flowtui.transfer.errors import disk_trouble
from support.fault_server import File
from support.lab import QUICK, Lab, content
from support.services import batch, engine, remote, rows
from support.waiting import GUARD, until

DATA = content(1_000_000)
LONG = content(3_000_000)


@pytest.fixture
def disk(lab: Lab) -> Iterator[Path]:
    """A file system of 4 MiB of its own, where the lab puts its files."""
    lab.root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "none", str(lab.root)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no file system may be mounted here: {made.stderr.strip()}")
    yield lab.root
    lab.stop()
    subprocess.run(["umount", "-l", str(lab.root)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Use the disk up but for `leave` bytes."""
    space = os.statvfs(disk)
    filler = disk / "filler"
    with filler.open("wb") as stream:
        stream.write(bytes(max(0, space.f_bavail * space.f_frsize - leave)))
    return filler


class Failing:
    """Makes a system call of the engine's files fail while `error` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, module=part_file) -> None:
        self.error: int | None = None
        self.calls = 0
        real: Callable = getattr(os, name)

        def call(*args, **more):
            if self.error is not None:
                self.calls += 1
                raise OSError(self.error, os.strerror(self.error))
            return real(*args, **more)

        shim = type("os", (), {})()
        shim.__dict__.update({**vars(os), name: call})
        monkeypatch.setattr(module, "os", shim)


# Room


def test_a_disk_that_is_full_before_is_waited_for_without_a_request(lab: Lab, disk: Path):
    filler = fill(disk, leave=500_000)
    lab.serve(DATA)
    made = lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    assert row.code == "NO_SPACE"
    assert row.reason.startswith("needs 6") and f"kB more in {disk}" in row.reason, row.reason
    assert lab.requests == []
    filler.unlink()
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=1, twice=0)


def test_a_disk_that_gets_full_in_mid_transfer_is_waited_for(lab: Lab, disk: Path):
    lab.serve(LONG, rate=3e6, held=500_000)
    made = lab.start()
    lab.until(lambda row: row.done > 400_000)
    filler = fill(disk, leave=300_000)
    lab.file.rate = 0
    row = lab.until(lambda row: row.state == "waiting")
    assert row.code == "NO_SPACE"
    assert f"MB more in {lab.target.parent}" in row.reason
    assert "to come)" in row.reason
    asked = len(lab.requests)
    lab.until(lambda row: row.state == "waiting")
    filler.unlink()
    assert made.wait_idle(GUARD)
    assert len(lab.requests) == asked + 1  # nothing was asked for while there was no room
    ranges = [one.range[0] for one in lab.requests if one.range]
    assert all(start > 300_000 for start in ranges)
    lab.expect("done")


def test_a_used_up_quota_is_waited_for(lab: Lab, monkeypatch):
    failing = Failing(monkeypatch, "pwrite")
    lab.serve(DATA)
    failing.error = errno.EDQUOT
    made = lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    assert (row.code, row.reason.partition(" at ")[0]) == ("NO_SPACE", "the quota is used up")
    assert "1.0 MB to come" in row.reason
    failing.error = None
    assert made.wait_idle(GUARD)
    lab.expect("done")


def test_room_is_promised_once_to_two_batches(lab: Lab, disk: Path):
    """4 MiB hold one of the two; the other waits until it is here and then still does not fit."""
    for n in "12":
        lab.server.files[f"/downloads/{n}/f{n}"] = File(content(2_200_000, int(n)), rate=4e6)
    made = lab.engine = engine(lab.client)
    made.add(batch(lab.server, disk, remote(lab.server, "1", "f1")))
    made.add(batch(lab.server, disk, remote(lab.server, "2", "f2")))
    states: set[tuple[str, ...]] = set()
    while ("done", "waiting") not in states:
        states.add(tuple(row.state for row in rows(made)))
    assert ("active", "active") not in states
    assert lab.server.of("/downloads/2/f2") == []


# Folders


def test_a_read_only_target_fails_with_words_and_a_retry_goes_on(lab: Lab, disk: Path):
    lab.serve(DATA)
    remount = ["mount", "-o"]
    subprocess.run([*remount, "remount,ro", str(disk)], check=True)
    made = lab.start()
    assert made.wait_idle(GUARD)
    row = lab.now()
    assert (row.state, row.code, row.retryable) == ("failed", "NOT_WRITABLE", True)
    assert f"cannot write in {lab.target.parent}" in row.reason
    assert lab.requests == []
    subprocess.run([*remount, "remount,rw", str(disk)], check=True)
    made.retry(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=1)


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_disk_that_becomes_read_only_keeps_what_is_there(lab: Lab, monkeypatch, error: int):
    failing = Failing(monkeypatch, "pwrite")
    lab.serve(LONG, rate=3e6, held=1_600_000)
    made = lab.start()
    lab.until(lambda row: row.done > 1_500_000)
    until(lambda: lab.flushed > 1_000_000, "that they are on the disk")
    failing.error, lab.file.rate = error, 0
    assert made.wait_idle(GUARD)
    assert (lab.now().state, lab.now().code) == ("failed", "NOT_WRITABLE")
    failing.error = None
    made.retry(None)
    assert made.wait_idle(GUARD)
    assert lab.requests[-1].range[0] > 1_000_000
    lab.expect("done", requests=2)


@pytest.mark.parametrize("what", ["the part file", "its folder", "the whole target", "the journal"])
def test_what_is_removed_under_way_costs_no_byte(lab: Lab, what: str):
    lab.serve(LONG, rate=6e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 500_000)
    if what == "the part file":
        lab.target.with_name("a.bin.part").unlink()
    elif what == "the journal":
        lab.target.with_name("a.bin.part.journal").unlink()
    else:
        shutil.rmtree(lab.target.parent if what == "its folder" else lab.root)
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=1, twice=0, verified_by="md5")


def test_a_part_file_that_is_emptied_under_way_is_noticed(lab: Lab):
    """The bytes were hashed before they went; what is left is a file of the right size."""
    lab.serve(LONG, rate=6e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 1_000_000)
    os.truncate(lab.target.with_name("a.bin.part"), 0)
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    if lab.now().state == "failed":
        assert lab.now().code == "TAMPERED"
        made.retry(None)
        assert made.wait_idle(GUARD)
    lab.expect("done", verified_by="md5")


def test_a_part_file_that_is_replaced_under_way_is_ours_again(lab: Lab):
    lab.serve(LONG, rate=6e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 500_000)
    part = lab.target.with_name("a.bin.part")
    part.unlink()
    part.write_bytes(b"something else" * 1000)
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=1, twice=0)


# Part files between two runs


def begun(lab: Lab, *, same_engine: bool) -> Path:
    """A part file with a good deal in it, and nobody at work on it."""
    lab.serve(LONG, rate=6e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 1_500_000)
    if same_engine:
        made.pause(None)
        assert made.wait_idle(GUARD)
    else:
        lab.stop()
    lab.file.rate = 0
    return lab.target.with_name("a.bin.part")


def go_on(lab: Lab, *, same_engine: bool) -> None:
    if same_engine:
        assert lab.engine is not None
        lab.engine.resume(None)
        assert lab.engine.wait_idle(GUARD)
    else:
        lab.fetch()


@pytest.fixture(params=[True, False], ids=["paused", "another engine"])
def same_engine(request) -> bool:
    return request.param


def test_a_shortened_part_file_is_gone_on_from_where_it_ends(lab: Lab, same_engine: bool):
    part = begun(lab, same_engine=same_engine)
    os.truncate(part, 300_000)
    go_on(lab, same_engine=same_engine)
    lab.expect("done", requests=2)
    assert lab.requests[1].range[0] == 300_000


def test_a_tampered_part_file_is_found_by_the_md5_and_fetched_anew(lab: Lab, same_engine: bool):
    part = begun(lab, same_engine=same_engine)
    with part.open("r+b") as stream:
        stream.seek(100_000)
        stream.write(b"not what came")
    go_on(lab, same_engine=same_engine)
    lab.expect("done", requests=3)
    assert lab.from_start(2)


def test_a_deleted_part_file_is_begun_again(lab: Lab, same_engine: bool):
    begun(lab, same_engine=same_engine).unlink()
    go_on(lab, same_engine=same_engine)
    lab.expect("done", requests=2)
    assert lab.from_start(1)


@pytest.mark.parametrize("text", [b"", b"{", b'{"flowtui": 99}\n', b"\x00" * 500, None])
def test_a_journal_that_is_no_use_means_from_the_start(lab: Lab, text: bytes | None):
    part = begun(lab, same_engine=False)
    journal = part.with_name(part.name + ".journal")
    journal.unlink() if text is None else journal.write_bytes(text)
    go_on(lab, same_engine=False)
    lab.expect("done", requests=2)
    assert lab.from_start(1)


def test_a_line_that_was_cut_off_counts_for_nothing(lab: Lab):
    part = begun(lab, same_engine=False)
    journal = part.with_name(part.name + ".journal")
    with journal.open("ab") as stream:
        stream.write(b'{"w":[0,29999')
    go_on(lab, same_engine=False)
    lab.expect("done", requests=2)
    assert lab.requests[1].range[0] < 3_000_000


# What stands there


def test_a_folder_of_that_name_is_left_alone_and_the_file_put_beside_it(lab: Lab):
    lab.serve(DATA)
    lab.target.mkdir(parents=True)
    lab.fetch()
    row = lab.stop()
    assert (row.state, row.path) == ("done", "data/a~2.bin")
    assert not list(lab.target.iterdir())


def test_a_folder_that_comes_up_under_way_is_in_the_way(lab: Lab):
    lab.serve(DATA, rate=2e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 300_000)
    lab.target.mkdir()
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.expect("failed", code="IN_THE_WAY", says=f"a folder stands at {lab.target}", part=True)


def test_a_file_where_a_folder_should_be_is_in_the_way(lab: Lab):
    lab.serve(DATA)
    lab.root.mkdir()
    lab.target.parent.write_text("I was here first")
    lab.fetch()
    lab.expect("failed", code="IN_THE_WAY", says="something is in the way", requests=0)
    assert lab.target.parent.read_text() == "I was here first"


@pytest.mark.parametrize("kind", ["different", "link", "dangling link"])
def test_what_is_not_ours_is_never_overwritten(lab: Lab, kind: str, tmp_path: Path):
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    other = tmp_path / "mine.txt"
    if kind == "different":
        lab.target.write_text("mine")
    else:
        if kind == "link":
            other.write_text("mine")
        lab.target.symlink_to(other)
    lab.fetch()
    row = lab.stop()
    assert (row.state, row.path) == ("done", "data/a~2.bin")
    assert (lab.root / row.path).read_bytes() == DATA
    assert not other.exists() or other.read_text() == "mine"


@pytest.mark.parametrize("same", [True, False], ids=["the same file", "another one"])
def test_a_file_that_comes_up_under_way_is_not_overwritten(lab: Lab, same: bool):
    lab.serve(DATA, rate=2e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 300_000)
    lab.target.write_bytes(DATA if same else b"mine")
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    row = lab.stop()
    if same:
        lab.expect("skipped", says="already here; verified by md5", requests=1)
    else:
        assert (row.state, row.path) == ("done", "data/a~2.bin")
        assert lab.target.read_bytes() == b"mine"


def test_a_finished_file_is_skipped_with_the_reason(lab: Lab):
    lab.serve(DATA)
    lab.fetch()
    lab.fetch()
    lab.expect("skipped", requests=1, says="already here, as recorded")


def test_a_crash_behind_the_last_step_leaves_nothing_behind(lab: Lab):
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(DATA)
    lab.target.with_name("a.bin.part.journal").write_text("{}")
    lab.fetch()
    lab.expect("skipped", requests=0)


# Names


def test_names_that_differ_in_case_alone_are_two_files_everywhere(lab: Lab):
    names = ["Reads.fastq", "reads.fastq", "READS.FASTQ"]
    for n, name in enumerate(names):
        lab.server.files[f"/downloads/{n}/{name}"] = File(content(1000, n))
    made = engine(lab.client)
    made.add(
        batch(lab.server, lab.root, *(remote(lab.server, str(n), x) for n, x in enumerate(names)))
    )
    assert made.wait_idle(GUARD)
    found = rows(made)
    made.stop()
    assert len({row.path.casefold() for row in found}) == 3
    for n, row in enumerate(found):
        assert (lab.root / row.path).read_bytes() == content(1000, n)


def test_an_over_long_name_is_shortened_and_kept_in_the_log(lab: Lab):
    name = "ä" * 300 + ".fastq.gz"
    lab.server.files[f"/downloads/1/{name}"] = File(DATA)
    file = remote(lab.server, "1", name, url="/long")
    lab.server.files["/long"] = File(DATA)
    made = engine(lab.client)
    made.add(batch(lab.server, lab.root, file))
    assert made.wait_idle(GUARD)
    (row,) = rows(made)
    made.stop()
    assert row.state == "done", row
    stands = lab.root / row.path
    assert stands.read_bytes() == DATA
    assert len(stands.name.encode()) < 256
    assert stands.name.endswith(".fastq.gz")
    assert json.loads((lab.root / "downloads.log").read_text())["filename"] == name


def test_a_path_that_is_too_long_fails_alone_with_words(lab: Lab):
    lab.serve(DATA)
    lab.server.files["/downloads/2/b.bin"] = File(DATA)
    deep = remote(lab.server, "2", "b.bin", folder=tuple(f"{n:02}" * 100 for n in range(30)))
    made = engine(lab.client)
    made.add(batch(lab.server, lab.root, deep, remote(lab.server, "1", "a.bin")))
    assert made.wait_idle(GUARD)
    bad, good = rows(made)
    made.stop()
    assert good.state == "done"
    assert (bad.state, bad.code) == ("failed", "NAME_TOO_LONG")


def test_the_part_file_is_always_on_the_file_system_of_the_target(lab: Lab, disk: Path, tmp_path):
    """The folder of the file is a link to a disk of its own."""
    elsewhere = tmp_path / "root"
    elsewhere.mkdir()
    (elsewhere / "data").symlink_to(disk)
    lab.root = elsewhere
    lab.serve(DATA, rate=2e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 200_000)
    assert (disk / "a.bin.part").exists()
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.root = disk  # so that the fixture unmounts it
    assert (disk / "a.bin").read_bytes() == DATA


# Network file systems


@pytest.fixture
def no_locks(monkeypatch):
    """A file system without a lock daemon behind it."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)


def test_without_locks_a_file_beside_it_is_the_lock(lab: Lab, no_locks):
    lab.serve(DATA, rate=2e6, held=-1)
    made = lab.start()
    lab.until(lambda row: row.done > 100_000)
    held = json.loads(lab.target.with_name("a.bin.part.lock").read_text())
    assert held["pid"] == os.getpid()
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=1, twice=0)
    assert (lab.root / "downloads.log").exists()


@pytest.mark.parametrize("who", ["living", "another host", "nobody says"])
def test_without_locks_a_holder_that_may_live_is_waited_for(lab: Lab, no_locks, who: str):
    from flowtui.system.boot import this_boot

    parent = Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19]
    text = {
        "living": {"boot": this_boot(), "pid": os.getppid(), "started": parent},
        "another host": {"boot": "node17 x", "pid": 1, "started": "1"},
        "nobody says": None,
    }[who]
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    beside = lab.target.with_name("a.bin.part.lock")
    beside.write_text(json.dumps(text) if text else "")
    made = lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    assert "another flowtui is fetching a.bin" in row.reason
    assert str(beside) in row.reason
    assert who != "another host" or "process 1 on node17" in row.reason
    assert lab.requests == []
    beside.unlink()
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=1)


@pytest.mark.parametrize("dead", ["ended", "another process of that number", "before a restart"])
def test_without_locks_a_dead_holder_is_taken_over(lab: Lab, no_locks, dead: str):
    from flowtui.system.boot import this_boot

    host = this_boot().split(" ")[0]
    text = {
        "ended": {"boot": this_boot(), "pid": 2**22 + 5, "started": "1"},
        "another process of that number": {"boot": this_boot(), "pid": 1, "started": "-1"},
        "before a restart": {"boot": f"{host} other-boot", "pid": os.getppid(), "started": "1"},
    }[dead]
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    lab.target.with_name("a.bin.part.lock").write_text(json.dumps(text))
    lab.fetch()
    lab.expect("done", requests=1)


@pytest.mark.parametrize("error", [errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN])
def test_a_share_that_went_away_is_waited_for(lab: Lab, monkeypatch, error: int):
    failing = Failing(monkeypatch, "pwrite")
    lab.serve(LONG, rate=6e6, held=1_600_000)
    made = lab.start()
    lab.until(lambda row: row.done > 1_500_000)
    until(lambda: lab.flushed > 1_000_000, "that they are on the disk")
    failing.error, lab.file.rate = error, 0
    row = lab.until(lambda row: row.state == "waiting")
    assert "the network file system" in row.reason
    failing.error = None
    assert made.wait_idle(GUARD)
    assert lab.requests[-1].range[0] >= 1_000_000
    lab.expect("done")


def test_a_disk_that_fails_is_said_to(lab: Lab, monkeypatch):
    failing = Failing(monkeypatch, "pwrite")
    failing.error = errno.EIO
    lab.serve(DATA)
    lab.fetch()
    lab.expect("failed", code="DISK", says="Input/output error")


def test_bytes_that_could_not_be_flushed_are_not_believed_again(lab: Lab, monkeypatch):
    """The kernel says it once, and may have dropped them."""
    lab.timings = replace(QUICK, flush_every=0.05)
    failing = Failing(monkeypatch, "fdatasync", disk_flush)
    failing.error = errno.EIO
    lab.serve(LONG, rate=6e6)
    made = lab.start()
    assert made.wait_idle(GUARD)
    assert (lab.now().state, lab.now().code) == ("failed", "DISK")
    failing.error = None
    made.retry(None)
    assert made.wait_idle(GUARD)
    assert lab.from_start(-1)
    lab.expect("done", requests=2)


def test_a_folder_that_cannot_be_synced_is_no_trouble(lab: Lab, monkeypatch):
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    shim = type("os", (), {})()
    shim.__dict__.update({**vars(os), "fsync": fsync})
    monkeypatch.setattr(part_file, "os", shim)
    lab.serve(DATA)
    lab.fetch()
    lab.expect("done", requests=1)


def test_a_log_that_cannot_be_written_is_said_and_costs_no_file(lab: Lab):
    (lab.root / "downloads.log").mkdir(parents=True)
    lab.serve(DATA)
    made = lab.start()
    assert made.wait_idle(GUARD)
    until(lambda: "downloads.log" in made.trouble)
    lab.expect("done")


def test_a_file_system_that_cannot_preallocate_is_no_trouble(lab: Lab, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    lab.serve(DATA)
    lab.fetch()
    lab.expect("done", requests=1, verified_by="md5")


def test_a_file_system_with_a_limit_for_files_is_told_from_one_that_fails() -> None:
    error = OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    trouble = disk_trouble(error, Path("/media/stick/a.bam"))
    assert trouble.code == "FILE_TOO_LARGE"
    assert "/media/stick takes no file of this size: File too large; choose" in trouble.message
