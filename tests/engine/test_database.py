"""The queue on disk: what is saved comes back, all or nothing."""

from __future__ import annotations

import dataclasses
import functools
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowtui.engine.bulk.job import BulkJobRecord, pack, unpack
from flowtui.engine.queue.queue import Transfer
from flowtui.engine.store import database
from flowtui.engine.store.database import Store, StoreError
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.states import RUNNING, BulkState, TransferState
from flowtui.transfer.task import ExpectedFile, FileResult

T = TransferState

# Lone surrogates come in JSON as they do in file names of the command line.
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
numbers = st.integers(0, (1 << 63) - 1)
ids = st.integers(1, (1 << 53) - 1)
maybe = st.none()

transfers = st.builds(
    Transfer,
    id=st.integers(1, 1 << 40),
    batch_id=st.integers(1, 1 << 40),
    key=texts,
    filename=texts,
    folder=st.lists(texts, max_size=3).map(tuple),
    url=texts,
    root=st.just("/to"),
    path=st.just("data/f"),
    server=texts,
    expected=maybe | numbers,
    md5=maybe | texts,
    data_id=maybe | texts,
    sample=maybe | texts,
    bulk_id=maybe | ids,
    state=st.sampled_from(T),
    reason=texts,
    code=texts,
    retryable=st.booleans(),
    size=maybe | numbers,
    done=numbers,
    resumed_at=numbers,
    verified_by=texts,
    seconds=st.floats(0, 1e9),
    occupied=st.integers(0, 100),
)
bulk_jobs = st.builds(
    BulkJobRecord,
    id=st.integers(1, 1 << 40),
    batch_id=ids,
    name=texts,
    root=st.just("/to"),
    server=texts,
    data_ids=st.lists(texts, max_size=3).map(tuple),
    bytes=numbers,
    created=st.floats(0, 1e12),
    state=st.sampled_from(BulkState),
    reason=texts,
    code=texts,
    progress=maybe | st.floats(0, 100),
    expires=maybe | st.floats(0, 1e12),
    job_id=texts,
    url=texts,
    transfer_id=maybe | ids,
    unpack=st.booleans(),
    ended=maybe | st.floats(0, 1e12),
    results=st.dictionaries(
        texts,
        st.builds(FileResult, state=texts, path=texts, size=maybe | numbers, md5=maybe | texts),
    ),
)


def plain(id_: int, **more) -> Transfer:
    return Transfer(id_, 1, f"data/{id_}", "f", ("data",), "/u", "/to", "data/f", "s", **more)


def bulk_job(id_: int = 1) -> BulkJobRecord:
    return BulkJobRecord(id_, 1, "job", "/to", "s", ("1",), 5, 1.0)


def restored(one: Transfer) -> Transfer:
    """As it should come back: what was under way or waited is queued."""
    if one.state in RUNNING or one.state is T.WAITING:
        return dataclasses.replace(one, state=T.QUEUED, reason="", code="", retryable=False)
    return one


@given(st.lists(transfers, max_size=4, unique_by=lambda one: one.id))
@example([plain(1, state=T.WAITING, reason="needs 5 GB", code="NO_SPACE", retryable=True)])
@example([dataclasses.replace(plain(1), filename="\ud800", folder=("\udcff",))])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
def test_transfers_come_back_with_every_field(tmp_path: Path, saved: list[Transfer]):
    file = tmp_path / "queue.db"
    file.unlink(missing_ok=True)
    store = Store(file)
    store.save(saved, [])
    store.close()
    again = Store(file)
    assert list(again.transfers()) == sorted(map(restored, saved), key=lambda one: one.id)
    again.close()


@given(st.lists(bulk_jobs, max_size=4, unique_by=lambda one: one.id))
@settings(deadline=None, max_examples=40)
def test_bulk_jobs_come_back_with_every_field(saved: list[BulkJobRecord]):
    store = Store(None)
    store.save([], [], saved)
    assert list(store.bulk_jobs()) == sorted(saved, key=lambda one: one.id)
    store.close()


