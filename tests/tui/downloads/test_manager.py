"""The queue's keys, its cursor, and what is said of a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from flowtui.config import load_settings
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    Recheck,
    Summary,
    TransferRow,
    WrongFile,
)
from flowtui.tui.app import FlowApp
from flowtui.tui.downloads.bulk_panel import BulkList, BulkPanel
from flowtui.tui.downloads.manager import DownloadManager
from flowtui.tui.downloads.table import TransferTable
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.queue_model import Delta
from flowtui.tui.screens.bulk_files import BulkFilesScreen
from flowtui.tui.screens.rate import RateDialog
from flowtui.tui.screens.verify import VerifyScreen, WrongList
from flowtui.tui.widgets.confirm import Confirm
from support.fake_flow import SERVER, data, screen
from support.tui_app import context_of, make_app, open_project, opened, tree, until

SIZE = (100, 40)


class Asked:
    """An engine that writes down what it is asked."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.done.append((name, *arguments)) or 1


def row(id_: int, state: str = "queued", **more: object) -> TransferRow:
    fields = {"key": f"data/{id_}", "filename": f"f{id_}", "root": "/to", "path": f"data/f{id_}"}
    return TransferRow(id=id_, batch_id=1, state=state, **{**fields, **more})  # type: ignore[arg-type]


def publish(app: FlowApp, *rows: TransferRow, **more: Any) -> None:
    """Have the engine publish these rows to the app."""
    link = context_of(app).fake_link
    counts: dict[str, int] = {}
    for one in rows:
        counts[one.state] = counts.get(one.state, 0) + 1
    delta = Delta()
    link.model.apply(
        Changes(Summary(counts=counts, file_counts=counts), transfers=rows, **more), delta
    )
    link.take = lambda: delta  # type: ignore[method-assign]
    app.post_message(QueueChanged(link))  # type: ignore[arg-type]


async def in_table(pilot: Pilot[Any], *rows: TransferRow) -> tuple[FlowApp, TransferTable, Asked]:
    """These rows on the screen, the table focused, and an engine that only listens."""
    app = await opened(pilot)
    asked = Asked()
    context_of(app).fake_link.engine = asked  # type: ignore[assignment]
    publish(app, *rows)
    table = app.query_one(TransferTable)
    await until(pilot, lambda: table.count == len(rows))
    table.focus()
    await pilot.pause()
    return app, table, asked


def under(table: TransferTable) -> int | None:
    return table.row.id if table.row else None


