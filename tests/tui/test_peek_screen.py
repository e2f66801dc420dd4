"""Looking into a file in the app: what is shown, and that moving on gives up what is under way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from flowtui.flow.client import FlowClient
from flowtui.flow.http.http_client import make_client
from flowtui.tui.screens.peek import PeekLines, PeekScreen
from support.fake_flow import FakeFlow, data, sample
from support.fault_server import Exchange, FaultServer, File
from support.tui_app import lines, make_app, open_project, said, tree, until
from support.waiting import GUARD

EVIL = "\x1b]0;x\x07[red]x[/red]\u202e"


class FilesFlow(FakeFlow):
    """A Flow whose files are on a server."""

    def __init__(self, server: FaultServer) -> None:
        from flowtui.flow.session.credentials import Credential

        super().__init__(Credential("good", username="demo"))
        self._files = FlowClient(server.url, http=make_client(read_timeout=GUARD))
        self.session = self._files.session
        self.http = self._files.http
        self.project_of("1", "screen", [sample("s0", "guide_0000")])
        self.files["s0"] = [data("1", "a.tsv"), data("2", "b.txt"), data("3", "c.bam")]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        running.files["/downloads/1/a.tsv"] = File(f"gene\tcount\n{EVIL}\t7\n".encode())
        running.files["/downloads/2/b.txt"] = File(b"words\n" + b"w" * 300 + b"END\n")
        yield running


async def at_the_first_file(pilot: Pilot[None]) -> None:
    app = await open_project(pilot)
    await pilot.press("down", "down", "enter")
    await until(pilot, lambda: any("a.tsv" in line for line in lines(app)), "its files")
    while tree(app).node is None or tree(app).node.name != "a.tsv":  # type: ignore[union-attr]
        await pilot.press("down")


def shown(pilot: Pilot[None]) -> str:
    pane = pilot.app.screen.query_one(PeekLines)
    return "\n".join(pane.render_line(y).text.rstrip() for y in range(pane.size.height)).strip()


async def test_enter_looks_into_a_file_and_escape_goes_back(
    server: FaultServer, tmp_path: Path
) -> None:
    async with make_app(FilesFlow(server), tmp_path).run_test(size=(80, 24)) as pilot:
        await at_the_first_file(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "gene" in shown(pilot), "the table")
        assert said(pilot.app, "#dialog-title") == "a.tsv"  # type: ignore[arg-type]
        assert "[red]x[/red]" in shown(pilot)
        assert shown(pilot).replace("\n", "").isprintable()
        await pilot.press("n")
        await until(pilot, lambda: "words" in shown(pilot), "the next file")
        await pilot.press(*["right"] * 40)
        assert shown(pilot).endswith("END")
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, PeekScreen)
        assert tree(pilot.app).node.name == "b.txt"  # type: ignore[arg-type,union-attr]


async def test_every_line_fills_the_width_whatever_is_on_it(
    server: FaultServer, tmp_path: Path
) -> None:
    server.files["/downloads/1/a.tsv"] = File("a\tb\n片段\t1\n".encode() + b"x" * 300 + b"\ty\n")
    async with make_app(FilesFlow(server), tmp_path).run_test(size=(80, 24)) as pilot:
        await at_the_first_file(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "片段" in shown(pilot), "the table")
        pane = pilot.app.screen.query_one(PeekLines)
        for _ in range(3):
            for line in range(pane.count):
                ((text, _style),) = pane.pieces(line, 60)
                assert cell_len(text) == 60
            await pilot.press("right")


async def test_what_cannot_be_had_is_told(server: FaultServer, tmp_path: Path) -> None:
    async with make_app(FilesFlow(server), tmp_path).run_test(size=(80, 24)) as pilot:
        await at_the_first_file(pilot)
        await pilot.press("enter", "n", "n")
        await until(pilot, lambda: "not found" in said(pilot.app, "#peek-kind"))  # type: ignore[arg-type]
        await pilot.press("n")  # there is none behind it
        assert said(pilot.app, "#dialog-title") == "c.bam"  # type: ignore[arg-type]


async def test_moving_on_gives_up_what_is_under_way(server: FaultServer, tmp_path: Path) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    async def slowly(exchange: Exchange) -> None:
        status, headers = exchange.good_head()
        await exchange.head(status, headers)
        await exchange.body(b"a\tb\n" * 100)
        begun.set()
        await asyncio.to_thread(go_on.wait, GUARD)
        try:
            while not exchange.writer.transport.is_closing():
                await exchange.body(b"1\t2\n")
        except ConnectionError:
            exchange.abort()
        finally:
            ended.set()

    server.files["/downloads/1/a.tsv"] = File(bytes(1 << 30), always=slowly)
    async with make_app(FilesFlow(server), tmp_path).run_test(size=(80, 24)) as pilot:
        await at_the_first_file(pilot)
        await pilot.press("enter")
        await until(pilot, begun.is_set)
        await pilot.press("n")
        go_on.set()
        await until(pilot, lambda: "words" in shown(pilot), "the next file")
        await until(pilot, ended.is_set, "the connection of the first")
        assert server.sent("/downloads/1/a.tsv") < 256 << 10
        assert said(pilot.app, "#dialog-title") == "b.txt"  # type: ignore[arg-type]
