"""Downloaded files that a client has read again: what is wrong by name, and fetched again."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowtui.engine import rechecks
from flowtui.engine.engine import Engine
from flowtui.engine.rechecks import Rechecks
from flowtui.engine.workers.pool import Workers
from flowtui.flow.remote_file import Origin
from flowtui.protocol.messages import Recheck, RequestRefused
from flowtui.timings import Timings
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.task import Recorded
from flowtui.transfer.verify import md5 as hashing
from support.fault_server import File
from support.hanging_disk import HangingDisk
from support.lab import Lab, content
from support.services import batch, remote, rows
from support.waiting import GUARD, until

DATA = {name: content(30_000, seed) for seed, name in enumerate(("a.bin", "b.bin", "c.bin"))}


def downloaded(lab: Lab) -> Engine:
    """An engine that has just fetched three files."""
    lab.serve(b"x", name="first")
    made = lab.start(size=1)
    files = []
    for number, (name, data) in enumerate(DATA.items(), 2):
        lab.server.files[f"/downloads/{number}/{name}"] = File(data)
        files.append(remote(lab.server, str(number), name, size=len(data)))
    made.add(batch(lab.server, lab.root, *files))
    assert made.wait_idle(GUARD)
    until(lambda: len(list(downloads_log.read(lab.root))) >= len(DATA))
    return made


def batch_of(made: Engine) -> int:
    return rows(made)[-1].batch_id


def verified(made: Engine, root: Path, batch_id: int | None = None) -> Recheck:
    id_ = made.verify(str(root), batch_id)
    return until(lambda: found if (found := made.verified(id_)).state != "reading" else None)


def states(found: Recheck) -> dict[str, str]:
    return {Path(wrong.path).name: wrong.state for wrong in found.found}


def flip(path: Path) -> None:
    """Change a byte, and have the time of change say nothing."""
    found = path.stat()
    data = bytearray(path.read_bytes())
    data[7] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


@pytest.mark.parametrize("of_batch", [True, False], ids=["batch", "folder"])
def test_each_way_to_be_wrong_is_named(lab: Lab, of_batch: bool) -> None:
    made = downloaded(lab)
    which = batch_of(made) if of_batch else None
    whole = verified(made, lab.root, which)
    assert (whole.state, whole.wrong, whole.found) == ("ended", 0, ())
    assert whole.checked == whole.files and whole.read == whole.size >= 90_000
    flip(lab.root / "data/a.bin")
    os.truncate(lab.root / "data/b.bin", 5)
    (lab.root / "data/c.bin").unlink()
    found = verified(made, lab.root, which)
    assert states(found) == {"a.bin": "changed", "b.bin": "truncated", "c.bin": "missing"}
    assert found.wrong == 3 and all(wrong.mendable for wrong in found.found)


def test_of_a_batch_only_its_own_files_are_read(lab: Lab) -> None:
    made = downloaded(lab)
    first = batch_of(made)
    lab.server.files["/downloads/9/z.bin"] = File(b"z" * 100)
    made.add(batch(lab.server, lab.root, remote(lab.server, "9", "z.bin", size=100)))
    assert made.wait_idle(GUARD)
    assert verified(made, lab.root, first).files == 3
    assert verified(made, lab.root, first + 1).files == 1


@pytest.mark.parametrize(
    ("about", "count"),
    [
        ({"key": "data/2"}, 1),
        ({"belongs_to": "sample/1"}, 2),
        ({"project": "Screen"}, 3),
        ({"execution": "execution/7"}, 1),
        ({"project": "Screen", "belongs_to": "sample/1"}, 2),
        ({"project": "Other"}, 0),
    ],
)
def test_of_a_folder_only_what_is_asked_for_is_read(
    lab: Lab, about: dict[str, str], count: int
) -> None:
    made = lab.start(size=1)
    for key, more in {
        "data/1": {"belongs_to": "sample/1", "origin": Origin("Screen")},
        "data/2": {"belongs_to": "sample/1", "origin": Origin("Screen")},
        "data/3": {"origin": Origin("Screen", execution="7")},
        "data/4": {},
    }.items():
        entry = downloads_log.LogEntry(key, key, key, 1, f"there/{key}", "a" * 32, "md5", 0.1,
                                       "done", **more)  # fmt: skip
        # A later line of a path that does not say so any more: it was fetched again by itself.
        downloads_log.append(lab.root, [entry, replace(entry, belongs_to="")])
    id_ = made.verify(str(lab.root), None, about)
    found = until(lambda: found if (found := made.verified(id_)).state != "reading" else None)
    assert (found.files, found.wrong) == (count, count)


def test_what_is_wrong_comes_from_where_it_was_asked_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rechecks, "WRONG_PIECE", 2)
    made = downloaded(lab)
    for name in DATA:
        (lab.root / "data" / name).unlink()
    id_ = made.verify(str(lab.root), batch_of(made))
    until(lambda: made.verified(id_).state == "ended")
    first, rest = made.verified(id_, 0), made.verified(id_, 2)
    assert (len(first.found), len(rest.found), first.wrong) == (2, 1, 3)
    assert made.verify_end(id_) == 1
    with pytest.raises(RequestRefused):
        made.verified(id_)


def test_what_is_wrong_is_fetched_again_whatever_the_settings_and_the_clock_say(lab: Lab) -> None:
    lab.settings["on_change"] = "keep"
    made = downloaded(lab)
    flip(lab.root / "data/a.bin")
    file = remote(lab.server, "2", "a.bin", size=30_000)
    made.add(replace(batch(lab.server, lab.root, file), reread=True))
    assert made.wait_idle(GUARD)
    row = next(row for row in rows(made) if row.key == "data/2")
    assert row.replaced.startswith("a.bin.old-")
    assert (lab.root / "data/a.bin").read_bytes() == DATA["a.bin"]
    assert verified(made, lab.root).wrong == 0


def test_a_link_and_a_file_without_md5_are_not_replaced(lab: Lab) -> None:
    made = downloaded(lab)
    lab.root.joinpath("data/a.bin").rename(lab.root / "moved")
    flip(lab.root / "moved")
    lab.root.joinpath("data/a.bin").symlink_to(lab.root / "moved")
    entry = downloads_log.LogEntry("data/3", "3", "b.bin", 30_000, "data/b.bin", None, "size", 0.1,
                                   "done")  # fmt: skip
    downloads_log.append(lab.root, [entry])
    found = verified(made, lab.root)
    assert states(found) == {"a.bin": "changed", "b.bin": "unknown"}
    assert not any(wrong.mendable for wrong in found.found)


def test_nothing_downloaded_yet_is_refused_and_a_folder_without_a_log_has_no_files(
    lab: Lab,
) -> None:
    made = downloaded(lab)
    with pytest.raises(RequestRefused, match="nothing of it"):
        made.verify(str(lab.root), 77)
    with pytest.raises(RequestRefused, match="absolute"):
        made.verify("relative")
    assert verified(made, lab.root.parent / "elsewhere").files == 0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, during: Any
) -> tuple[Rechecks, Clock, int, Workers]:
    """The reading of a file, which `during` is called in the middle of."""
    data = content(100)
    (tmp_path / "a").write_bytes(data)
    record = Recorded("data/1", len(data), hashlib.md5(data).hexdigest())
    clock = Clock()
    workers = Workers(lambda run, outcome: None, Timings())
    made = Rechecks(workers, GUARD, clock)
    monkeypatch.setattr(hashing, "READ", 10)
    plain = rechecks._Run._took
    seen: list[int] = []

    def took(run: Any, count: int) -> None:
        seen.append(count)
        if len(seen) == 3:
            during(made, clock)
        plain(run, count)

    monkeypatch.setattr(rechecks._Run, "_took", took)
    return made, clock, made.start(tmp_path, {"a": record}), workers


def test_reading_ends_when_nobody_asks_for_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(made: Rechecks, clock: Clock) -> None:
        clock.now += rechecks.PATIENCE + 1

    made, _, id_, workers = held(tmp_path, monkeypatch, away)
    assert workers.close(GUARD)
    assert made.report(id_, 0) == Recheck("failed", "stopped", 1, 0, 100, 30)


@pytest.mark.parametrize("kind", ["open", "stat"])
def test_a_disk_that_hangs_is_told_of_and_can_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    root = tmp_path / "hung"
    root.mkdir()
    (root / "a").write_bytes(b"123")
    disk = HangingDisk(root, monkeypatch)
    clock = Clock()
    workers = Workers(lambda run, outcome: None, Timings())
    made = Rechecks(workers, 5.0, clock)
    disk.hang(kind)
    id_ = made.start(root, {"a": Recorded("data/1", 3, hashlib.md5(b"123").hexdigest())})
    disk.until_held()
    assert made.report(id_, 0).reason == ""
    clock.now += 42
    found = made.report(id_, 0)
    assert (found.state, found.reason) == (
        "reading",
        f"the disk of {root} has not answered for 40 s",
    )
    assert made.end(id_) == 1
    assert not workers.close(0.0)  # its thread stands still, and holds up nobody
    disk.let_go()
    assert workers.close(GUARD)


def test_the_end_of_the_engine_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Any] = []

    def stop(made: Rechecks, clock: Clock) -> None:
        runs.extend(made._runs.values())
        made.stop()

    _, _, _, workers = held(tmp_path, monkeypatch, stop)
    assert workers.close(GUARD)
    assert runs[0].report(0).read == 30


def test_sizes_that_no_number_holds_together_are_told_as_the_most(tmp_path: Path) -> None:
    """Somebody may have written anything into a log; the client must take the answer."""
    workers = Workers(lambda run, outcome: None, Timings())
    made = Rechecks(workers, GUARD)
    huge = Recorded("data/1", (1 << 63) - 1, None)
    id_ = made.start(tmp_path, {"a": huge, "b": replace(huge, key="data/2")})
    until(lambda: made.report(id_, 0).state == "ended")
    found = made.report(id_, 0)
    assert found.size == (1 << 63) - 1
    assert Recheck.from_json(found.to_json()) == found
    workers.close(GUARD)
