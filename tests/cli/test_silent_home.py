"""A home folder on a disk that hangs is told of; a command that waits for it is not silent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.cli.silent_home import watch_home
from support.hanging_disk import HangingDisk
from support.waiting import GUARD


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingDisk]:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    made = HangingDisk(tmp_path / "home", monkeypatch)
    yield made
    made.let_go()


def test_it_is_told_which_folder_does_not_answer(home: HangingDisk, tmp_path: Path) -> None:
    said: list[str] = []
    home.hang("stat", "config")
    watching = watch_home(said.append, patience=0.2)
    home.until_held()
    watching.join(GUARD)
    (words,) = said
    assert words.startswith(f"flowtui: the disk of {tmp_path}/home/config has not answered for ")
    assert "ctrl-\\" in words


@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_said_of_one_that_answers(
    home: HangingDisk, tmp_path: Path, is_there: bool
) -> None:
    if is_there:
        (tmp_path / "home" / "config").mkdir(parents=True)
    said: list[str] = []
    watch_home(said.append, patience=GUARD).join(GUARD / 2)
    assert said == []
