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
from flowtui.engine.store.database import Store, StoreError
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.states import RUNNING, BulkState, TransferState
from flowtui.transfer.task import ExpectedFile, FileResult

T = TransferState

# Lone surrogates come in JSON as they do in file names of the command line.
texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
numbers = st.integers(0, (1 << 63) - 1)
maybe = st.none()

transfers = st.builds(
    Transfer,
    id=st.integers(1, 1 << 40),
    batch_id=st.integers(1, 1 << 40),
    key=texts,
    filename=texts,
    folder=st.lists(texts, max_size=3).map(tuple),
    url=texts,
    root=texts,
    path=texts,
    server=texts,
    expected=maybe | numbers,
    md5=maybe | texts,
    data_id=maybe | texts,
    sample=maybe | texts,
    bulk_id=maybe | numbers,
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
    batch_id=numbers,
    name=texts,
    root=texts,
    server=texts,
    data_ids=st.lists(texts, max_size=3).map(tuple),
    bytes=numbers,
    created=st.floats(0, 1e12),
    files=texts,
    state=st.sampled_from(BulkState),
    reason=texts,
    code=texts,
    progress=maybe | st.floats(0, 100),
    expires=maybe | st.floats(0, 1e12),
    job_id=texts,
    url=texts,
    transfer_id=maybe | numbers,
    unpack=st.booleans(),
    ended=maybe | st.floats(0, 1e12),
    results=st.dictionaries(
        texts,
        st.builds(FileResult, state=texts, path=texts, size=maybe | numbers, md5=maybe | texts),
    ),
)


def plain(id_: int, **more) -> Transfer:
    return Transfer(id_, 1, f"data/{id_}", "f", ("data",), "/u", "/to", "data/f", "s", **more)


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
    with pytest.raises(StoreError, match="cannot save the queue"):
        store.save([plain(1, done=5), dataclasses.replace(plain(2), path=object())], [])  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cannot save the queue"):
        store.save([plain(1, done=5), plain(2, size=1 << 70)], [])
    assert list(store.transfers()) == [plain(1)]
    store.save([plain(3)], [1])  # and the next one goes well
    assert list(store.transfers()) == [plain(3)]
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
