"""Servers that serve one download at a time for each address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.config import Settings
from flowtui.engine.queue.crowding import REST, Crowding
from flowtui.protocol.messages import TransferRow
from support.fault_server import Exchange, FaultServer, File, Handler, answer
from support.lab import content, patient
from support.record import Record
from support.services import batch, engine, remote, rows
from support.waiting import GUARD

COUNT = 6


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


class OneAtATime:
    """Has the server send one file at a time; `refuse` is what the others get.

    A file is over with its last byte, and not when the server comes round to note that: whoever has
    it may ask for the next at once.
    """

    def __init__(self, refuse: Handler) -> None:
        self.refuse = refuse
        self.busy = False
        self.refused = 0

    async def __call__(self, exchange: Exchange) -> None:
        if self.busy:
            self.refused += 1
            await self.refuse(exchange)
            return
        self.busy = True
        try:
            status, headers = exchange.good_head()
            start, end = exchange.slice() if status == 206 else (0, len(exchange.file.content))
            await exchange.head(status, headers)
            await exchange.body(exchange.file.content[start : end - 1])
        finally:
            self.busy = False
        await exchange.body(exchange.file.content[end - 1 : end])


def fetch_all(server: FaultServer, root: Path, record: Record, tries: int = 3) -> list[TransferRow]:
    wanted = [remote(server, str(n), f"{n}.bin") for n in range(COUNT)]
    made = engine(
        settings=Settings(jobs=4, connections=1),
        record=record,
        timings=patient(outage=0.05, tries=tries),
    )
    made.add(batch(server, root, *wanted))
    assert made.wait_idle(GUARD)
    found = rows(made)
    made.stop()
    return found


async def no_answer(exchange: Exchange) -> None:
    exchange.abort()


@pytest.mark.parametrize(
    "refuse", [answer(429), answer(503), no_answer], ids=["429", "503", "reset"]
)
@pytest.mark.parametrize("size", [20_000, 1_500_000], ids=["small", "large"])
def test_a_server_of_one_download_at_a_time_gets_one_at_a_time(
    server: FaultServer, tmp_path: Path, refuse: Handler, size: int
):
    gate = OneAtATime(refuse)
    for n in range(COUNT):
        data = content(size, n)
        server.files[f"/downloads/{n}/{n}.bin"] = File(data, always=gate, rate=size * 10)
    # The tests' waits are of milliseconds: three tries may fall into the time of one other file.
    found = fetch_all(server, tmp_path, Record(), tries=20)
    assert [(row.state, row.reason) for row in found if row.state != "done"] == []
    assert all(row.verified_by == "md5" for row in found)


def test_a_server_that_refuses_every_file_is_not_waited_for(server: FaultServer, tmp_path: Path):
    for n in range(COUNT):
        server.files[f"/downloads/{n}/{n}.bin"] = File(content(1000, n), always=answer(429))
    found = fetch_all(server, tmp_path, Record())
    assert {(row.state, row.code) for row in found} == {("failed", "HTTP_429")}


def test_a_file_that_is_refused_alone_too_fails(server: FaultServer, tmp_path: Path):
    for n in range(COUNT):
        data = content(1_500_000, n)
        server.files[f"/downloads/{n}/{n}.bin"] = File(data, rate=10e6)
    server.files["/downloads/1/1.bin"].always = answer(503)
    found = fetch_all(server, tmp_path, Record())
    assert [row.state for row in found] == ["done", "failed", *["done"] * (COUNT - 2)]


def test_fewer_at_a_time_are_asked_for_and_one_more_after_a_rest():
    crowding = Crowding()
    assert crowding.places("s", 4, 0.0) is None
    crowding.refused("s", 2, 0.0)
    assert [crowding.places("s", running, 1.0) for running in (0, 1, 2, 3)] == [2, 1, 0, 0]
    crowding.refused("s", 3, 1.0)  # fewer is known already
    assert crowding.places("s", 0, 2.0) == 2
    for transfer in (7, 5, 9):
        crowding.hold("s", transfer)
    assert (crowding.waiting, crowding.next()) == (["s"], 1.0 + REST)
    assert crowding.take_due("s", 2) == [5, 7]
    assert crowding.places("s", 2, 1.0 + REST) == 1
    crowding.forget("s")
    assert crowding.take_due("s", crowding.places("s", 3, 2.0)) == [9]
    assert crowding.next() is None
