"""A file beside the log that is written anew as a whole: what stands there, who else writes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtui.system.files import UnfitFile
from flowtui.system.locks import wait_for_lock
from flowtui.transfer.disk import downloads_log, rewritten
from flowtui.transfer.disk.rewritten import read, rewrite

NAME = "samples.tsv"


def test_it_is_made_and_changed_and_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "new"
    assert read(root, NAME, 100) is None
    assert rewrite(root, NAME, 100, lambda old: b"one" if old is None else b"wrong")
    (root / NAME).chmod(0o640)
    assert rewrite(root, NAME, 100, lambda old: (old or b"") + b"two")
    assert read(root, NAME, 100) == b"onetwo"
    assert stat.S_IMODE((root / NAME).stat().st_mode) == 0o640
    before = (root / NAME).stat()
    assert not rewrite(root, NAME, 100, lambda old: b"onetwo")
    assert (root / NAME).stat() == before
    assert sorted(os.listdir(root)) == ["downloads.log", NAME]


@pytest.mark.parametrize("way", [os.symlink, os.link])
def test_a_link_is_neither_read_nor_written_through(
    tmp_path: Path, way: Callable[[Path, Path], None]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    root = tmp_path / "root"
    root.mkdir()
    way(victim, root / NAME)
    with pytest.raises(UnfitFile):
        read(root, NAME, 100)
    with pytest.raises(UnfitFile):
        rewrite(root, NAME, 100, lambda old: b"mine")
    assert victim.read_text() == "precious"
    assert (root / NAME).samefile(victim)


def test_a_link_under_the_name_that_it_has_before_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".{NAME}.part").symlink_to(victim)
    with pytest.raises(UnfitFile, match="it is a link"):
        rewrite(tmp_path, NAME, 100, lambda old: b"mine")
    assert victim.read_text() == "precious"
    assert not (tmp_path / NAME).exists()


def test_its_length_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(UnfitFile, match="5 bytes, of 4"):
        rewrite(tmp_path, NAME, 4, lambda old: b"12345")
    assert not (tmp_path / NAME).exists()
    (tmp_path / NAME).write_bytes(b"12345")
    for ask in (lambda: read(tmp_path, NAME, 4), lambda: rewrite(tmp_path, NAME, 4, bytes)):
        with pytest.raises(UnfitFile, match="5 bytes, of 4"):
            ask()


def test_without_the_lock_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewritten, "PATIENCE", 0.0)
    descriptor = os.open(tmp_path / downloads_log.LOG_NAME, os.O_RDWR | os.O_CREAT)
    try:
        assert wait_for_lock(descriptor, tmp_path / downloads_log.LOG_NAME, 0.0)
        with pytest.raises(UnfitFile, match="locked; try again later"):
            rewrite(tmp_path, NAME, 100, lambda old: b"mine")
    finally:
        os.close(descriptor)
    assert not (tmp_path / NAME).exists()


WRITER = """
import sys
from pathlib import Path
from flowtui.transfer.disk.rewritten import rewrite
for n in range(30):
    line = f"{sys.argv[2]}-{n}\\n".encode()
    rewrite(Path(sys.argv[1]), "samples.tsv", 10_000, lambda old: (old or b"") + line)
"""


def test_of_several_processes_none_loses_what_another_wrote(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(me)]) for me in range(3)]
    assert [one.wait(100) for one in writers] == [0, 0, 0]
    expected = {f"{me}-{n}" for me in range(3) for n in range(30)}
    lines = (tmp_path / NAME).read_text().splitlines()
    assert len(lines) == 90
    assert set(lines) == expected
