"""What processes are killed in: everything that writes files of ours. See `killed`."""

from __future__ import annotations

import os
from pathlib import Path

from flowtui.cli.samplesheet import write_new
from flowtui.config import Folders, save_settings
from flowtui.crash_report import write_report
from flowtui.daemon import process
from flowtui.engine.bulk.notes import Note, Notes
from flowtui.engine.store.request_log import RequestLog
from flowtui.flow.remote_file import RemoteFile
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource
from flowtui.protocol.messages import Batch
from flowtui.transfer.disk import journal, rewritten
from flowtui.transfer.disk.downloads_log import LogEntry
from flowtui.transfer.disk.folder_record import FolderRecord
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.identity import Identity

SERVER = "https://flow.example.org/api"
OLD = Credential("old-token-old-token", "old-refresh", "ada", CredentialSource.FILE)
NEW = Credential("new-token-new-token", "new-refresh", "ada", CredentialSource.FILE)


def folders_in(folder: Path) -> Folders:
    return Folders(folder / "config", folder / "state", folder / "run")


def empty(_: Path) -> None:
    """Nothing is there yet."""


def save_setting(folder: Path) -> None:
    save_settings({"found_server": SERVER, "usernames": {SERVER: "ada"}}, folders_in(folder))


def store_in(folder: Path) -> CredentialStore:
    store = CredentialStore(folder / "config", {})
    store.tidy()  # as every command does
    return store


def sign_in(folder: Path) -> None:
    store_in(folder).keep(SERVER, NEW, CredentialSource.FILE)
    save_setting(folder)


def signed_in(folder: Path) -> None:
    CredentialStore(folder / "config", {}).keep(SERVER, OLD, CredentialSource.FILE)
    save_setting(folder)


def renew(folder: Path) -> None:
    store = store_in(folder)
    with store.renewing():
        store.update(SERVER, OLD, NEW)


def sign_out(folder: Path) -> None:
    store_in(folder).forget(SERVER, "ada")
    save_settings({"usernames": {}}, folders_in(folder))


def report_crash(folder: Path) -> None:
    write_report(ValueError("planted"), folders_in(folder))


def note_requests(folder: Path) -> None:
    log = RequestLog(folder / "queue.jsonl")
    log.rewrite([])
    log.add(1, Batch(SERVER, "/data/flow", "one", (file_named("a"), file_named("b"))))


def file_named(name: str) -> RemoteFile:
    return RemoteFile(f"data/{name}", name, f"{SERVER}/downloads/{name}")


def note_archive(folder: Path) -> None:
    notes = Notes()
    notes.find(folder, SERVER)
    notes.write(folder, Note("c0ffee", SERVER, "17", ("data/1",)))
    notes.write(folder, Note("c0ffee", SERVER, "17", ("data/1",), "a.zip"))
    notes.remove(folder, "c0ffee")


def entry(name: str, md5: str) -> LogEntry:
    return LogEntry(f"data/{name}", name, name, 1, name, md5, "md5", 0.1, "done")


def one_recorded(folder: Path) -> None:
    for name in "abc":
        (folder / name).write_text(name)
    FolderRecord(folder).write([entry("a", "0" * 32)])


def record_files(folder: Path) -> None:
    """Lines are added, one is changed, one is struck out."""
    record = FolderRecord(folder)
    record.write([entry("b", "1" * 32), entry("c", "2" * 32)])
    record.write([entry("a", "3" * 32)])
    with record.replacing("b"):
        (folder / "b").write_text("anew")
    record.write([entry("b", "4" * 32)])


def write_sheet(folder: Path) -> None:
    write_new(folder / "sheet.csv", "sample,fastq_1\n" * 100, force=False)


def write_sheet_anew(folder: Path) -> None:
    write_new(folder / "sheet.csv", "sample,fastq_1\n" * 100, force=True)


def table_there(folder: Path) -> None:
    rewritten.rewrite(folder, "samples.tsv", 1 << 20, lambda _: b"ref\tname\n")


def write_table_anew(folder: Path) -> None:
    rewritten.rewrite(folder, "samples.tsv", 1 << 20, lambda _: b"ref\tname\nsample/34\tliver\n")


def keep_journal(folder: Path) -> None:
    kept = journal.Journal(folder / "a.bin.part.journal")
    kept.begin(Identity("data/1", size=100, etag='"x"'), RangeSet(), RangeSet())
    kept.written(0, 50)
    kept.flushed(RangeSet([(0, 50)]))
    kept.begin(Identity("data/1", size=100, etag='"x"'), RangeSet([(0, 50)]), RangeSet())
    kept.close()


def run_engine(folder: Path) -> None:
    """It begins, finds nothing to do, and ends."""
    process.CHECK_SECONDS = 0.01
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    status = process.run_background_engine(folders_in(folder), idle_seconds=0.0)
    assert status == 0
