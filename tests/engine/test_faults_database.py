"""A database that is damaged, a newer version's, an older version's, or cannot be written."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from flowtui.engine.engine import Engine
from flowtui.engine.store.database import SCHEMA, Store, StoreError
from flowtui.protocol.messages import Status
from support.fault_server import File, stall
from support.lab import TOKEN, Lab, content
from support.odd_files import IRREGULAR, ODD, put
from support.services import batch, make_service, remote, rows
from support.waiting import GUARD, until

FULL = "disk is full; the last changes are in memory only"


class Engines:
    """An engine with a database, begun again and again."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.database = folder / "state" / "queue.db"
        self.database.parent.mkdir()

    def engine(self) -> Engine:
        made = Engine(
            self.lab_settings(), database=self.database, make_service=make_service(self.lab.client)
        )
        made.start()
        return made

    def lab_settings(self):
        from flowtui.config import Settings

        return Settings(jobs=1, connections=1)

    def files(self, count: int) -> list:
        for n in range(count):
            self.lab.server.files[f"/downloads/{n}/f{n}"] = File(
                content(60_000 if n else 600_000, n)
            )
        return [remote(self.lab.server, str(n), f"f{n}") for n in range(count)]

    def queue(self, count: int) -> None:
        """An engine that has one file, paused, of so many, and ended."""
        files = self.files(count)
        self.hold(range(1, count))
        self.lab.server.files["/downloads/0/f0"].rate = 400_000
        made = self.engine()
        made.add(batch(self.lab.server, self.lab.root, *files))
        made.pause([row.id for row in rows(made)][1:])
        while rows(made)[0].done < 20_000:
            pass
        made.stop()
        for file in self.lab.server.files.values():
            file.rate, file.always = 0, None

    def hold(self, numbers: Iterable[int]) -> None:
        """Have no byte of these files come."""
        for n in numbers:
            self.lab.server.files[f"/downloads/{n}/f{n}"].always = stall(0, 10 * GUARD)

    def expect_all_after_resume(self, made: Engine, count: int) -> None:
        made.resume(None)
        assert made.wait_idle(GUARD)
        found = rows(made)
        assert {row.state for row in found} <= {"done", "skipped"}, found
        assert len(found) == count
        for n in range(count):
            got = (self.lab.root / "data" / f"f{n}").read_bytes()
            assert got == self.lab.server.files[f"/downloads/{n}/f{n}"].content

    @property
    def aside(self) -> list[str]:
        return sorted(
            one.name for one in self.database.parent.iterdir() if ".corrupt-" in one.name
        ) + sorted(one.name for one in self.database.parent.iterdir() if ".newer-" in one.name)


@pytest.fixture
def engines(lab: Lab, tmp_path: Path) -> Engines:
    return Engines(lab, tmp_path)


