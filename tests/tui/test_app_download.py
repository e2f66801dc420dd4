"""The download dialog: what it counts, proposes and sends."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, Static

from flowtui.flow.errors import NotFound, ServiceUnavailable
from flowtui.flow.models import Execution
from flowtui.protocol.messages import RequestRefused
from flowtui.tui.app import FlowApp
from flowtui.tui.recorded_files import LogReader
from flowtui.tui.screens.download import DownloadDialog
from flowtui.tui.screens.quit import QuitDialog
from support.fake_flow import FakeFlow, data, screen
from support.tui_app import context_of, lines, make_app, open_project, opened, said, tree, until
from support.waiting import GUARD

SIZE = (80, 24)


async def asked(pilot: Pilot[Any]) -> DownloadDialog:
    """Press d on the first project, and wait until all is counted."""
    app = await opened(pilot)
    await pilot.press("down", "d")
    await until(pilot, lambda: isinstance(app.screen, DownloadDialog))
    dialog = app.screen
    assert isinstance(dialog, DownloadDialog)
    await until(pilot, lambda: not said(app, "#dialog-what").endswith("…"), "counted")
    return dialog


def notices(app: FlowApp) -> str:
    """All that was told at the edge of the screen."""
    return "\n".join(notice.message for notice in app._notifications)


def button(app: FlowApp, name: str) -> Button:
    return app.screen.query_one(f"#{name}", Button)


async def test_up_to_a_hundred_files_are_proposed_one_by_one(tmp_path: Path) -> None:
    app = make_app(screen(50), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        dialog = await asked(pilot)
        assert "100 files, 100.0 kB" in said(app, "#dialog-what")
        await until(pilot, lambda: button(app, "one-by-one").has_focus)
        assert dialog.proposed == "one-by-one"
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
        (batch,) = context_of(app).engine.batches
        assert not batch.bulk and len(batch.files) == 100
        assert batch.name == "Screen" and batch.root == str(tmp_path / "downloads")
        assert batch.server == context_of(app).flow.server


async def test_the_records_of_runs_come_where_their_box_is_marked(tmp_path: Path) -> None:
    flow = screen(2)
    outputs = [{"id": "o1", "filename": "a.html"}]
    run = Execution.read({"id": "9", "identifier": "mad_cat", "outputs": outputs})
    flow.project_runs["1"] = [run]
    flow.details["execution/9"] = run
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        assert "5 files" in said(app, "#dialog-what")
        app.screen.query_one("#dialog-records", Checkbox).focus()
        await pilot.press("space")
        await until(pilot, lambda: "7 files" in said(app, "#dialog-what"))
        await until(pilot, lambda: not button(app, "one-by-one").disabled)
        button(app, "one-by-one").focus()
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
        (batch,) = context_of(app).engine.batches
        made = {file.key for file in batch.files if file.is_record}
        assert made == {"record/9/params.json", "record/9/command.txt"}


async def test_above_a_hundred_files_a_bulk_job_is_proposed(tmp_path: Path) -> None:
    app = make_app(screen(51), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await until(pilot, lambda: button(app, "bulk").has_focus)
        why, keys = said(app, "#dialog-hint").splitlines()
        assert "More than 100 files" in why and keys.startswith("enter: as a bulk job")
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
        assert context_of(app).engine.batches[0].bulk


async def test_the_limit_of_the_settings_counts(tmp_path: Path) -> None:
    app = make_app(screen(51), tmp_path, bulk_above=500)
    async with app.run_test(size=SIZE) as pilot:
        dialog = await asked(pilot)
        assert dialog.proposed == "one-by-one"


async def test_files_without_an_id_cannot_be_a_bulk_job(tmp_path: Path) -> None:
    flow = screen(1)
    flow.files["s0"] = [replace(data("x", f"f{n}", execution_id="e"), id=None) for n in range(120)]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        dialog = await asked(pilot)
        await until(pilot, lambda: button(app, "one-by-one").has_focus)
        assert dialog.proposed == "one-by-one" and button(app, "bulk").disabled


def put_here(folder: Path, *keys: str) -> None:
    """Have files of a thousand bytes in a folder, as they were downloaded."""
    folder.mkdir()
    with (folder / "downloads.log").open("w") as log:
        for number, key in enumerate(keys):
            (folder / str(number)).write_bytes(bytes(1000))
            line = {"key": key, "path": str(number), "size": 1000, "status": "done"}
            log.write(json.dumps(line) + "\n")


async def test_what_is_here_already_is_told_apart_from_what_is_new(tmp_path: Path) -> None:
    put_here(tmp_path / "downloads", "data/d0x0", "data/d1x1")
    app = make_app(screen(51), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        words = "102 files: 2 already here, 100 new, 100.0 kB"
        dialog = await asked(pilot)
        await until(pilot, lambda: words in said(app, "#dialog-what"))
        await until(pilot, lambda: button(app, "one-by-one").has_focus)
        assert dialog.proposed == "one-by-one"
        field = app.screen.query_one("#dialog-target", Input)
        field.focus()
        field.value = str(tmp_path / "other")
        await pilot.press("enter")
        await until(pilot, lambda: "102 files, 102.0 kB" in said(app, "#dialog-what"))
        assert dialog.proposed == "bulk"


async def test_a_disk_that_hangs_keeps_nobody_from_downloading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def hang(self: LogReader, root: Path, sizes: Any) -> set[str]:
        answer.wait(GUARD)
        return set()

    monkeypatch.setattr(LogReader, "these_are_here", hang)
    app = make_app(screen(51), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await until(pilot, lambda: button(app, "bulk").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
    answer.set()


async def start_while_counting(pilot: Pilot[Any], flow: FakeFlow) -> threading.Event:
    """Press enter before the last of three samples is listed; what lets that go on."""
    app = await opened(pilot)
    last = flow.holds["data of s2 page 1"] = threading.Event()
    await pilot.press("down", "d")
    await until(pilot, lambda: "4 files, 4.0 kB so far, counting" in said(app, "#dialog-what"))
    assert "enter: start now" in said(app, "#dialog-hint")
    await pilot.press("enter")
    await until(pilot, lambda: len(app.screen_stack) == 1)
    return last


async def test_enter_starts_what_is_found_while_the_rest_is_counted(tmp_path: Path) -> None:
    flow = screen(3)
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        last = await start_while_counting(pilot, flow)
        engine = context_of(app).engine
        await until(pilot, lambda: engine.batches)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, QuitDialog))
        words = [str(widget.render()) for widget in app.screen.query(Static)]
        assert any("Still looking for files of Screen" in line for line in words)
        await pilot.press("escape")
        assert [len(batch.files) for batch in engine.batches] == [4]
        last.set()
        await until(pilot, lambda: len(engine.batches) == 2)
        first, second = engine.batches
        assert (first.continues, second.continues) == (None, 1)
        assert len(second.files) == 2 and not second.bulk
        assert {batch.root for batch in engine.batches} == {str(tmp_path / "downloads")}
        await until(pilot, lambda: "Queued 6 files of Screen." in notices(app))


async def test_enter_starts_it_also_before_it_is_known_what_server_answers(tmp_path: Path) -> None:
    app = make_app(screen(2), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        context = context_of(app)
        signing_in = threading.Event()
        client = context.client

        def late() -> Any:
            signing_in.wait(GUARD)
            return client()

        context.client = late  # type: ignore[method-assign]
        await pilot.press("down", "d", "enter")
        assert len(app.screen_stack) == 1
        signing_in.set()
        await until(pilot, lambda: sum(len(batch.files) for batch in context.engine.batches) == 4)
        assert {batch.server for batch in context.engine.batches} == {context.flow.server}


async def test_what_could_not_be_listed_of_it_is_said(tmp_path: Path) -> None:
    flow = screen(3)
    flow.errors["data of s2 page 1"] = [RuntimeError("the server is away")]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        (await start_while_counting(pilot, flow)).set()
        await until(pilot, lambda: "4 files queued; download it again for the rest" in notices(app))
        assert [len(batch.files) for batch in context_of(app).engine.batches] == [4]


async def test_an_engine_that_refuses_a_piece_is_given_no_more(tmp_path: Path) -> None:
    flow = screen(3)
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        context_of(app).engine.refuses = RequestRefused("IN_THE_WAY", "a pipe stands there")
        last = await start_while_counting(pilot, flow)
        await until(pilot, lambda: not app._adding.still_counted)
        last.set()
        await until(pilot, lambda: not counting())
        assert context_of(app).engine.batches == []


def counting() -> bool:
    """Whether a thread still counts, or asks ahead for that."""
    names = [thread.name for thread in threading.enumerate()]
    return any(name.startswith("lookahead") or "count" in name for name in names)


async def test_escape_ends_the_counting_and_keeps_the_marks(tmp_path: Path) -> None:
    flow = screen(200)
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        flow.hold = threading.Event()
        await pilot.press("down", "space", "d", "escape")
        flow.hold.set()
        await until(pilot, lambda: not counting())
        assert sum(asked.startswith("data of") for asked in flow.asked) < 100
        assert len(app.screen_stack) == 1 and len(tree(app).marks) == 1


async def test_the_marks_are_gone_once_queued(tmp_path: Path) -> None:
    app = make_app(screen(4), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await open_project(pilot)
        await pilot.press("down", "down", "space", "space", "d")
        await until(pilot, lambda: "2 items" in said(app, "#dialog-what"))
        await until(pilot, lambda: button(app, "one-by-one").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
        assert len(context_of(app).engine.batches[0].files) == 4
        assert not tree(app).marks and not any("●" in line for line in lines(app))


async def test_unknown_sizes_make_it_at_least(tmp_path: Path) -> None:
    flow = screen(1)
    flow.files["s0"] = [data("a"), data("b", size=None)]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        assert "2 files, at least 1.0 kB (1 of unknown size)" in said(app, "#dialog-what")


async def test_what_is_left_out_is_told_with_the_reason(tmp_path: Path) -> None:
    flow = screen(2)
    flow.errors["data of s1 page 1"] = [NotFound("not found, or not visible to you")]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        assert "left out: guide_0001: not found" in said(app, "#dialog-left-out")


async def test_a_sample_that_flow_cannot_give_is_left_out_by_name(tmp_path: Path) -> None:
    flow = screen(2)
    flow.errors["data of s1 page 1"] = [ServiceUnavailable("flow.test answered with 500")]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        assert "left out: guide_0001: flow.test answered" in said(app, "#dialog-left-out")
        assert not button(app, "one-by-one").disabled


async def test_trouble_while_counting_is_not_taken_for_all_there_is(tmp_path: Path) -> None:
    flow = screen(2)
    flow.errors["samples 1 page 1"] = [ServiceUnavailable("flow.test does not answer")]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await asked(pilot)
        assert "does not answer" in said(app, "#dialog-what")
        await until(pilot, lambda: button(app, "cancel").has_focus)
        assert button(app, "one-by-one").disabled and button(app, "bulk").disabled


async def test_too_little_room_is_told_before(tmp_path: Path) -> None:
    app = make_app(screen(50), tmp_path)
    context_of(app).engine.free = 60_000
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await until(pilot, lambda: "50.0 kB more needed" in said(app, "#dialog-space"))
        assert "60.0 kB free," in said(app, "#dialog-space")


async def test_another_folder_is_looked_at_and_kept_for_the_next_time(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        field = app.screen.query_one("#dialog-target", Input)
        field.focus()
        field.value = str(tmp_path / "other")
        await pilot.press("enter")
        await until(pilot, lambda: button(app, "one-by-one").has_focus)
        await until(pilot, lambda: str(tmp_path / "other") in context_of(app).engine.asked)
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
        assert context_of(app).engine.batches[0].root == str(tmp_path / "other")
        await pilot.press("d")
        assert app.screen.query_one("#dialog-target", Input).value == str(tmp_path / "other")


async def test_a_folder_that_cannot_be_is_said_and_not_taken(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        field = app.screen.query_one("#dialog-target", Input)
        field.value = "~nobody-of-this-name/x"
        field.focus()
        await pilot.press("enter", "enter")
        assert isinstance(app.screen, DownloadDialog) and not context_of(app).engine.batches
        assert "No home folder for ~nobody-of-this-name" in said(app, "#dialog-space")


async def test_nothing_to_download_says_so(tmp_path: Path) -> None:
    app = make_app(screen(0), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        assert "no files to download" in said(app, "#dialog-what")


async def test_d_where_nothing_can_be_downloaded_explains_itself(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("d")
        assert len(app.screen_stack) == 1
        await until(pilot, lambda: any("press space" in one.message for one in app._notifications))


async def test_the_target_folder_can_be_set_for_all_later_starts(tmp_path: Path) -> None:
    from flowtui.config import load_settings

    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        app.action_target()
        await pilot.pause()
        app.screen.query_one("#dialog-target", Input).value = str(tmp_path / "mine")
        await pilot.press("enter")
        folders = context_of(app).folders
        await until(pilot, lambda: folders.settings_file.exists())
        assert load_settings(folders).download_dir == str(tmp_path / "mine")
        await pilot.press("down", "d")
        assert app.screen.query_one("#dialog-target", Input).value == str(tmp_path / "mine")
