"""Files of ours that are something else by now: refused in words, without waiting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowtui.system.files import (
    ABANDONED,
    UnfitFile,
    open_regular,
    parse_json,
    read_regular,
    write_private,
)
from support.odd_files import DEEP, IRREGULAR, put

WAYS = [os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND, os.O_RDWR | os.O_CREAT]


@pytest.mark.parametrize("flags", WAYS)
@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_no_regular_file_is_not_opened_and_named(kind: str, flags: int, tmp_path: Path):
    file = put(kind, tmp_path / "x")
    with pytest.raises(UnfitFile) as caught:
        open_regular(file, flags)
    told = "a device" if "zero" in kind else kind
    assert caught.value.strerror == f"it is {told}, not a regular file; move it away"
    assert caught.value.filename == str(file)


def test_a_link_is_refused_in_words_where_it_is_not_followed(tmp_path: Path):
    (tmp_path / "real").write_text("text")
    (tmp_path / "link").symlink_to("real")
    assert read_regular(tmp_path / "link", 100) == b"text"
    with pytest.raises(UnfitFile, match="a link"):
        open_regular(tmp_path / "link", os.O_NOFOLLOW)


def test_a_file_is_read_to_its_bound_and_no_further(tmp_path: Path):
    file = tmp_path / "x"
    file.write_bytes(b"x" * 100)
    assert read_regular(file, 100) == b"x" * 100
    with pytest.raises(UnfitFile, match="it has 100 bytes, of 99 at most; move it away"):
        read_regular(file, 99)


def test_a_gigabyte_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = put("a gigabyte", tmp_path / "x")
    monkeypatch.delattr(os, "read")
    with pytest.raises(UnfitFile, match="1,073,741,824 bytes"):
        read_regular(file, 1 << 20)


def test_a_name_is_opened_below_an_open_folder(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"here")
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert read_regular("x", 10, folder=folder) == b"here"
    finally:
        os.close(folder)


def test_what_is_missing_is_missing(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "x", 10)


NO_JSON: dict[str, str | bytes] = {
    "brackets": "[" * DEEP,
    "objects": '{"a":' * DEEP,
    "invalid UTF-8": b"\xff",
    "NUL": b"\0",
    "nothing": "",
    "a long number": "9" * 10_000,
}


@pytest.mark.parametrize("what", NO_JSON)
def test_a_text_that_is_no_json_is_a_value_error(what: str):
    with pytest.raises(ValueError):  # noqa: PT011 - that it is no other kind is what counts
        parse_json(NO_JSON[what])


def test_what_a_kill_left_of_a_file_goes_at_a_later_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"

    class Killed(BaseException):
        """The process is gone: nothing after it is done."""

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(os, "replace", killed)
        dying.setattr(Path, "unlink", killed)
        with pytest.raises(Killed):
            write_private(file, "first")
    (left,) = tmp_path.iterdir()
    write_private(file, "second")
    assert left.exists()  # another process may be writing it just now
    hour_ago = file.stat().st_mtime - ABANDONED - 1
    of_others = [tmp_path / ".settings.toml.mine", tmp_path / ".other.toml.flowtui-12345678"]
    for path in (left, *of_others):
        path.touch()
        os.utime(path, (hour_ago, hour_ago))
    (tmp_path / ".settings.toml.flowtui-a_folder").mkdir()
    write_private(file, "third")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".other.toml.flowtui-12345678",
        ".settings.toml.flowtui-a_folder",
        ".settings.toml.mine",
        "settings.toml",
    ]
    assert file.read_text() == "third"