async def test_p_pauses_what_is_to_come_and_resumes_what_is_paused(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, table, asked = await in_table(pilot, row(1, "active"), row(2), row(3, "done"))
        await pilot.press("p")
        publish(app, row(1, "paused"))
        await until(pilot, lambda: table.row is not None and table.row.state == "paused")
        await pilot.press("p")
        assert asked.done == [("pause", (1,)), ("resume", (1,))]
        await pilot.press("end", "p")
        assert len(asked.done) == 2


async def test_capital_letters_mean_all(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, table, asked = await in_table(pilot, row(1, "active"), row(2, "failed"), row(3, "done"))
        await pilot.press("P", "R", "c")
        publish(app, row(1, "paused"), row(2, "failed"))
        await until(pilot, lambda: table._model.summary.counts.get("paused"))
        await pilot.press("P")
        assert asked.done == [("pause", None), ("retry", None), ("forget", None), ("resume", None)]


async def test_cancelling_asks_where_bytes_would_be_lost_and_only_there(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, _, asked = await in_table(
            pilot, row(1, "active", done=5_000_000, size=9_000_000), row(2)
        )
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.pause()
        words = " ".join(str(one.render()) for one in app.screen.query(Static))
        assert "The 5.0 MB downloaded so far will be deleted" in words
        await pilot.press("escape")
        assert not asked.done
        await pilot.press("x", "y")
        await until(pilot, lambda: asked.done)
        await pilot.press("down", "x")
        assert asked.done == [("cancel", (1,)), ("cancel", (2,))]


async def test_cancelling_all_is_always_asked_about(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, _, asked = await in_table(pilot, row(1), row(2, "failed"), row(3, "done"))
        await pilot.press("X")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: asked.done == [("cancel", (1, 2))])


async def test_r_tries_failed_ones_again_and_leaves_good_ones_alone(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, _, asked = await in_table(pilot, row(1, "failed"), row(2, "done"))
        await pilot.press("r", "down", "r")
        assert asked.done == [("retry", (1,))]


async def test_the_cursor_goes_with_its_file_until_that_ends(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, table, _ = await in_table(pilot, row(1, "active"), row(2), row(3), row(4))
        await pilot.press("down")
        assert under(table) == 2
        publish(app, row(3, "active"))
        await until(pilot, lambda: table.cursor == 2)
        assert under(table) == 2
        publish(app, row(2, "done"))
        await until(pilot, lambda: under(table) == 4)


async def test_before_anyone_comes_the_cursor_stays_on_top(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        table = app.query_one(TransferTable)
        publish(app, row(1), row(2))
        await until(pilot, lambda: under(table) == 1)
        publish(app, row(2, "active"))
        await until(pilot, lambda: under(table) == 2)


async def test_the_reason_of_the_file_under_the_cursor_is_told_whole(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        reason = "needs 12.4 GB more in /data/x (1.0 GB free, 13.4 GB to come)"
        await in_table(pilot, row(1, "waiting", reason=reason))
        line = app.query_one("#reason", Static)
        await until(pilot, lambda: reason in str(line.render()))
        publish(app, row(1, "active", reason=""))
        await until(pilot, lambda: "waiting" not in str(line.render()))


async def test_without_transfers_it_says_what_to_do(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        assert app.query_one("#queue-empty").display
        publish(app, row(1))
        await until(pilot, lambda: not app.query_one("#queue-empty").display)
        assert not app.query_one(DownloadManager).has_class("-empty")


# Bulk jobs


def job(id_: int, state: str = "pending", **more: Any) -> BulkRow:
    return BulkRow(id_, 1, f"archive {id_}", "/to", state, files=120, **more)


async def with_jobs(pilot: Pilot[Any], *jobs: BulkRow, **more: Any) -> tuple[FlowApp, Asked]:
    app = await opened(pilot)
    asked = Asked()
    context_of(app).fake_link.engine = asked  # type: ignore[assignment]
    publish(app, bulk_jobs=jobs, **more)
    await until(pilot, lambda: app.query_one(BulkPanel).display)
    app.query_one(BulkList).focus()
    await pilot.pause()
    return app, asked


async def test_jobs_can_be_cancelled_tried_again_and_forgotten(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, asked = await with_jobs(pilot, job(1, "failed"), job(2, "processing"))
        await pilot.press("c", "r")  # the latest is on top and under way: neither is for it
        await pilot.press("x", "down", "x", "r", "c")
        assert asked.done == [
            ("bulk", (2,), "cancel"),
            ("bulk", (1,), "retry"),
            ("bulk", (1,), "forget"),
        ]


async def test_the_archive_of_a_job_that_is_forgotten_is_named(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await with_jobs(pilot, job(1, "cancelled", archive="a.zip"))
        await pilot.press("c")
        await until(pilot, lambda: [toast.message for toast in app._notifications])
        (toast,) = app._notifications
        assert "a.zip; delete it" in toast.message


@pytest.mark.parametrize(
    ("key", "fields", "action"),
    [
        ("x", {"state": "fetching", "done": 5_000}, "cancel"),
        ("R", {"state": "done"}, "again"),
        ("o", {"state": "processing"}, "one_by_one"),
    ],
)
async def test_what_changes_much_is_asked_about(
    tmp_path: Path, key: str, fields: dict[str, Any], action: str
) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, asked = await with_jobs(pilot, job(1, **fields))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: asked.done == [("bulk", (1,), action)])


async def test_the_files_of_a_job_are_shown(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, asked = await with_jobs(pilot, job(1, "unpacking"))
        assert "enter in the bulk jobs" in str(app.query_one("#queue-empty", Static).render())
        deep, why = "a folder/" * 15 + "b.gz", "one by one: not in the archive"
        rows = (
            BulkFileRow("data/1", "a.gz", "p/a.gz", "done", size=7, verified_by="md5"),
            BulkFileRow("data/2", "b.gz", deep, "one_by_one", reason="not in the archive"),
        )
        asked.bulk_files = lambda id_: rows  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, BulkFilesScreen))
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        shown = "\n".join("".join(segment.text for segment in strip) for strip in strips)
        for words in ("archive 1", "p/a.gz", "verified by md5", "one by one: not in"):
            assert words in shown
        whole = app.screen.query_one("#bulk-file", Static)
        assert str(whole.render()) == "p/a.gz\nunpacked, verified by md5"
        await pilot.press("down")
        await until(pilot, lambda: str(whole.render()) == f"{deep}\n{why}")
        rows = (rows[0], replace(rows[1], verified_by="md5"))
        publish(app, bulk_jobs=(job(1, "done", one_by_one=1, one_by_one_here=1, unpacked=119),))
        came = f"{deep}\ndownloaded by itself, verified by md5"
        await until(pilot, lambda: str(whole.render()) == came)
        state = app.screen.query_one("#bulk-state", Static)
        assert str(state.render()) == "done, 119 unpacked, 1 one by one\nin /to"
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


async def test_the_rate_can_be_limited_while_it_runs(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, _, asked = await in_table(pilot, row(1, "active"))
        asked.settings = lambda **more: asked.done.append(("settings", more))  # type: ignore[attr-defined]
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, RateDialog))
        await pilot.press(*"fast", "enter")
        await pilot.pause()
        assert "is not a rate" in str(app.screen.query_one("#dialog-error", Static).render())
        await pilot.press(*["backspace"] * 4, *"20M", "enter")
        await until(pilot, lambda: asked.done == [("settings", {"limit_rate": 20 << 20})])
        await until(pilot, lambda: any("until the engine stops" in one.message
                                       for one in app._notifications))  # fmt: skip
        assert not context_of(app).folders.settings_file.exists()


async def test_a_limit_is_kept_for_later_engines_where_that_is_wanted(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        _, _, asked = await in_table(pilot, row(1, "active"))
        asked.settings = lambda **more: asked.done.append(("settings", more))  # type: ignore[attr-defined]
        await pilot.press("l", *"500k", "tab", "space", "shift+tab", "enter")
        await until(pilot, lambda: asked.done == [("settings", {"limit_rate": 500 << 10})])
        folders = context_of(app).folders
        await until(pilot, folders.settings_file.exists)
        assert load_settings(folders).limit_rate == 500 << 10
        assert any("saved in the settings" in one.message for one in app._notifications)


async def test_b_hides_the_jobs_and_shows_them_again(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await with_jobs(pilot, job(1, "processing"))
        panel = app.query_one(BulkPanel)
        await pilot.press("b")
        assert not panel.display
        await pilot.press("b")
        assert panel.display
        publish(app, removed_bulk=(1,))
        await until(pilot, lambda: not panel.display)


async def test_the_cursor_stays_with_its_job(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await with_jobs(pilot, job(1, "processing"))
        jobs = app.query_one(BulkList)
        publish(app, bulk_jobs=(job(2, "pending"),))
        await until(pilot, lambda: jobs.count == 2)
        assert jobs.job is not None and jobs.job.id == 1


# Verifying

WRONG = (
    WrongFile("data/1", "data/f1.gz", "truncated", "10 of 4,000 bytes"),
    WrongFile("data/2", "other/f2.gz", "changed", "its md5 was " + "a" * 32),
    WrongFile("data/3", "data/f3.gz", "unknown", "no md5 was recorded", mendable=False),
    WrongFile("data/2", "data/f2.gz", "missing"),
)


class Reading(Asked):
    """An engine that reads files: these are its answers, one after the other."""

    def __init__(self, *answers: Recheck) -> None:
        super().__init__()
        self.answers = list(answers)
        self.batches: list[Batch] = []

    def verified(self, recheck_id: int, after: int) -> Recheck:
        self.done.append(("verified", recheck_id, after))
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return replace(found, found=found.found[after:])

    def add(self, batch: Batch) -> Added:
        self.batches.append(batch)
        return Added(2, tuple(range(len(batch.files))), len(batch.files), 0)


def drawn(app: FlowApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def said(app: FlowApp) -> str:
    return "\n".join(one.message for one in app._notifications)


async def verifying(pilot: Pilot[Any], key: str, *answers: Recheck) -> tuple[FlowApp, Reading]:
    app, _, _ = await in_table(pilot, row(1, "done", server=SERVER))
    asked = Reading(*answers)
    context_of(app).fake_link.engine = asked  # type: ignore[assignment]
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, VerifyScreen))
    await pilot.pause()
    return app, asked


@pytest.mark.parametrize(("key", "batch_id"), [("v", 1), ("V", None)])
async def test_v_reads_the_files_of_a_batch_and_a_capital_one_all_of_the_folder(
    tmp_path: Path, key: str, batch_id: int | None
) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        half = Recheck("reading", files=4, checked=2, size=8_000_000, read=5_000_000)
        app, asked = await verifying(pilot, key, half)
        assert asked.done[0] == ("verify", "/to", batch_id, None)
        assert "Read 2 of 4 files, 5.0 MB of 8.0 MB" in drawn(app)
        await pilot.press("f")  # not before all is read
        assert isinstance(app.screen, VerifyScreen)
        asked.answers = [replace(half, state="ended", checked=4, read=8_000_000)]
        await until(pilot, lambda: "✓ 4 files are as recorded; 8.0 MB read" in drawn(app))
        await pilot.press("escape")
        assert asked.done[-1] == ("verify_end", 1) and len(app.screen_stack) == 1


async def test_what_is_wrong_is_named_and_fetched_again(tmp_path: Path) -> None:
    flow = screen(1)
    flow.details = {f"data/{n}": data(str(n), f"new_name_{n}.gz") for n in (1, 2)}
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        ended = Recheck("ended", files=9, checked=9, read=9000, wrong=4, found=WRONG)
        app, asked = await verifying(pilot, "v", ended)
        shown = drawn(app)
        for words in ("4 of 9 files not as recorded", "truncated", "data/f1.gz", "10 of 4,000",
                      "changed", "missing", "unknown", "f: fetch again"):  # fmt: skip
            assert words in shown
        await pilot.press("f")
        await until(pilot, lambda: asked.batches)
        made = asked.batches[0]
        assert (made.root, made.reread, made.server) == ("/to", True, SERVER)
        assert made.continues == 1  # it stays one batch, to be verified as one
        assert [(file.key, file.folder, file.filename) for file in made.files] == [
            ("data/2", ("other",), "f2.gz"),
            ("data/1", ("data",), "f1.gz"),
        ]
        await until(pilot, lambda: "1 more have the same data" in said(app))


async def test_what_is_not_on_flow_any_more_is_told(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        ended = Recheck("ended", files=9, wrong=2, found=WRONG[:2])
        app, asked = await verifying(pilot, "v", ended)
        await pilot.press("f")
        await until(pilot, lambda: "Not found on Flow: data/f1.gz, other/f2.gz" in said(app))
        assert not asked.batches


async def test_files_of_another_server_are_not_looked_for_at_this_one(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        publish(await opened(pilot), row(1, "done", server="https://elsewhere"))
        asked = Reading(Recheck("ended", files=9, wrong=1, found=WRONG[:1]))
        context_of(app).fake_link.engine = asked  # type: ignore[assignment]
        table = app.query_one(TransferTable)
        await until(pilot, lambda: table.count == 1)
        table.focus()
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, VerifyScreen))
        await pilot.press("f")
        await until(pilot, lambda: "from https://elsewhere" in said(app))
        assert not asked.batches


async def test_many_wrong_files_come_piece_by_piece(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        first = Recheck("ended", files=9, wrong=4, found=WRONG[:2])
        app, asked = await verifying(pilot, "v", first, replace(first, found=WRONG))
        await until(pilot, lambda: app.screen.query_one(WrongList).count == 4)
        app.screen._ask()  # type: ignore[attr-defined]
        assert ("verified", 1, 4) not in asked.done  # all are here


async def test_the_files_of_a_job_are_verified(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app, _ = await with_jobs(pilot, job(1, "done"))
        asked = Reading(Recheck("failed", reason="cannot read /to: Input/output error"))
        context_of(app).fake_link.engine = asked  # type: ignore[assignment]
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, VerifyScreen))
        await until(pilot, lambda: "Not verified: cannot read /to" in drawn(app))
        assert asked.done[0] == ("verify", "/to", 1, None)


async def test_v_in_the_tree_reads_what_was_downloaded_of_the_item(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        asked = Reading(Recheck("ended", files=0))
        context_of(app).fake_link.engine = asked  # type: ignore[assignment]
        await pilot.press("home", "v")
        assert not asked.done and "Nothing to verify here" in said(app)
        await open_project(pilot)
        for kind in ("project", "sample"):
            place = next(n for n, r in enumerate(tree(app).rows) if r.node and r.node.kind == kind)
            tree(app).set_cursor(place)
            await pilot.press("v")
            await until(pilot, lambda: isinstance(app.screen, VerifyScreen))
            await until(pilot, lambda: "nothing was downloaded there yet" in drawn(app))
            await pilot.press("escape")
        to = str(tmp_path / "downloads")
        assert [one for one in asked.done if one[0] == "verify"] == [
            ("verify", to, None, {"project": "Screen"}),
            ("verify", to, None, {"belongs_to": "sample/s0"}),
        ]
