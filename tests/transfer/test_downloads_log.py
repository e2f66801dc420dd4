"""downloads.log: the guide's keys, whole lines whoever writes, and read again whatever is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtui.system.files import UnfitFile
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.downloads_log import LOG_NAME, LogEntry
from flowtui.transfer.task import Recorded

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=10)
# Others are passed over: no file can have them.
paths = st.binary(max_size=10).filter(lambda raw: b"\0" not in raw).map(os.fsdecode)
entries = st.builds(
    LogEntry,
    key=texts,
    file_id=texts,
    filename=texts,
    size=st.none() | st.integers(0, 1 << 62),
    path=paths,
    md5=st.none() | texts,
    verified_by=texts,
    seconds=st.floats(0, 1e6),
    status=st.sampled_from(["done", "skipped", "failed"]),
    message=texts,
)


def entry(n: int = 1, **more) -> LogEntry:
    fields = {
        "key": f"data/{n}", "file_id": str(n), "filename": "a.gz", "size": 5,
        "path": f"data/{n}.gz", "md5": "a" * 32, "verified_by": "md5", "seconds": 0.12345,
        "status": "done",
    }  # fmt: skip
    return LogEntry(**{**fields, **more})


def lines(root: Path) -> list[dict]:
    return [json.loads(one) for one in (root / LOG_NAME).read_text().splitlines()]


def test_the_guides_keys_come_first_and_in_order(tmp_path: Path):
    downloads_log.append(
        tmp_path / "new" / "folder", [entry(), entry(2, status="failed", message="gone")]
    )
    one, other = lines(tmp_path / "new" / "folder")
    assert list(one) == [
        "action", "file_id", "filename", "size", "timestamp",
        "key", "path", "md5", "verified_by", "seconds", "status",
    ]  # fmt: skip
    assert (one["action"], one["file_id"], one["size"], one["seconds"]) == (
        "download",
        "1",
        5,
        0.123,
    )
    assert datetime.fromisoformat(one["timestamp"]).tzinfo is not None
    assert (other["status"], other["message"]) == ("failed", "gone")


def is_a_path(text: str) -> bool:
    """Whether the system takes it."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


@given(st.lists(st.lists(entries, max_size=3), max_size=3))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
def test_what_is_here_is_read_again_in_order(tmp_path: Path, batches: list[list[LogEntry]]):
    (tmp_path / LOG_NAME).unlink(missing_ok=True)
    for one in [[], *batches]:
        downloads_log.append(tmp_path, one)
    wanted = [
        (one.path, Recorded(one.key, one.size, one.md5))
        for batch in batches
        for one in batch
        if one.status != "failed" and is_a_path(one.path)
    ]
    assert list(downloads_log.read(tmp_path)) == wanted
    text = (tmp_path / LOG_NAME).read_bytes()
    assert text.isascii()  # nothing in it can change a terminal
    assert not set(text) & set(range(32)) - {10}
    assert text.count(b"\n") == sum(map(len, batches))


def test_what_follows_a_line_that_a_crash_cut_is_read(tmp_path: Path):
    downloads_log.append(tmp_path, [entry(1), entry(2)])
    whole = (tmp_path / LOG_NAME).read_bytes()
    for cut in range(len(whole)):
        (tmp_path / LOG_NAME).write_bytes(whole[:cut])
        downloads_log.append(tmp_path, [entry(3)])
        keys = [one.key for _, one in downloads_log.read(tmp_path)]
        assert keys
        assert keys[-1] == "data/3"
        assert keys[:-1] == ["data/1", "data/2"][: len(keys) - 1]
        assert len(keys) - 1 >= whole[:cut].count(b"\n")


WRITER = """
import sys
from pathlib import Path
from flowtui.transfer.disk import downloads_log
me = sys.argv[2]
for n in range(60):
    downloads_log.append(Path(sys.argv[1]), [
        downloads_log.LogEntry(
            f"{me}/{n}", me, "x" * 3000, n, f"{me}/{n}/{k}", None, "size", 0, "done"
        )
        for k in range(3)
    ])
"""


def test_several_processes_write_whole_lines(tmp_path: Path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(me)]) for me in range(4)
    ]
    assert [one.wait(60) for one in writers] == [0, 0, 0, 0]
    found = lines(tmp_path)
    assert len(found) == 4 * 60 * 3
    for me in range(4):
        mine = [one["path"] for one in found if one["file_id"] == str(me)]
        assert mine == [f"{me}/{n}/{k}" for n in range(60) for k in range(3)]


def test_lines_of_others_are_passed_over(tmp_path: Path):
    odd = [
        b"", b"[]", b"5", b'"text"', b"{}", b"\xff\xfe\x00", b'{"status": "done"}', b"[" * 50_000,
        b'{"status": "done", "key": 1, "path": "p"}', b'{"status": ["done"], "key": "k"}',
    ]  # fmt: skip
    (tmp_path / LOG_NAME).write_bytes(b"\n".join(odd) + b"\n")
    downloads_log.append(tmp_path, [entry()])
    with (tmp_path / LOG_NAME).open("a") as stream:
        stream.write('{"status": "done", "key": "k", "path": "p", "size": "5", "md5": 7}\n')
    assert list(downloads_log.read(tmp_path)) == [
        ("data/1.gz", Recorded("data/1", 5, "a" * 32)),
        ("p", Recorded("k", None, None)),
    ]


def test_there_is_nothing_to_read_where_there_is_no_log(tmp_path: Path):
    assert list(downloads_log.read(tmp_path / "missing")) == []
    (tmp_path / "file").write_text("")
    assert list(downloads_log.read(tmp_path / "file")) == []


def test_a_link_is_not_written_through(tmp_path: Path):
    (tmp_path / "precious").write_text("precious")
    (tmp_path / LOG_NAME).symlink_to("precious")
    with pytest.raises(UnfitFile, match="a link"):
        downloads_log.append(tmp_path, [entry()])
    assert (tmp_path / "precious").read_text() == "precious"


@pytest.mark.parametrize("path", ["a\0b", "\ud800"])
def test_a_path_that_no_file_can_have_is_passed_over(tmp_path: Path, path: str):
    downloads_log.append(tmp_path, [entry(1), entry(2, path=path)])
    assert len(list(downloads_log.read(tmp_path))) == 1
