"""`flowtui verify`: what is not as it was recorded, by name and by exit status."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.main import cli
from flowtui.cli.verify import verify
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.verify import md5, recheck
from support.waiting import GUARD

FILES = {f"samples/liver/{name}": name.encode() * 1000 for name in ("a.gz", "b.gz", "c.gz", "d")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files and the log of a run that brought them."""
    for path, content in FILES.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        digest = hashlib.md5(content).hexdigest()
        entry = downloads_log.LogEntry(f"data/{path}", path, target.name, len(content), path,
                                       digest, "md5", 0.1, "done")  # fmt: skip
        downloads_log.append(tmp_path, [entry])
    return tmp_path


def run(*args: str) -> Result:
    return CliRunner().invoke(verify, list(args), standalone_mode=False)


def events(*args: str) -> list[dict[str, Any]]:
    done = run(*args, "--json")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_all_is_as_it_was_recorded(folder: Path) -> None:
    done = run(str(folder))
    assert done.return_value == 0
    assert "4 of 4 files as recorded" in done.stderr
    assert [event["state"] for event in events(str(folder))[:-1]] == ["ok"] * 4


def test_each_way_to_be_wrong_has_its_name(folder: Path) -> None:
    first, second, third, fourth = (folder / path for path in FILES)
    content = bytearray(first.read_bytes())
    content[77] ^= 1
    first.write_bytes(content)
    os.utime(first, (1, 1))  # whatever the time of change says, it is read
    os.truncate(second, 10)
    third.unlink()
    fourth.write_bytes(fourth.read_bytes() + b"more")
    done = run(str(folder))
    assert done.return_value == 1
    assert f"changed: {first}" in done.stderr
    assert f"truncated: {second} (10 of 4,000 bytes)" in done.stderr
    assert f"missing: {third}" in done.stderr
    assert f"changed: {fourth} (1,004 of 1,000 bytes)" in done.stderr
    summary = next(event for event in events(str(folder)) if event["event"] == "summary")
    assert (summary["ok"], summary["changed"], summary["truncated"], summary["missing"]) == (
        0, 2, 1, 1,
    )  # fmt: skip
    assert summary["status"] == 1


def test_what_has_no_md5_cannot_be_compared(folder: Path) -> None:
    entry = downloads_log.LogEntry("data/1", "1", "d", 1000, "samples/liver/d", None, "size", 0.1,
                                   "done")  # fmt: skip
    downloads_log.append(folder, [entry])
    done = run(str(folder))
    assert done.return_value == 1 and "unknown: " in done.stderr


def test_the_last_that_was_recorded_of_a_path_counts(folder: Path) -> None:
    path = next(iter(FILES))
    (folder / path).write_bytes(b"newer")
    digest = hashlib.md5(b"newer").hexdigest()
    entry = downloads_log.LogEntry("data/1", "1", "a.gz", 5, path, digest, "md5", 0.1, "done")
    downloads_log.append(folder, [entry])
    assert run(str(folder)).return_value == 0


def test_a_link_to_the_file_counts_as_it(folder: Path) -> None:
    path = folder / next(iter(FILES))
    path.rename(folder / "elsewhere")
    path.symlink_to(folder / "elsewhere")
    assert run(str(folder)).return_value == 0


def test_what_a_link_leads_to_is_not_repaired_and_nobody_is_asked(folder: Path) -> None:
    path = folder / next(iter(FILES))
    (folder / "other").write_bytes(b"other")
    path.unlink()
    path.symlink_to(folder / "other")
    done = run(str(folder), "--repair", "--server", "http://127.0.0.1:9")
    assert done.return_value == 1 and f"not repaired: {path}: it is a link" in done.stderr
    assert (folder / "other").read_bytes() == b"other" and path.is_symlink()


def test_an_edited_log_leads_nowhere_else(folder: Path, tmp_path_factory: Any) -> None:
    lines = [{"status": "done", "key": "k", "path": path, "size": 1, "md5": "a" * 32}
             for path in ("/etc/passwd", "../x", "a/../../x", "")]  # fmt: skip
    with (folder / "downloads.log").open("a") as log:
        log.writelines(json.dumps(line) + "\n" for line in lines)
    assert "4 of 4 files as recorded" in run(str(folder)).stderr


def test_a_folder_without_a_log_is_an_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["verify", str(tmp_path)])
    assert done.exit_code == 4 and "no downloads.log with files in" in done.stderr


def test_several_folders_are_read_together(folder: Path, tmp_path_factory: Any) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "downloads.log").write_bytes((folder / "downloads.log").read_bytes())
    done = run(str(folder), str(other))
    assert "4 of 8 files as recorded, 4 missing" in done.stderr


def test_names_that_no_file_can_have_are_passed_over(folder: Path) -> None:
    lines = [{"status": "done", "key": "k", "path": path, "size": 1, "md5": "a" * 32}
             for path in ("a\0b", "\ud800")]  # fmt: skip
    with (folder / "downloads.log").open("a") as log:
        log.writelines(json.dumps(line) + "\n" for line in lines)
    assert "4 of 4 files as recorded" in run(str(folder)).stderr


def test_a_file_that_a_download_replaces_meanwhile_is_not_called_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next(iter(FILES))
    plain = recheck._open

    def replaced(root: Path, file: Path) -> int:
        if file == folder / path and file.read_bytes() != b"newer":
            file.write_bytes(b"newer")
            digest = hashlib.md5(b"newer").hexdigest()
            entry = downloads_log.LogEntry("data/1", "1", "a.gz", 5, path, digest, "md5", 0.1,
                                           "done")  # fmt: skip
            downloads_log.append(folder, [entry])
        return plain(root, file)

    monkeypatch.setattr(recheck, "_open", replaced)
    assert run(str(folder)).return_value == 0


def test_who_lets_go_ends_the_reading_in_the_middle_of_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ctrl-c does: a file may take hours."""
    monkeypatch.setattr(md5, "READ", 100)
    recorded = recheck.RecordedFolder(folder)
    recorded.read()
    (folder / next(iter(FILES))).unlink()  # the first is told of at once
    held, taken = threading.Event(), threading.Semaphore(0)

    def took(count: int) -> None:
        taken.release()
        assert held.wait(GUARD)

    checked = recheck.check_all(recorded.wanted(), took)
    assert next(checked).state == "missing"
    assert taken.acquire(timeout=GUARD)
    readers = [thread for thread in threading.enumerate() if thread.name == "verify"]
    checked.close()  # type: ignore[attr-defined]
    held.set()
    for thread in readers:
        thread.join(GUARD)
    assert not any(thread.is_alive() for thread in readers)
    assert taken._value <= len(readers)  # one piece each at most, of some thousand