@pytest.mark.parametrize("damage", ["garbage", "empty head", "cut in half", "a page in the middle"])
def test_a_damaged_database_is_set_aside_and_the_queue_rebuilt(engines: Engines, damage: str):
    engines.queue(40)
    good = engines.database.read_bytes()
    assert len(good) > 3 * 4096
    if damage == "garbage":
        engines.database.write_bytes(b"this is not a database\n" * 500)
    elif damage == "empty head":
        engines.database.write_bytes(bytes(100) + good[100:])
    elif damage == "cut in half":
        engines.database.write_bytes(good[: len(good) // 2])
    else:
        engines.database.write_bytes(good[:8192] + b"\xaa" * 4096 + good[12288:])
    made = engines.engine()
    summary = made.status().summary
    assert "cannot use the queue's database" in summary.trouble
    assert "rebuilt the queue with 40 transfers" in summary.trouble
    assert str(engines.database) + ".corrupt-" in summary.trouble
    assert len(rows(made)) == 40
    engines.expect_all_after_resume(made, 40)
    made.stop()
    assert [name for name in engines.aside if name.endswith(("-wal", "-shm"))] == []
    assert len(engines.aside) == 1
    # What was here of the first file was not fetched again.
    again = engines.lab.server.of("/downloads/0/f0")
    assert again[-1].range is not None
    assert again[-1].range[0] >= 20_000


@pytest.mark.parametrize("how", ["removed", "emptied"])
def test_a_queue_whose_database_is_gone_is_rebuilt_from_the_text_record(engines: Engines, how: str):
    engines.queue(12)
    if how == "removed":
        engines.database.unlink()
    else:
        engines.database.write_bytes(b"")
    made = engines.engine()
    assert "was gone: rebuilt the queue with 12 transfers" in made.status().summary.trouble
    assert str(engines.database) in made.status().summary.trouble
    engines.expect_all_after_resume(made, 12)
    made.stop()
    assert engines.aside == []


def test_the_first_start_of_all_says_nothing_of_a_database_that_was_gone(engines: Engines):
    made = engines.engine()
    assert made.status().summary.trouble == ""
    made.stop()


def test_the_word_on_it_is_still_there_in_the_next_engine(engines: Engines):
    engines.queue(3)
    engines.database.write_bytes(b"garbage" * 1000)
    engines.engine().stop()
    made = engines.engine()
    assert "cannot use the queue's database" in made.status().summary.trouble
    made.stop()


def test_what_was_cancelled_or_forgotten_does_not_come_back(engines: Engines):
    files = engines.files(6)
    made = engines.engine()
    ids = made.add(batch(engines.lab.server, engines.lab.root, *files)).ids
    made.cancel(ids[:2])
    assert made.wait_idle(GUARD)
    made.forget(ids[2:3])
    made.add(batch(engines.lab.server, engines.lab.root, files[1]))
    assert made.wait_idle(GUARD)
    made.stop()
    engines.database.write_bytes(b"garbage" * 1000)
    made = engines.engine()
    assert made.wait_idle(GUARD)
    keys = {row.key for row in rows(made)}
    made.stop()
    assert "data/0" not in keys
    assert "data/2" not in keys
    assert {"data/1", "data/3", "data/4", "data/5"} <= keys


def test_a_newer_database_is_set_aside_and_its_rows_taken_over(engines: Engines):
    engines.queue(5)
    db = sqlite3.connect(engines.database)
    db.execute("ALTER TABLE transfers ADD COLUMN colour TEXT DEFAULT 'green'")
    db.execute(f"PRAGMA user_version={SCHEMA + 7}")
    db.commit()
    db.close()
    made = engines.engine()
    assert "was written by a newer flowtui" in made.status().summary.trouble
    states = [row.state for row in rows(made)]
    assert states[1:] == ["paused"] * 4
    engines.expect_all_after_resume(made, 5)
    made.stop()
    assert len(engines.aside) == 1
    assert ".newer-" in engines.aside[0]


def test_an_older_database_gets_the_columns_it_lacks(engines: Engines):
    engines.queue(3)
    db = sqlite3.connect(engines.database)
    db.execute("ALTER TABLE transfers DROP COLUMN occupied")
    db.execute("ALTER TABLE transfers DROP COLUMN verified_by")
    db.commit()
    db.close()
    made = engines.engine()
    assert made.status().summary.trouble == ""
    engines.expect_all_after_resume(made, 3)
    made.stop()
    assert engines.aside == []


def test_a_text_record_that_was_cut_off_loses_its_last_line_alone(engines: Engines):
    engines.queue(3)
    record = engines.database.with_name("queue.jsonl")
    with record.open("ab") as stream:
        stream.write(b'{"add": 9, "batch": {"server": "htt')
    engines.database.write_bytes(b"garbage" * 1000)
    made = engines.engine()
    engines.expect_all_after_resume(made, 3)
    made.stop()


def test_without_database_and_record_there_is_an_empty_queue_and_the_parts_are_gone_on_from(
    engines: Engines,
):
    engines.queue(3)
    for one in engines.database.parent.iterdir():
        one.unlink()
    made = engines.engine()
    assert rows(made) == []
    made.add(batch(engines.lab.server, engines.lab.root, *engines.files(3)))
    engines.expect_all_after_resume(made, 3)
    made.stop()
    assert engines.lab.server.of("/downloads/0/f0")[-1].range[0] >= 20_000


def test_the_text_record_is_private_short_and_without_token(engines: Engines):
    engines.queue(3)
    record = engines.database.with_name("queue.jsonl")
    assert record.stat().st_mode & 0o077 == 0
    made = engines.engine()
    engines.expect_all_after_resume(made, 3)
    made.stop()
    engines.engine().stop()
    assert record.read_text() == ""
    for one in engines.database.parent.iterdir():
        assert TOKEN.encode() not in one.read_bytes()


def test_a_database_that_cannot_be_saved_costs_no_file_and_is_said(engines: Engines, monkeypatch):
    files = engines.files(4)
    full = [True]
    real = Store.save

    def save(self, *args, **more):
        if full[0]:
            raise StoreError("cannot save the queue in queue.db: database or disk is full")
        real(self, *args, **more)

    monkeypatch.setattr(Store, "save", save)
    made = engines.engine()
    ids = made.add(batch(engines.lab.server, engines.lab.root, *files)).ids
    assert made.wait_idle(GUARD)
    until(lambda: FULL in made.status().summary.trouble, "that the disk is full")
    assert {row.state for row in rows(made)} == {"done"}
    made.forget(ids[:1])
    full[0] = False
    made.retry(ids[1:2])
    made.pause([999])
    made.forget(ids[1:2])
    until(lambda: made.status().summary.trouble == "", "that all is saved")
    made.stop()
    again = engines.engine()
    assert len(rows(again)) == 2
    again.stop()


def test_a_state_folder_on_a_full_disk_is_said(engines: Engines):
    made = engines.engine()
    record = engines.database.with_name("queue.jsonl")
    record.unlink()
    record.mkdir()
    made.add(batch(engines.lab.server, engines.lab.root, *engines.files(1)))
    until(lambda: f"cannot write {record}" in made.status().summary.trouble, "that it cannot")
    assert made.wait_idle(GUARD)
    assert rows(made)[0].state == "done"
    made.stop()


def test_the_record_tells_batches_as_they_were_added(engines: Engines):
    engines.queue(2)
    record = engines.database.with_name("queue.jsonl")
    (line,) = record.read_text().splitlines()
    said = json.loads(line)
    assert [one["key"] for one in said["batch"]["files"]] == ["data/0", "data/1"]


def test_a_state_folder_without_locks_still_keeps_the_queue(engines: Engines, monkeypatch):
    """$HOME on a share without a lock daemon."""
    import errno

    asked = []

    def refuse(descriptor: int, *_: object) -> None:
        asked.append(descriptor)
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    engines.queue(3)
    made = engines.engine()
    assert made.status().summary.trouble == ""
    engines.expect_all_after_resume(made, 3)
    made.stop()
    assert len(asked) == 2


def test_a_state_folder_that_may_not_be_written_is_said(engines: Engines, monkeypatch):
    import errno

    def refuse(descriptor: int, *_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("fcntl.lockf", refuse)
    with pytest.raises(StoreError, match="Read-only file system"):
        engines.engine()


def test_rows_of_nonsense_are_told_and_their_files_taken_from_the_text_record(engines: Engines):
    engines.queue(5)
    with sqlite3.connect(engines.database) as db:
        db.execute("UPDATE transfers SET state = 'flying', size = 'x' WHERE id IN (2, 3)")
        db.execute("INSERT OR REPLACE INTO facts VALUES ('notice', '{\"text\": 5}')")
    db.close()
    made = engines.engine()
    trouble = made.status().summary.trouble
    assert "2 rows of the queue's database" in trouble
    assert "made no sense" in trouble
    assert "2 transfers taken from queue.jsonl" in trouble
    engines.expect_all_after_resume(made, 5)
    made.stop()
    assert engines.aside == []
    again = engines.engine()
    assert len(rows(again)) == 5
    again.stop()


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        *(("", kind) for kind in (*IRREGULAR, "a gigabyte", "NULs", "brackets")),
        *(("-wal", kind) for kind in IRREGULAR),
        ("-journal", "a named pipe"),
    ],
)
def test_a_database_that_is_none_is_set_aside_and_the_queue_rebuilt(
    engines: Engines, ending: str, kind: str
):
    made = engines.engine()
    files = engines.files(3)
    engines.hold(range(3))  # what has come is in no record
    made.add(batch(engines.lab.server, engines.lab.root, *files))
    made.pause(None)
    made.stop()
    put(kind, engines.database.with_name(f"queue.db{ending}"))
    made = engines.engine()
    trouble = made.status().summary.trouble
    assert "rebuilt the queue with 3 transfers" in trouble
    if kind in IRREGULAR:
        it = f"queue.db{ending} is" if ending else "it is"
        assert f"(cannot be opened: {it} " in trouble
    assert len(rows(made)) == 3
    made.stop()
    assert engines.aside
    assert not list(engines.database.parent.glob("*.copy*"))
    for path in engines.database.parent.iterdir():
        if path.is_file():
            assert path.stat().st_blocks < 1000


def test_a_database_of_other_tables_is_set_aside(engines: Engines):
    with sqlite3.connect(engines.database) as db:
        db.execute("CREATE VIEW transfers AS SELECT 1 AS id")
        db.execute("PRAGMA user_version=1")
    db.close()
    made = engines.engine()
    assert "cannot use the queue's database" in made.status().summary.trouble
    made.stop()


def test_sizes_that_no_number_holds_together_are_saved(engines: Engines):
    files = [
        dataclasses.replace(file, size=(1 << 63) - 1, data_id=str(n))
        for n, file in enumerate(engines.files(6))
    ]
    made = engines.engine()
    archive = batch(engines.lab.server, engines.lab.root, *files[3:])
    added = made.add(dataclasses.replace(archive, bulk=True))
    assert added.bulk_id is not None
    made.add(batch(engines.lab.server, engines.lab.root, *files[:3]))
    made.pause(None)
    assert "cannot save" not in made.trouble
    Status.from_json(json.loads(json.dumps(made.status(rows=True).to_json())))
    made.stop()
    again = engines.engine()
    assert len(rows(again)) == 3
    assert len(again.status(rows=True).bulk_jobs) == 1
    assert "cannot save" not in again.trouble
    again.stop()


ODD_LINES = [
    b"rubbish",
    b"[" * 50_000,
    b'{"add": 1}',
    b'{"add": "x", "batch": {}}',
    b'{"add": 1, "batch": {"server": "s", "root": "here", "name": "", "files": []}}',
    b'{"drop": 5, "keys": []}',
    b'{"drop": "/to", "keys": [{}]}',
    b"\xff\xfe",
    b"7",
    bytes(100),
]


def test_lines_of_nonsense_in_the_text_record_are_told_and_kept_aside(engines: Engines):
    engines.queue(4)
    record = engines.database.with_name("queue.jsonl")
    damaged = b"\n".join([*ODD_LINES, record.read_bytes()])
    record.write_bytes(damaged)
    engines.database.unlink()
    made = engines.engine()
    trouble = made.status().summary.trouble
    assert "rebuilt the queue with 4 transfers" in trouble
    assert f"cannot read all of {record}: {len(ODD_LINES)} of its lines made no sense" in trouble
    assert len(rows(made)) == 4
    made.stop()
    (aside,) = record.parent.glob("queue.jsonl.damaged-*")
    assert aside.read_bytes() == damaged
    assert str(aside) in trouble


@pytest.mark.parametrize("kind", ODD)
def test_a_text_record_that_is_none_keeps_no_engine_from_starting(engines: Engines, kind: str):
    """Neither where it is needed, nor where it is only written anew."""
    record = engines.database.with_name("queue.jsonl")
    put(kind, record)
    made = engines.engine()
    if kind in (*IRREGULAR, "a gigabyte"):
        trouble = made.status().summary.trouble
        assert f"cannot read all of {record}: it " in trouble
        assert f"moved it to {record}.damaged-" in trouble
    files = engines.files(2)
    engines.hold(range(2))  # what has come is in no record
    made.add(batch(engines.lab.server, engines.lab.root, *files))
    made.pause(None)
    made.stop()
    record.unlink()
    put(kind, record)
    again = engines.engine()
    assert len(rows(again)) == 2
    again.stop()
    if kind != "a folder":
        assert '"data/1"' in record.read_text()


def test_the_pieces_of_a_batch_are_one_batch_when_it_is_rebuilt(engines: Engines):
    made = engines.engine()
    files = engines.files(5)
    engines.hold(range(5))  # one that had come would be in the record still
    other = made.add(batch(engines.lab.server, engines.lab.root, files[0]))
    first = made.add(batch(engines.lab.server, engines.lab.root, files[1], files[2]))
    more = batch(engines.lab.server, engines.lab.root, files[3], files[4])
    made.add(dataclasses.replace(more, continues=first.batch_id))
    made.pause(None)
    made.cancel(other.ids)  # so that the batches get other numbers
    made.stop()
    for _ in range(2):  # from the lines as they came, and as they are written anew
        engines.database.unlink()
        again = engines.engine()
        batches = {row.key: row.batch_id for row in rows(again)}
        assert len({batches[f"data/{n}"] for n in range(1, 5)}) == 1
        assert batches.keys() == {f"data/{n}" for n in range(1, 5)}
        again.stop()
