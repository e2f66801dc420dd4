"""The crash tests find mistakes: each is planted here, and has to be seen in what a crash leaves.

A crash at any step must leave nothing that is believed and wrong. What that means is `wrong_in`;
without a planted mistake it finds nothing, with one it does.
"""

from __future__ import annotations

import os
import random
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowtui.flow.remote_file import RemoteFile
from flowtui.system.shared_folder import Folder
from flowtui.transfer.archive import extract
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk import downloads_log, journal, part_file
from flowtui.transfer.disk.downloads_log import LOG_NAME, LogEntry
from flowtui.transfer.disk.folder_record import SUMS_NAME, FolderRecord
from flowtui.transfer.disk.journal import Journal
from flowtui.transfer.disk.part_file import PartFile, journal_path
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.task import ExpectedFile
from flowtui.transfer.verify import verdict
from support.crash_disk import CrashDisk, Survives
from support.fault_server import answer, cut_after
from support.lab import QUICK, Lab, content
from support.waiting import GUARD

RIGHT, OTHER = content(500_000), content(500_000, 2)
OFTEN = replace(QUICK, flush_every=0.01, flush_check=0.005, note_every=64 << 10)

Plant = Callable[[pytest.MonkeyPatch], None]


class Crashes:
    """What a crash after each step would leave, in the order of the steps."""

    def __init__(self, disk: CrashDisk) -> None:
        self.disk = disk
        self.dice = random.Random(1)
        self.found: list[tuple[Survives, dict[str, bytes]]] = []
        disk.on_step = self.step

    def step(self) -> None:
        for how in (*Survives, Survives.ANYTHING, Survives.ANYTHING, Survives.ANYTHING):
            self.found.append((how, self.disk.after_crash(how, self.dice)))


def wrong_in(crashes: Crashes, lab: Lab, contents: dict[str, bytes], place: Path) -> set[str]:
    """What is believed and wrong in any of the states; `contents`: ETag → what it stands for."""
    wrong: set[str] = set()
    part, floor = str(lab.target) + ".part", 0
    right = contents[str(lab.file.etag)]
    for how, files in crashes.found:
        target = files.get(str(lab.target))
        if target not in (None, right):
            wrong.add("a file under its name that is not whole")
        if target is None and b'"done"' in files.get(str(lab.root / LOG_NAME), b""):
            wrong.add("a file in the log that is not here")
        sums = files.get(str(lab.root / SUMS_NAME), b"")
        if target is None and re.search(rb"(?m)^[0-9a-f]{32}  data/a\.bin$", sums):
            wrong.add("a checksum of a file that is not here")
        flushed = len(right) if target is not None else 0
        if (text := files.get(part + ".journal")) is not None:
            place.write_bytes(text)
            record = journal.load(place)
            if record is not None:
                here = files.get(part, b"")
                for start, end in record.ranges if target is None else ():
                    if here[start:end] != contents[str(record.identity.etag)][start:end]:
                        wrong.add("a journal that vouches for what is not there")
                flushed = max(flushed, record.flushed.total)
        if how is Survives.NOTHING:
            if flushed < floor and len(contents) == 1:
                wrong.add("what was flushed is forgotten")
            floor = max(floor, flushed)
    return wrong


def entry(target: Path) -> LogEntry:
    md5 = "0" * 32
    return LogEntry("data/1", "1", "a.bin", len(RIGHT), "data/a.bin", md5, "md5", 0.1, "done")


def before_the_name(act: Callable[[PartFile, Path], None]) -> Plant:
    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        real = PartFile.rename

        def rename(self: PartFile, final: Path, *args: Any) -> str:
            act(self, final)
            return real(self, final, *args)

        monkeypatch.setattr(PartFile, "rename", rename)

    return plant


def no_fsync_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    less = SimpleNamespace(**{**vars(os), "fsync": lambda descriptor: None})
    monkeypatch.setattr(part_file, "os", less)


def no_fsync_of_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_file, "put_names_on_disk", lambda changes: None)


def journal_before_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_file, "flush_data", lambda descriptor: None)


def journal_of_more_than_was_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Journal.flushed

    def flushed(self: Journal, ranges: RangeSet) -> None:
        more = ranges.copy()
        more.add(max(end for _, end in ranges), max(end for _, end in ranges) + 40_000)
        real(self, more)

    monkeypatch.setattr(Journal, "flushed", flushed)


def written_counts_as_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash of the machine leaves of it what it likes."""
    monkeypatch.setattr(journal, "this_boot", lambda: "any boot")


def name_before_the_md5(monkeypatch: pytest.MonkeyPatch) -> None:
    real = verdict.verified_by

    def verified_by(task: Any, part: PartFile, *args: Any) -> str:
        os.rename(part.path, task.target)
        try:
            return real(task, part, *args)
        finally:
            os.rename(task.target, part.path)

    monkeypatch.setattr(verdict, "verified_by", verified_by)


def log_before_the_name(part: PartFile, final: Path) -> None:
    downloads_log.append(final.parent.parent, [entry(final)])


def checksum_before_the_name(part: PartFile, final: Path) -> None:
    FolderRecord(final.parent.parent).write([entry(final)])


def journal_gone_before_the_name(part: PartFile, final: Path) -> None:
    journal_path(part.target).unlink()
    part_file.flush_folder(final.parent)


def part_gone_before_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    real = part_file.give_name

    def give_name(folder: Folder, part: str, *args: Any) -> Any:
        at = folder.descriptor
        os.rename(part, "aside", src_dir_fd=at, dst_dir_fd=at)
        part_file.flush_folder(folder.path)
        return real(folder, "aside", *args)

    monkeypatch.setattr(part_file, "give_name", give_name)


def truncation_before_the_new_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old journal comes back, and stands beside the bytes of another file."""
    real = Journal.begin
    monkeypatch.setattr(
        Journal, "begin", lambda self, *args, durable=False, **more: real(self, *args, **more)
    )
    monkeypatch.setattr(part_file, "flush_folder", lambda folder: None)


