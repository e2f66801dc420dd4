"""What the target folder's log says is here, and how the tree comes to know it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowtui.tui.known_files import KnownFiles, Standing, Sums
from flowtui.tui.recorded_files import AGAIN, LONGEST_LINE, Found, LogReader, RecordedFiles
from support.fake_flow import SERVER, data, screen
from support.tui_app import lines, make_app, open_project, until


def log(root: Path, *entries: dict[str, Any] | str) -> None:
    with (root / "downloads.log").open("a") as file:
        for entry in entries:
            file.write((entry if isinstance(entry, str) else json.dumps(entry)) + "\n")


def entry(key: str, path: str, **more: Any) -> dict[str, Any]:
    return {"status": "done", "key": key, "path": path, "size": 3, **more}


def test_what_is_recorded_and_there_is_here(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"abc")
    (tmp_path / "other").write_bytes(b"abcdef")
    (tmp_path / "link").symlink_to("there")
    log(
        tmp_path,
        entry("data/1", "there"),
        entry("data/2", "gone"),
        entry("data/3", "other"),
        entry("data/4", "link"),
        {**entry("data/5", "there"), "status": "failed"},
    )
    keys = [f"data/{n}" for n in range(1, 7)]
    here = {"data/1": True, "data/2": False, "data/3": False, "data/4": False}
    assert LogReader().look(tmp_path, keys).here == here
    assert LogReader().look(tmp_path, ["data/1"]).here == {"data/1": True}


@pytest.mark.parametrize(
    "line",
    [
        "[" * 50_000,
        "no JSON",
        "[]",
        json.dumps(entry("data/9", "../there")),
        json.dumps(entry("data/9", "/etc/passwd")),
        json.dumps(entry("data/9", "a\0b")),
        json.dumps(entry("data/9", "")),
        json.dumps({**entry("data/9", "there"), "key": 7}),
        "x" * (LONGEST_LINE + 10),
    ],
)
def test_lines_that_are_none_of_ours_are_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / "there").write_bytes(b"abc")
    log(tmp_path, line, entry("data/1", "there"))
    assert LogReader().look(tmp_path, ["data/1", "data/9"]).here == {"data/1": True}


def test_a_log_is_followed_as_it_grows_and_forgotten_when_it_is_another(tmp_path: Path) -> None:
    reader = LogReader()
    assert reader.look(tmp_path, ["data/1"]) == Found()
    (tmp_path / "there").write_bytes(b"abc")
    whole = json.dumps(entry("data/1", "there", belongs_to="sample/1"))
    with (tmp_path / "downloads.log").open("w") as file:
        file.write(whole[:20])
    assert reader.look(tmp_path, ["data/1"]) == Found()
    with (tmp_path / "downloads.log").open("a") as file:
        file.write(whole[20:] + "\n")
    assert reader.look(tmp_path, ["data/1"]).here == {"data/1": True}
    log(tmp_path, entry("data/1", "there", belongs_to="sample/1"))
    found = reader.look(tmp_path, [])
    assert found.things == {"sample/1": 1}
    (tmp_path / "downloads.log").unlink()
    assert reader.look(tmp_path, ["data/1"]) == Found()


def test_samples_runs_and_projects_are_counted(tmp_path: Path) -> None:
    about = {"belongs_to": "sample/1", "execution": "execution/9", "project": "Liver"}
    log(tmp_path, entry("data/1", "a", **about), entry("data/2", "b", project="Liver"))
    things = {"sample/1": 1, "execution/9": 1, "project:Liver": 2}
    assert LogReader().look(tmp_path, []).things == things


def test_a_log_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "downloads.log")
    assert LogReader().look(tmp_path, ["data/1"]) == Found()


def test_one_look_at_a_time_and_seldom_where_nothing_is_new(tmp_path: Path) -> None:
    started: list[Any] = []
    told: list[Found] = []
    files = RecordedFiles(
        lambda work, _: started.append(work), lambda do, found: do(found), told.append
    )
    files.look(tmp_path, ["data/1"], 0)
    files.look(tmp_path, ["data/2"], 0)
    assert len(started) == 1  # the disk may hang: it has one thread
    started[0]()
    assert told == [Found()]
    for _ in range(AGAIN - 1):
        files.look(tmp_path, ["data/1"], 0)
    assert len(started) == 1
    files.look(tmp_path, ["data/1"], 0)
    assert len(started) == 2
    started[1]()
    files.look(tmp_path, ["data/1"], 1)  # the queue says something else
    assert len(started) == 3


def test_what_is_recorded_goes_before_what_the_queue_says_of_what_ended() -> None:
    files = KnownFiles(recorded={"data/1": True, "data/2": False}, recorded_things={"sample/1": 2})
    assert files.of_file(SERVER, "data/1") is Standing.HERE
    assert files.of_file(SERVER, "data/2") is None
    assert files.of_thing(SERVER, "sample/1") == Sums(here=2)


async def test_the_tree_shows_what_an_earlier_session_downloaded(tmp_path: Path) -> None:
    root = tmp_path / "downloads"
    root.mkdir()
    (root / "r1").write_bytes(b"abc")
    log(root, entry("data/1", "r1", belongs_to="sample/s0"), entry("data/2", "r2"))
    flow = screen(2)
    flow.files["s0"] = [data("1", "guide_0000_R1.gz"), data("2", "guide_0000_R2.gz")]
    async with make_app(flow, tmp_path).run_test(size=(80, 24)) as pilot:
        app = await open_project(pilot)
        await pilot.press("down", "down", "enter")

        def has(line: str, sign: str) -> bool:
            return any(line in drawn and drawn.startswith(sign) for drawn in lines(app))

        await until(pilot, lambda: has("…_R1.gz", " ✓") and has("guide_0000", " ◔"))
        assert has("…_R2.gz", "  ")
        (root / "r2").write_bytes(b"abc")
        app._recorded._passed = AGAIN - 1
        await until(pilot, lambda: has("…_R2.gz", " ✓") and has("guide_0000", " ✓"))
