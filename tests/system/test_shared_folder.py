"""A folder that is open already is not gone to anew, unless its path leads elsewhere by now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.system import shared_folder
from flowtui.system.files import UnfitFile
from flowtui.system.shared_folder import Folder, open_folder

MALLORY = 54_321


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Folder]:
    """The folder a/b, open while a test runs."""
    with open_folder(tmp_path / "a" / "b", tmp_path, make=True) as folder:
        yield folder


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is opened from now on."""
    opened: list[object] = []
    real = os.open

    def noting(path: object, *args: object, **more: object) -> int:
        opened.append(path)
        return real(path, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", noting)
    return opened


def test_an_open_folder_is_not_gone_to_anew(
    tmp_path: Path, inside: Folder, ways: list[object]
) -> None:
    with open_folder(tmp_path / "a" / "b", tmp_path) as again:
        assert again is inside
    assert ways == []
    assert inside.stat("x") is None  # it is open still


def test_once_nobody_uses_it_the_way_is_gone_and_looked_at_anew(
    tmp_path: Path, ways: list[object]
) -> None:
    for _ in range(2):
        with open_folder(tmp_path / "a", tmp_path, make=True):
            pass
    assert ways.count("a") >= 2


def test_where_the_path_leads_to_another_folder_that_one_is_opened(
    tmp_path: Path, inside: Folder
) -> None:
    (tmp_path / "a").rename(tmp_path / "old")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "new").touch()
    with open_folder(tmp_path / "a" / "b", tmp_path) as other:
        assert other is not inside
        assert other.stat("new") is not None
        with open_folder(tmp_path / "a" / "b", tmp_path) as again:
            assert again is other
    assert inside.stat("new") is None


def test_where_it_is_gone_it_is_not_found(tmp_path: Path, inside: Folder) -> None:
    (tmp_path / "a" / "b").rmdir()
    with pytest.raises(FileNotFoundError):
        open_folder(tmp_path / "a" / "b", tmp_path)


@pytest.mark.parametrize("leads", ["a", "a/b"])
def test_a_link_that_another_user_plants_meanwhile_is_refused(
    tmp_path: Path, inside: Folder, monkeypatch: pytest.MonkeyPatch, leads: str
) -> None:
    trap = tmp_path / "trap"
    (trap / "b").mkdir(parents=True)
    (tmp_path / leads).rename(tmp_path / "old")
    (tmp_path / leads).symlink_to(trap if leads == "a" else trap / "b")
    planted = (tmp_path / leads).lstat().st_ino
    monkeypatch.setattr(
        shared_folder,
        "user_of",
        lambda found: MALLORY if found.st_ino == planted else found.st_uid,
    )
    with pytest.raises(UnfitFile, match="it is a link that"):
        open_folder(tmp_path / "a" / "b", tmp_path)


def test_a_folder_that_was_opened_as_it_is_named_is_looked_at_where_that_is_asked_for(
    tmp_path: Path, inside: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    planted = link.lstat().st_ino
    monkeypatch.setattr(
        shared_folder,
        "user_of",
        lambda found: MALLORY if found.st_ino == planted else found.st_uid,
    )
    with open_folder(link / "b"):
        with pytest.raises(UnfitFile, match="it is a link that"):
            open_folder(link / "b", tmp_path)
        with open_folder(link / "b"):
            pass
