"""Of a large file that was changed only the bad blocks are fetched again."""

from __future__ import annotations

import hashlib
import os

import pytest

from flowtui.transfer.verify import blocks
from flowtui.transfer.verify.md5 import BLOCK, Hasher
from support.lab import Lab, content

DATA = content(2 * BLOCK + 1_000_000)
OTHER = content(len(DATA), seed=2)


def digest(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.fixture(params=[True, False], ids=["md5 of Flow", "no md5"])
def flow_md5(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def fetch(lab: Lab, flow_md5: bool, data: bytes = DATA) -> int:
    """Fetch the file to its end; the bytes that were sent."""
    before = len(lab.requests)
    lab.serve(data)
    lab.fetch(size=len(data), **({"md5": digest(data)} if flow_md5 else {}))
    assert lab.row is not None and (lab.row.state, lab.row.path) == ("done", "data/a.bin")
    assert lab.target.read_bytes() == data
    return sum(request.sent for request in lab.requests[before:])


def flip(lab: Lab, *places: int) -> None:
    with lab.target.open("r+b") as stream:
        for place in places:
            stream.seek(place)
            stream.write(bytes([DATA[place] ^ 1]))


@pytest.mark.parametrize("shared", [True, False], ids=["reflink", "copy"])
def test_a_flipped_byte_costs_its_block(
    lab: Lab, flow_md5: bool, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shared:
        monkeypatch.setattr(blocks, "share_bytes", lambda source, part: False)
    fetch(lab, flow_md5)
    flip(lab, BLOCK + 77)
    assert fetch(lab, flow_md5) == BLOCK
    flip(lab, 0, 2 * BLOCK)
    assert fetch(lab, flow_md5) == BLOCK + 1_000_000


def test_what_was_cut_off_is_all_that_is_fetched(lab: Lab, flow_md5: bool) -> None:
    fetch(lab, flow_md5)
    os.truncate(lab.target, BLOCK + 5)
    assert fetch(lab, flow_md5) == len(DATA) - BLOCK
    assert lab.row is not None and lab.row.replaced == "removed"
    with lab.target.open("ab") as stream:
        stream.write(b"more")
    assert fetch(lab, flow_md5) == 0


def test_of_a_file_that_was_here_before_the_blocks_are_recorded_too(lab: Lab) -> None:
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(DATA)
    lab.serve(DATA)
    lab.fetch(size=len(DATA), md5=digest(DATA))
    assert lab.row is not None and lab.row.state == "skipped"
    flip(lab, BLOCK + 77)
    assert fetch(lab, True) == BLOCK


def test_blocks_of_an_earlier_file_are_no_part_of_another(lab: Lab, flow_md5: bool) -> None:
    """Flow has another file of the same size by now."""
    fetch(lab, flow_md5)
    flip(lab, BLOCK + 77)
    mixed = DATA[:BLOCK] + OTHER[BLOCK:]
    assert fetch(lab, flow_md5, mixed) >= len(DATA)


def test_a_repair_goes_on_after_a_stop_and_still_knows_what_it_repairs(lab: Lab) -> None:
    fetch(lab, False)
    flip(lab, BLOCK + 77)
    mixed = DATA[: BLOCK + 9_000_000] + OTHER[BLOCK + 9_000_000 :]
    lab.serve(mixed, rate=4e6, held=-1)
    lab.start(size=len(DATA))
    lab.until(lambda row: row.done > len(DATA) - BLOCK + 1_000_000)
    lab.stop()
    lab.file.rate = 0
    fetch(lab, False, mixed)


def test_without_recorded_blocks_all_is_fetched(lab: Lab) -> None:
    fetch(lab, True)
    (lab.root / ".flowtui-blocks").unlink()
    flip(lab, 5)
    assert fetch(lab, True) == len(DATA)


@pytest.mark.parametrize("damage", [b"", b"garbage\n", b"\xff" * 100])
def test_damaged_records_of_blocks_only_cost_their_use(lab: Lab, damage: bytes) -> None:
    fetch(lab, True)
    path = lab.root / ".flowtui-blocks"
    path.write_bytes(damage + path.read_bytes()[:-4])
    flip(lab, 5)
    assert fetch(lab, True) == len(DATA)
    flip(lab, 5)
    assert fetch(lab, True) == BLOCK  # the line that follows counts


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 3])
def test_each_block_has_its_sum_and_a_file_of_one_has_none(size: int) -> None:
    import zlib

    data = DATA[:size]
    hasher = Hasher()

    def read(offset: int, buffer: memoryview) -> int:
        count = min(len(buffer), 1_000_003, size - offset)  # pieces that fit into nothing
        buffer[:count] = data[offset : offset + count]
        return count

    while hasher.position < size:
        hasher.follow(read, size)
    wanted = [zlib.crc32(data[at : at + BLOCK]).to_bytes(4, "big") for at in range(0, size, BLOCK)]
    assert hasher.blocks == (b"".join(wanted) if len(wanted) > 1 else b"")
    assert hasher.hexdigest() == digest(data)