@given(
    st.lists(
        st.builds(
            RemoteFile, key=texts, filename=texts, url=texts,
            folder=st.lists(texts, max_size=2).map(tuple), size=maybe | numbers,
            md5=maybe | texts, data_id=maybe | texts, sample=maybe | texts,
        ),
        max_size=3,
    )
)  # fmt: skip
def test_the_files_of_a_bulk_job_come_back(files: list[RemoteFile]):
    wanted = tuple(ExpectedFile(one, f"a/{n}") for n, one in enumerate(files))
    assert unpack(pack(wanted)) == wanted


def test_saving_again_replaces_and_removing_removes(tmp_path: Path):
    store = Store(tmp_path / "queue.db")
    one, other = plain(1), plain(2)
    store.save([one, other], [])
    one.done = 7
    store.save([one], [2])
    assert list(store.transfers()) == [one]
    store.close()


def test_a_save_that_fails_changes_nothing(tmp_path: Path):
    store = Store(tmp_path / "queue.db")
    store.save([plain(1)], [])
    store._db.execute(
        "CREATE TRIGGER no BEFORE INSERT ON bulk_jobs BEGIN SELECT RAISE(FAIL, 'no'); END"
    )
    with pytest.raises(StoreError, match="cannot save the queue"):
        store.save([plain(1, done=5)], [], [bulk_job()])
    assert list(store.transfers()) == [plain(1)]
    store.save([plain(3)], [1])  # and the next one goes well
    assert list(store.transfers()) == [plain(3)]
    store.close()


@pytest.mark.parametrize("value", [1 << 63, -(1 << 70), float("inf"), float("nan"), object()])
def test_what_no_database_can_hold_keeps_nothing_else_from_being_saved(value: object):
    store = Store(None)
    bad = dataclasses.replace(plain(2), path="data/bad", size=value)
    assert store.save([plain(1), bad, plain(3)], []) == ["data/bad"]
    assert list(store.transfers()) == [plain(1), plain(3)]
    job = dataclasses.replace(bulk_job(), bytes=value)
    assert store.save([plain(4)], [], [job, bulk_job(2)]) == ["job"]
    assert [kept.id for kept in store.transfers()] == [1, 3, 4]
    assert [kept.id for kept in store.bulk_jobs()] == [2]
    store.close()


@pytest.mark.parametrize("value", [0, 5_000_000, "text", None, [1, 2], {"a": 1.5}])
def test_facts(tmp_path: Path, value):
    store = Store(tmp_path / "queue.db")
    assert store.fact("limit_rate", "none yet") == "none yet"
    store.remember("limit_rate", 1)
    store.remember("limit_rate", value)
    store.close()
    again = Store(tmp_path / "queue.db")
    assert again.fact("limit_rate") == value
    again.close()


def test_a_newer_flowtuis_queue_is_refused_and_left_as_it_is(tmp_path: Path):
    file = tmp_path / "queue.db"
    newer = sqlite3.connect(file)
    newer.execute("CREATE TABLE transfers (id INTEGER PRIMARY KEY, something_new)")
    newer.execute("INSERT INTO transfers VALUES (1, 'kept')")
    newer.execute("PRAGMA user_version=99")
    newer.commit()
    newer.close()
    with pytest.raises(StoreError, match=r"queue\.db was written by a newer flowtui"):
        Store(file)
    with sqlite3.connect(file) as again:
        assert again.execute("SELECT * FROM transfers").fetchall() == [(1, "kept")]
        assert again.execute("PRAGMA user_version").fetchone() == (99,)
    again.close()


def test_a_file_that_is_no_database_is_refused_with_its_name(tmp_path: Path):
    (tmp_path / "queue.db").write_bytes(b"rubbish " * 1000)
    with pytest.raises(StoreError, match=r"queue\.db"):
        Store(tmp_path / "queue.db")


def test_two_engines_never_share_a_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    quick = functools.partial(sqlite3.connect, timeout=0.05)
    monkeypatch.setattr("flowtui.engine.store.database.sqlite3.connect", quick)
    store = Store(tmp_path / "queue.db")
    store.save([plain(1)], [])
    with pytest.raises(StoreError, match="locked"):
        Store(tmp_path / "queue.db")
    store.close()


