"""Room on the disk: what fits, what is promised, and what is held until there is room."""

from __future__ import annotations

from typing import Any, cast

import pytest

from flowtui.engine.queue.admission import Admission, missing_bytes
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.protocol.states import TransferState
from flowtui.transfer.disk.space import Room


@pytest.mark.parametrize(
    ("to_come", "promised", "free", "missing"),
    [
        (100, 0, 110, 0),  # the bytes and 10 %
        (100, 0, 109, 1),
        (100, 200, 330, 0),  # what others were promised counts as taken
        (100, 200, 300, 30),
        (100, 0, 0, 110),
        (0, 10_000, 0, 0),  # nothing to come fits always, also on a full disk
        (-5, 0, 0, 0),
    ],
)
def test_a_batch_fits_with_a_tenth_to_spare(to_come: int, promised: int, free: int, missing: int):
    assert missing_bytes(to_come, promised, free) == missing


class Space:
    """Disks as the test says; one that is None was measured in vain."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room | None] = {}

    def room(self, folder: str) -> Room | None:
        return self.rooms.get(folder)

    def is_known(self, folder: str) -> bool:
        return folder in self.rooms


class Bench:
    def __init__(self) -> None:
        self.space = Space()
        self.queue = Queue()
        self.admission = Admission(self.queue, cast(Any, self.space), retry_after=5.0)

    def add(self, id_: int, batch: int, root: str, size: int = 100) -> Transfer:
        transfer = Transfer(
            id=id_, batch_id=batch, key=f"data/{id_}", filename="f", folder=(), url="/u",
            root=root, path=f"f{id_}", server="s", expected=size,
        )  # fmt: skip
        self.queue.add(transfer)
        return transfer


def test_a_folder_that_was_not_measured_yet_is_waited_for_without_words():
    bench = Bench()
    transfer = bench.add(1, 1, "/to")
    assert not bench.admission.admit(transfer, 0.0)
    assert (transfer.state, transfer.reason) == (TransferState.QUEUED, "")
    assert bench.admission.next() == 5.0
    bench.space.rooms["/to"] = Room(1, 1000)
    bench.admission.room_measured()
    assert bench.admission.take_due(0.0) == [1]
    assert bench.admission.admit(transfer, 0.0)
    assert bench.admission.next() is None


def test_a_folder_that_cannot_be_measured_holds_up_nothing():
    """The transfer itself meets the error, and says it."""
    bench = Bench()
    bench.space.rooms["/to"] = None
    assert bench.admission.admit(bench.add(1, 1, "/to"), 0.0)


def test_what_is_held_is_due_again_after_a_while():
    bench = Bench()
    bench.space.rooms["/to"] = Room(1, 10)
    first, second = bench.add(1, 1, "/to"), bench.add(2, 1, "/to")
    assert not bench.admission.admit(first, 0.0)
    assert not bench.admission.admit(second, 1.0)
    assert first.code == second.code == "NO_SPACE"
    assert bench.admission.take_due(5.9) == []
    assert bench.admission.take_due(6.0) == [1, 2]


def test_what_an_archive_is_unpacked_to_counts_beside_its_transfer():
    bench = Bench()
    bench.space.rooms["/to"] = Room(1, 400)
    bench.admission.reserve(1, 300)
    transfer = bench.add(1, 1, "/to")
    assert not bench.admission.admit(transfer, 0.0)  # (100 + 300) + 10 % is more than 400
    bench.admission.reserve(1, 200)
    assert bench.admission.admit(transfer, 0.0)
    assert bench.admission.promised(1) == 300
    bench.admission.reserve(1, 0)
    assert bench.admission.promised(1) == 100


def test_promises_count_on_their_own_disk_only():
    bench = Bench()
    bench.space.rooms = {"/a": Room(1, 1000), "/b": Room(2, 1000)}
    assert bench.admission.admit(bench.add(1, 1, "/a"), 0.0)
    assert bench.admission.admit(bench.add(2, 2, "/b", 700), 0.0)
    assert (bench.admission.promised(1), bench.admission.promised(2)) == (100, 700)
    assert bench.admission.promised(2, but=2) == 0


def test_a_batch_that_grew_is_measured_again():
    bench = Bench()
    bench.space.rooms["/to"] = Room(1, 150)
    assert bench.admission.admit(bench.add(1, 1, "/to"), 0.0)
    more = bench.add(2, 1, "/to")
    bench.admission.readmit(1)
    assert not bench.admission.admit(more, 0.0)
