"""kill -9 at each step of saving anything: all of the old or all of the new, and nothing beside it
for good."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtui.config import load_settings
from flowtui.engine.store.request_log import RequestLog
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.transfer.disk import journal
from support import killed_steps as steps
from support.killed import in_another_process, make_old, names_in, states_after_kills

Check = Callable[[Path], None]

UNIQUE = re.compile(r"crash-[\d-]+")
"""Names that no two processes have the same of."""


def token_in(folder: Path) -> str | None:
    found = CredentialStore(folder / "config", {}).find(steps.SERVER, "ada")
    assert found is None or (found.token[:3], (found.refresh_token or "")[:3]) in (
        ("old", "old"),
        ("new", "new"),
    )
    return found.token if found else None


def signed_in_or_not(folder: Path) -> None:
    assert token_in(folder) in (None, steps.NEW.token)
    assert load_settings(steps.folders_in(folder)).found_server in (None, steps.SERVER)


def still_signed_in(folder: Path) -> None:
    assert token_in(folder) in (steps.OLD.token, steps.NEW.token)


def old_token_or_none(folder: Path) -> None:
    assert token_in(folder) in (None, steps.OLD.token)


def requests_can_be_read(folder: Path) -> None:
    read = RequestLog(folder / "queue.jsonl").read()
    assert read.nonsense == 0
    assert [len(batch.files) for _, batch in read.batches] in ([], [2])


def sums_are_true(folder: Path) -> None:
    """A line of MD5SUMS is there only while its file is the one that it was written for."""
    sums = folder / "MD5SUMS"
    lines = sums.read_text().splitlines() if sums.exists() else []
    known = {"a": ("0" * 32, "3" * 32), "b": ("1" * 32, "4" * 32), "c": ("2" * 32,)}
    for line in lines:
        if not line.startswith("#"):
            md5, name = line.split("  ")
            assert md5 in known[name]
            assert name != "b" or (md5 == "4" * 32) == ((folder / "b").read_text() == "anew")
    for line in (folder / "downloads.log").read_text().splitlines():
        assert json.loads(line)["path"] in known


def sheet_is_whole_or_not_there(folder: Path) -> None:
    sheet = folder / "sheet.csv"
    assert not sheet.exists() or len(sheet.read_text().splitlines()) == 100


def table_is_old_or_new(folder: Path) -> None:
    lines = (folder / "samples.tsv").read_text().splitlines()
    assert lines in (["ref\tname"], ["ref\tname", "sample/34\tliver"])


def journal_tells_no_more_than_there_is(folder: Path) -> None:
    record = journal.load(folder / "a.bin.part.journal")
    assert record is None or list(record.ranges) in ([], [(0, 50)])


def anything(_: Path) -> None:
    """Only what is left counts."""


WAYS = {
    "a setting": (steps.empty, steps.save_setting, signed_in_or_not),
    "sign-in": (steps.empty, steps.sign_in, signed_in_or_not),
    "sign-in anew": (steps.signed_in, steps.sign_in, still_signed_in),
    "a new token": (steps.signed_in, steps.renew, still_signed_in),
    "sign-out": (steps.signed_in, steps.sign_out, old_token_or_none),
    "crash report": (steps.empty, steps.report_crash, anything),
    "the queue's text": (steps.empty, steps.note_requests, requests_can_be_read),
    "a note of an archive": (steps.empty, steps.note_archive, anything),
    "downloads.log and MD5SUMS": (steps.one_recorded, steps.record_files, sums_are_true),
    "sample sheet": (steps.empty, steps.write_sheet, sheet_is_whole_or_not_there),
    "sample sheet anew": (steps.write_sheet, steps.write_sheet_anew, sheet_is_whole_or_not_there),
    "samples.tsv": (steps.table_there, steps.write_table_anew, table_is_old_or_new),
    "journal": (steps.empty, steps.keep_journal, journal_tells_no_more_than_there_is),
}


@pytest.mark.parametrize(
    "way", [*WAYS, pytest.param("the engine's start and end", marks=pytest.mark.long)]
)
def test_a_kill_at_each_step(way: str, tmp_path: Path) -> None:
    make, step, check = WAYS.get(way, (steps.empty, steps.run_engine, anything))
    whole = tmp_path / "whole"
    whole.mkdir()
    make(whole)
    in_another_process(step, whole)
    expected = {UNIQUE.sub("crash", name) for name in names_in(whole)}
    for folder in states_after_kills(step, make, tmp_path):
        check(folder)
        readable = [path for path in folder.rglob("*.json*") if "token" in path.read_text()]
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in readable), folder
        make_old(folder)
        if way == "sample sheet" and (folder / "sheet.csv").exists():
            continue  # it is whole, and is not written over
        in_another_process(step, folder)
        check(folder)
        left = {UNIQUE.sub("crash", name) for name in names_in(folder)}
        assert left == expected, folder