def test_what_only_a_running_engine_knows_is_not_stored(tmp_path: Path):
    """That an archive is temporary follows from its bulk job, so the table stays as it was."""
    file = tmp_path / "queue.db"
    store = Store(file)
    archive = Transfer(1, 1, "bulk/1", "a.zip", (), "/u", "/to", "a.zip", "s", temporary=True)
    archive.rate, archive.connections = 5.0, 3
    store.save([archive], [])
    (loaded,) = store.transfers()
    store.close()
    assert (loaded.temporary, loaded.rate, loaded.connections) == (False, 0.0, 0)
    with sqlite3.connect(file) as database:
        columns = {row[1] for row in database.execute("PRAGMA table_info(transfers)")}
    assert not columns & {"temporary", "rate", "connections"}


NONSENSE = {
    "a state that is none": "state = 'flying'",
    "a number for a text": "filename = 7",
    "a text for a number": "size = 'many'",
    "a negative size": "expected = -1",
    "a fraction": "done = 1.5",
    "bytes": "server = x'00ff'",
    "no folders": "folder = '{}'",
    "brackets": f"folder = '{'[' * 5_000}'",
    "no JSON": "origin = 'rubbish'",
    "a path that leads away": "path = '../../.ssh/authorized_keys'",
    "a path from the root": "path = '/etc/passwd'",
    "no absolute folder": "root = 'here'",
    "an infinite time": "seconds = 9e999",
    "nothing at all": "key = NULL",
    "an id that nothing comes after": f"id = {(1 << 63) - 1}",
    "a negative id": "id = -5",
}


@pytest.mark.parametrize("what", NONSENSE)
def test_a_row_of_nonsense_is_set_aside_and_no_other(tmp_path: Path, what: str):
    file = tmp_path / "queue.db"
    store = Store(file)
    store.save([plain(1), plain(2), plain(3)], [])
    store._db.execute(f"UPDATE transfers SET {NONSENSE[what]} WHERE id = 2")
    assert list(store.transfers()) == [plain(1), plain(3)]
    assert store.set_aside == 1
    store.close()
    again = Store(file)
    assert list(again.transfers()) == [plain(1), plain(3)]
    assert again.set_aside == 0
    ((kind, row, why),) = again._db.execute("SELECT kind, row, why FROM set_aside")
    assert kind == "transfers"
    assert "data/2" in row or what == "nothing at all"
    assert why
    again.close()


@pytest.mark.parametrize(
    "change", ["files = '5'", "files = '[{}]'", "outcomes = '[]'", "data_ids = 'x'", "bytes = -1",
               "state = ''", "archive = '../x'", "outcomes = '{\"k\": {\"state\": 5}}'"],
)  # fmt: skip
def test_a_bulk_job_of_nonsense_is_set_aside_and_no_other(change: str):
    store = Store(None)
    store.save([], [], [bulk_job(1), bulk_job(2)])
    store._db.execute(f"UPDATE bulk_jobs SET {change} WHERE id = 2")
    assert [kept.id for kept in store.bulk_jobs()] == [1]
    assert store.set_aside == 1
    store.close()


values = st.one_of(
    st.none(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.sampled_from(["[]", "{}", "[1]", "null", '{"project": 1}', '["a"]']),
)


@given(st.sampled_from(database._COLUMNS), values)
@settings(deadline=None, max_examples=150)
def test_whatever_a_column_holds_the_row_is_right_or_set_aside(name: str, value: object):
    store = Store(None)
    store.save([plain(1), plain(2)], [])
    if (name, value) not in (("id", 1), ("id", 2)) and not (
        name == "id" and type(value) is not int
    ):
        store._db.execute(f"UPDATE transfers SET {name} = ? WHERE id = 2", (value,))
    found = list(store.transfers())
    assert plain(1) in found
    assert len(found) + store.set_aside == 2
    for kept in found:
        assert store.save([kept], []) == []
        kept.row()
    store.close()


@pytest.mark.parametrize("text", ["rubbish", "[" * 5_000, "", "{"], ids=lambda text: text[:3])
def test_a_fact_that_is_none_is_not_known(text: str):
    store = Store(None)
    store._db.execute("INSERT INTO facts VALUES ('notice', ?)", (text,))
    assert store.fact("notice", "nothing") == "nothing"
    store.close()
