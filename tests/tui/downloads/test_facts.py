"""All there is to say of a download, and what can be copied of it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Static

from flowtui.protocol.messages import TransferRow
from flowtui.tui.app import FlowApp
from flowtui.tui.downloads import facts
from flowtui.tui.screens.transfer import TransferScreen
from support.fake_flow import screen
from support.tui_app import context_of, make_app, until
from tests.tui.downloads.test_manager import in_table, publish

ROOT = "/data/Human cortex"


def transfer(state: str = "active", **more: Any) -> TransferRow:
    fields: dict[str, Any] = {
        "id": 1, "batch_id": 1, "key": "data/789", "filename": "reads R1.fastq.gz", "root": ROOT,
        "path": "Cortex/ctrl_1/reads R1.fastq.gz", "size": 2000, "done": 500,
        "server": "https://flow.test/api",
    }  # fmt: skip
    return TransferRow(state=state, **{**fields, **more})


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (transfer(), ""),
        (transfer("done"), ""),
        (transfer("failed", retryable=True), "r tries it again"),
        (transfer("failed"), "r tries it again; it may fail the same way"),
        (transfer("waiting", code="NO_SPACE"), "free some space"),
        (transfer("waiting", code="UNAUTHENTICATED"), "s signs in"),
        (transfer("waiting", code="NO_ANSWER"), "as soon as the disk answers"),
        (transfer("done", code="NO_SPACE"), ""),
        (transfer("paused"), "p resumes it"),
        (transfer("cancelled"), "r downloads it after all"),
    ],
)
def test_what_helps(row: TransferRow, words: str) -> None:
    said = facts.remedy(row)
    assert said == words if not words else words in said


def test_nothing_of_it_is_cut() -> None:
    reason = "you may not download this file; ask its owner for access " * 10
    deep = "/".join(["a folder with a long name"] * 20)
    said = dict(facts.facts_of(transfer("failed", path=f"{deep}/x", reason=reason, md5="ab" * 16)))
    assert said["path"] == f"{ROOT}/{deep}/x"
    assert reason in said["state"] and said["md5"] == "ab" * 16


def test_a_download_under_way_tells_its_rate_and_connections() -> None:
    said = dict(facts.facts_of(transfer(rate=100.0, eta=15.0, connections=4, resumed_at=300)))
    assert said["rate"] == "100 B/s over 4 connections, 15 s left"
    assert (said["resumed"], said["bytes"]) == ("at 300 B", "500 B / 2.0 kB")
    assert "rate" not in dict(facts.facts_of(transfer("done")))


COPIES = [
    (transfer(), "data/789", "https://flow.test/api/downloads/789/reads%20R1.fastq.gz"),
    (
        transfer(key="execution/45/results/a b.tsv", filename="results/a b.tsv"),
        "execution/45/results/a b.tsv",
        "https://flow.test/api/executions/45/results/a%20b.tsv",
    ),
]


@pytest.mark.parametrize(("row", "ref", "url"), COPIES)
def test_what_is_copied_can_be_run(row: TransferRow, ref: str, url: str) -> None:
    assert shlex.split(facts.command_of(row)) == ["flowtui", "get", ref, "--to", ROOT]
    words = shlex.split(facts.curl_of(row))
    assert words[-1] == url
    assert words[:4] == ["curl", "-fL", "-H", "Authorization: Bearer $FLOW_ACCESS_TOKEN"]
    assert words[4:6] == ["-o", "./reads R1.fastq.gz"]
    assert facts.path_of(row) == f"{ROOT}/Cortex/ctrl_1/reads R1.fastq.gz"


@pytest.mark.parametrize("key", ["bulk/abc", "record/45/params.json", "data/7\x1b[2J", "data/7\n8"])
def test_what_has_no_ref_that_can_be_typed_has_no_command(key: str) -> None:
    row = transfer(key=key)
    assert facts.ref_of(row) == facts.command_of(row) == facts.curl_of(row) == ""
    assert "REF" not in dict(facts.facts_of(row))


def words_of(app: FlowApp) -> str:
    shown = app.screen.query_one("#transfer-facts", Static)
    lines = app.screen._compositor.render_strips()
    text = "\n".join(strip.text for strip in lines)
    assert shown.is_attached
    return text


async def test_enter_shows_a_download_whole_and_keeps_it_true(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        reason = "the server closed the connection before the end [b]of[/b] the file had come " * 2
        await in_table(pilot, transfer("failed", reason=reason, retryable=True))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TransferScreen))
        await until(pilot, lambda: "r tries it again" in words_of(app))
        whole = "".join(words_of(app).replace("│", " ").split())
        assert "".join(reason.split()) in whole
        publish(app, transfer("active", rate=100.0))
        await until(pilot, lambda: "100 B/s over 1 connection" in words_of(app))
        model = context_of(app).fake_link.model
        model.transfers.clear()
        await until(pilot, lambda: "taken off the list" in words_of(app))
        await pilot.press("enter")
        assert len(app.screen_stack) == 1


async def test_its_keys_copy_to_the_clipboard(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        row = transfer("done")
        await in_table(pilot, row)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TransferScreen))
        for key, text in (("y", facts.path_of(row)), ("Y", "data/789"),
                          ("u", facts.command_of(row)), ("U", facts.curl_of(row))):  # fmt: skip
            await pilot.press(key)
            await until(pilot, lambda text=text: app.clipboard == text)  # type: ignore[misc]


async def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await in_table(pilot, transfer("done", key="bulk/x", root="/to\udcff"))
        await pilot.press("enter", "U", "y")
        said = [notice.message for notice in app._notifications]
        await until(pilot, lambda: len(app._notifications) == 2)
        said = [notice.message for notice in app._notifications]
        assert said == [
            "There is no curl command for this.", "The path cannot be copied: it is not UTF-8."
        ]  # fmt: skip
        assert app.clipboard == ""
