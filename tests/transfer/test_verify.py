"""MD5 close behind the writer."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.transfer.verify import md5
from flowtui.transfer.verify.md5 import Hasher, md5_of


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8), st.integers(1, 64))
def test_the_md5_follows_the_writer(content: bytes, moments: list[int], read: int):
    def fill(at: int, buffer: memoryview) -> int:
        piece = content[at : at + len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(md5, "READ", read)
        hasher = Hasher()
        for until in [*sorted(min(one, len(content)) for one in moments), len(content)]:
            while hasher.position < until:
                before = hasher.position
                hasher.follow(fill, until)
                assert before < hasher.position <= until
            assert hasher.hexdigest() == hashlib.md5(content[:until]).hexdigest()


def test_a_part_file_that_was_cut_is_noticed():
    with pytest.raises(EOFError, match="shorter"):
        Hasher().follow(lambda at, buffer: 0, 10)


def test_the_md5_of_a_file_can_be_stopped(tmp_path: Path):
    (tmp_path / "f").write_bytes(b"x" * 3_000_000)
    assert md5_of(tmp_path / "f") == hashlib.md5(b"x" * 3_000_000).hexdigest()

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        md5_of(tmp_path / "f", stop)