NOT_WHOLE = "a file under its name that is not whole"
NOT_THERE = "a journal that vouches for what is not there"
FORGOTTEN = "what was flushed is forgotten"
GONE = "a file that was called done is gone"

MISTAKES: list[tuple[Plant, str]] = [
    (no_fsync_of_the_file, NOT_WHOLE),
    (no_fsync_of_the_folder, GONE),
    (journal_before_the_data, NOT_THERE),
    (journal_of_more_than_was_flushed, NOT_THERE),
    (written_counts_as_flushed, NOT_THERE),
    (name_before_the_md5, NOT_WHOLE),
    (before_the_name(log_before_the_name), "a file in the log that is not here"),
    (before_the_name(checksum_before_the_name), "a checksum of a file that is not here"),
    (before_the_name(journal_gone_before_the_name), FORGOTTEN),
    (part_gone_before_the_name, NOT_THERE),
    (truncation_before_the_new_journal, NOT_THERE),
]


def run(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plant: Plant | None) -> set[str]:
    """What a planted mistake leaves of a file whose bytes come wrong first, or that changes."""
    changes = plant is truncation_before_the_new_journal
    # The flusher would do what is left out here.
    lab.timings = replace(OFTEN, flush_every=GUARD) if plant is no_fsync_of_the_file else OFTEN
    contents = {'"v1"': RIGHT}
    if changes:
        contents = {'"old"': OTHER, '"v1"': RIGHT}
        lab.serve(OTHER, etag='"old"', rate=4e6)

        async def change(exchange: Any) -> None:
            exchange.file.content, exchange.file.etag = RIGHT, '"v1"'
            await exchange.serve()

        lab.file.handlers = [cut_after(300_000), change]
    else:
        lab.serve(RIGHT, rate=4e6)
        if plant is name_before_the_md5:
            lab.file.handlers = [answer(200, OTHER, ETag='"v1"')]
    crashes = Crashes(CrashDisk(lab.root, monkeypatch))
    if plant is not None:
        plant(monkeypatch)
    # Journaled, as a large file is: the flushes of a small one are another matter.
    lab.fetch(size=None, **({"md5": None} if changes else {}))
    assert lab.row is not None
    assert lab.row.state == "done", lab.row.reason
    crashes.disk.on_step = lambda: None
    if plant is not written_counts_as_flushed:
        monkeypatch.setattr(journal, "this_boot", lambda: "this-host another-boot")
    wrong = wrong_in(crashes, lab, contents, tmp_path / "journal")
    kept = crashes.disk.after_crash(Survives.NOTHING, crashes.dice)
    return wrong if kept.get(str(lab.target)) == RIGHT else {*wrong, GONE}


def test_without_a_mistake_nothing_is_believed_that_is_wrong(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run(lab, monkeypatch, tmp_path, None) == set()


@pytest.mark.parametrize(
    ("plant", "sign"), MISTAKES, ids=[f"{n} {sign}" for n, (_, sign) in enumerate(MISTAKES, 1)]
)
def test_each_planted_mistake_is_found(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plant: Plant, sign: str
) -> None:
    assert sign in run(lab, monkeypatch, tmp_path, plant)


@pytest.mark.parametrize("skips", [False, True], ids=["all flushed", "one not"])
def test_a_file_of_a_group_that_is_not_flushed_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, skips: bool
) -> None:
    """An archive's files are flushed and named in groups."""
    contents = {f"f{n}": content(300, n) for n in range(6)}
    archive, root = tmp_path / "a.zip", tmp_path / "to"
    root.mkdir()
    with zipfile.ZipFile(archive, "w") as made:
        for name, data in contents.items():
            made.writestr(name, data)
    files = tuple(
        ExpectedFile(RemoteFile(f"data/{name}", name, "", (), 300, None, name), name)
        for name in contents
    )
    crashes = Crashes(CrashDisk(root, monkeypatch))
    if skips:
        real = PartFile.settle

        def settle(self: PartFile, size: int) -> bool:
            if self.target.name != "f3":
                return real(self, size)
            self._settled = size
            return True

        monkeypatch.setattr(PartFile, "settle", settle)
    assert (
        extract.run(extract.Unpack(archive, root, files), StopSignal(), lambda came: None).code
        == ""
    )
    wrong = {
        Path(name).name
        for _, found in crashes.found
        for name, data in found.items()
        if contents.get(Path(name).name, data) != data
    }
    assert wrong == ({"f3"} if skips else set())
