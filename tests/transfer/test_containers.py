"""What containers say of themselves: the same, tried as they come or when they are whole."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowtui.flow.formats import container_kind
from flowtui.transfer.cancel import Check
from flowtui.transfer.errors import Damaged
from flowtui.transfer.verify import containers
from flowtui.transfer.verify.containers import ContainerCheck
from flowtui.transfer.verify.quick_zlib import crc32, quickest_zlib
from flowtui.transfer.verify.zip_check import check_zip

on_disk = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def check_container(path: Path, kind: str, check: Check = lambda: None) -> str | None:
    """Try a whole file at once."""
    return ContainerCheck(kind).verdict(path, check)


@pytest.fixture(autouse=True, params=["isal", "zlib"])
def unpacker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All holds with both."""
    if request.param == "zlib":
        monkeypatch.setattr(containers, "quickest_zlib", lambda: zlib)
    else:
        assert quickest_zlib() is not zlib


@given(st.binary(max_size=300), st.integers(0, 300))
def test_the_crc_is_that_of_zlib_however_it_is_taken(content: bytes, at: int) -> None:
    view = memoryview(content)
    assert crc32(view[at:], crc32(view[:at])) == zlib.crc32(content)
    assert crc32(content) == zlib.crc32(content)


def bgzf_block(content: bytes) -> bytes:
    """A block as bgzip and samtools write it: a gzip member with its length in a field."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflate.compress(content) + deflate.flush()
    size = 12 + 6 + len(body) + 8
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", 6) + b"BC\x02\0"
    return (
        head
        + struct.pack("<H", size - 1)
        + body
        + struct.pack("<II", zlib.crc32(content), len(content))
    )


EOF_BLOCK = bgzf_block(b"")


def zipped(*contents: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"file{number}", content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.fastq.gz", "gzip"), ("A.FASTQ.GZ", "gzip"), ("a.bam", "gzip"), ("a.vcf.bgz", "gzip"),
        ("a.tgz", "gzip"), ("a.bcf", "gzip"), ("a.vcf.gz.tbi", "gzip"),
        ("a.zip", "zip"), ("a.txt", None), ("gz", None), ("a.gz.txt", None),
    ],
)  # fmt: skip
def test_what_a_name_promises(name: str, kind: str | None):
    assert container_kind(name) == kind


GOOD = {
    "one member": gzip.compress(b"reads\n" * 1000),
    "several members": gzip.compress(b"a" * 50) + gzip.compress(b"") + gzip.compress(b"c" * 999),
    "an empty member": gzip.compress(b""),
    "bgzf": bgzf_block(b"x" * 60_000) + bgzf_block(b"y" * 100) + EOF_BLOCK,
    "zero padding": gzip.compress(b"padded") + bytes(5000),
    "one zero": gzip.compress(b"padded") + b"\0",
    "zeros between members": gzip.compress(b"tape") + bytes(512) + gzip.compress(b"block"),
}


@pytest.mark.parametrize("read", [1, 2, 7, 64, 1 << 20])
@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_whole_gzip_files_pass_however_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, read: int
):
    monkeypatch.setattr(containers, "PACKED", read)
    monkeypatch.setattr(containers, "READ", 3 * read)
    (tmp_path / "f").write_bytes(content)
    assert check_container(tmp_path / "f", "gzip") == "gzip check"


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3), st.data())
@on_disk
def test_a_gzip_file_that_was_cut_is_damaged(tmp_path: Path, members: list[bytes], data):
    """Unless it was cut between two members, which nobody can see."""
    parts = [gzip.compress(one) for one in members]
    whole = b"".join(parts)
    borders = {sum(map(len, parts[:n])) for n in range(1, len(parts) + 1)}
    cut = data.draw(st.integers(2, len(whole)))
    (tmp_path / "f").write_bytes(whole[:cut])
    if cut in borders:
        assert check_container(tmp_path / "f", "gzip") == "gzip check"
    else:
        with pytest.raises(Damaged):
            check_container(tmp_path / "f", "gzip")


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"reads")[:-8] + b"\0\0\0\0" + gzip.compress(b"reads")[-4:],  # the CRC
        gzip.compress(b"reads")[:-4] + b"\x09\0\0\0",  # the length
        gzip.compress(b"reads") + b"<html>",
        gzip.compress(b"reads") + bytes(100) + b"<html>",
        b"\x1f\x8b" + b"rubbish",
        b"\x1f\x8b",
        bgzf_block(b"x" * 1000) + EOF_BLOCK[:-1],
    ],
    ids=["crc", "length", "page", "page after zeros", "rubbish", "magic", "cut"],
)
def test_damaged_gzip_files_are_told(tmp_path: Path, content: bytes):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(Damaged, match="gzip"):
        check_container(tmp_path / "f", "gzip")


@given(st.binary(min_size=1, max_size=200), st.data())
@on_disk
def test_a_flipped_bit_in_the_data_is_told(tmp_path: Path, content: bytes, data):
    whole = bytearray(gzip.compress(content))
    at = data.draw(st.integers(10, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "f").write_bytes(whole)
    try:
        assert check_container(tmp_path / "f", "gzip") == "gzip check"
    except Damaged:
        return
    assert gzip.decompress(bytes(whole)) == content  # a bit that means nothing


def test_a_file_that_is_none_in_spite_of_its_name(tmp_path: Path):
    for content in (b"", b"\x1f", b"plain text", b"PK"):
        (tmp_path / "f").write_bytes(content)
        assert check_container(tmp_path / "f", "gzip") is None
        assert check_container(tmp_path / "f", "zip") is None


def test_memory_stays_flat_whatever_is_packed_inside(tmp_path: Path):
    """64 MB of zeros in 64 kB: what comes out is never held at once."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    packed = b"".join(deflate.compress(zeros) for _ in range(64)) + deflate.flush()
    (tmp_path / "f.gz").write_bytes(packed)
    (tmp_path / "f.zip").write_bytes(zipped(bytes(64 << 20)))
    for kind, name in (("gzip", "f.gz"), ("zip", "f.zip")):
        tracemalloc.start()
        assert check_container(tmp_path / name, kind) == f"{kind} check"
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8 << 20, (kind, peak)


@pytest.mark.parametrize("flag", [8, 16])
def test_a_gzip_header_without_end_takes_no_memory_and_can_be_stopped(flag: int):
    begin = b"\x1f\x8b\x08" + bytes([flag]) + bytes(6)

    def read(at: int, buffer: memoryview) -> int:
        piece = begin if at == 0 else b"n" * len(buffer)
        buffer[: len(piece)] = piece
        return len(piece)

    asked: list[int] = []
    tried = ContainerCheck("gzip")
    tracemalloc.start()
    while tried.position < 32 << 20:
        tried.follow(read, 32 << 20, lambda: asked.append(1))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not tried.damage
    assert peak < 2 << 20
    assert len(asked) > 200


def test_a_stop_is_looked_for_inside_what_is_packed_tightly(tmp_path: Path):
    (tmp_path / "f").write_bytes(gzip.compress(bytes(64 << 20)))
    asked = []
    check_container(tmp_path / "f", "gzip", lambda: asked.append(1))
    assert len(asked) > 20


@given(st.lists(st.binary(max_size=50), max_size=3))
@example([])
@on_disk
def test_whole_zip_archives_pass(tmp_path: Path, contents: list[bytes]):
    (tmp_path / "f").write_bytes(zipped(*contents))
    assert check_container(tmp_path / "f", "zip") == "zip check"


def damaged(change: Callable[[bytearray], None]) -> bytes:
    whole = bytearray(zipped(b"reads\n" * 500, b"more" * 100))
    change(whole)
    return bytes(whole)


@pytest.mark.parametrize(
    "content",
    [
        zipped(b"reads" * 100)[:-30],
        zipped(b"reads" * 100)[:50],
        damaged(lambda whole: whole.__setitem__(45, whole[45] ^ 0xFF)),
        damaged(lambda whole: whole.__setitem__(slice(0, 4), b"PK\x03\x03")),
        b"PK\x03\x04 and nothing more",
    ],
    ids=["cut", "cut early", "byte", "magic", "nothing"],
)
def test_damaged_zip_archives_are_told(tmp_path: Path, content: bytes):
    (tmp_path / "f").write_bytes(content)
    if content.startswith(b"PK\x03\x03"):
        assert check_container(tmp_path / "f", "zip") is None
        return
    with pytest.raises(Damaged, match="zip"):
        check_container(tmp_path / "f", "zip")


def marked(flag: int = 0, method: int | None = None) -> bytes:
    """An archive whose one member says that it is packed in a way that Python does not know."""
    whole = bytearray(zipped(b"secret" * 20))
    central = whole.index(b"PK\x01\x02")
    for at in (6, central + 8):
        whole[at] |= flag
    if method is not None:
        for at in (8, central + 10):
            whole[at : at + 2] = struct.pack("<H", method)
    return bytes(whole)


@pytest.mark.parametrize(
    "content", [marked(flag=1), marked(method=9), marked(method=93)], ids=["password", "64", "zstd"]
)
def test_an_archive_that_cannot_be_looked_into_is_not_called_damaged(tmp_path: Path, content):
    """Encrypted, or packed by a newer method: then its size decides, as for other files."""
    (tmp_path / "f").write_bytes(content)
    assert check_container(tmp_path / "f", "zip") is None


class Unseekable(io.RawIOBase):
    """Where a zip can only be written with its numbers behind each member."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        self.content += bytes(piece)
        return len(piece)


def made_zip(members: list[tuple[bytes, int, bool]], *, streamed: bool) -> bytes:
    """Members as (content, method, with 64-bit numbers)."""
    out = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:  # type: ignore[arg-type]
        for number, (content, method, wide) in enumerate(members):
            info = zipfile.ZipInfo(f"d\u00e9{number}" if number % 2 else f"f{number}")
            info.compress_type = method
            with archive.open(info, "w", force_zip64=wide) as stream:
                stream.write(content)
    return out.content if isinstance(out, Unseekable) else out.getvalue()


members = st.lists(
    st.tuples(
        st.one_of(st.binary(max_size=60), st.integers(0, 9000).map(bytes)),
        st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
        st.booleans(),
    ),
    max_size=4,
)


def followed(content: bytes, kind: str, moments: list[int], path: Path) -> str | None:
    """The verdict on what was tried as it came."""

    made = ContainerCheck(kind)
    for until in [*sorted(min(one, len(content)) for one in moments), len(content)]:
        while made.position < until:
            made.follow(lambda at, into: _fill(content, at, into), until)
    path.write_bytes(content)
    return made.verdict(path)


@given(members, st.booleans(), st.lists(st.integers(0, 1000), max_size=6))
@on_disk
def test_a_zip_archive_is_judged_at_its_end(
    tmp_path: Path,
    members: list[tuple[bytes, int, bool]],
    streamed: bool,
    moments: list[int],
):
    whole = made_zip(members, streamed=streamed)
    assert followed(whole, "zip", moments, tmp_path / "f") == "zip check"


def test_members_that_share_their_bytes_are_not_unpacked(tmp_path: Path):
    """Ten megabytes may unpack to more than anybody could read."""
    content = made_zip([(b"x" * 9, 8, False), (b"y" * 9, 8, False)], streamed=False)
    second = content.rindex(b"PK\1\2")
    (tmp_path / "f").write_bytes(content[: second + 42] + bytes(4) + content[second + 46 :])
    with pytest.raises(Damaged, match="share their bytes"):
        check_zip(tmp_path / "f", lambda: None)


@given(members.filter(bool), st.booleans(), st.data())
@on_disk
def test_a_changed_byte_makes_the_same_verdict_as_a_look_at_the_whole(
    tmp_path: Path, members: list[tuple[bytes, int, bool]], streamed: bool, data: st.DataObject
):
    whole = bytearray(made_zip(members, streamed=streamed))
    whole[data.draw(st.integers(4, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "whole").write_bytes(whole)
    try:
        expected: str | None = "zip check" if check_zip(tmp_path / "whole", lambda: None) else None
    except Damaged as error:
        with pytest.raises(Damaged, match="zip"):
            followed(bytes(whole), "zip", [], tmp_path / "f")
        assert "zip" in str(error)
        return
    assert followed(bytes(whole), "zip", [], tmp_path / "f") == expected


@given(st.integers(0, 2**32), st.lists(st.integers(0, 40_000), max_size=5))
@on_disk
def test_damaged_gzip_data_is_told_as_soon_as_it_comes(
    tmp_path: Path, seed: int, moments: list[int]
):
    noise = random.Random(seed).randbytes(10_000)
    whole = bytearray(gzip.compress(noise, mtime=0) * 4)
    half = len(whole) // 2
    whole[half - 6] ^= 1  # the checksum of the second member
    made = ContainerCheck("gzip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(containers, "PACKED", 999)
        while not made.damage:
            made.follow(lambda at, into: _fill(bytes(whole), at, into), len(whole))
            assert made.position <= half + 999
    with pytest.raises(Damaged, match="gzip"):
        followed(bytes(whole), "gzip", moments, tmp_path / "f")


def _fill(content: bytes, at: int, buffer: memoryview) -> int:
    piece = content[at : at + len(buffer)]
    buffer[: len(piece)] = piece
    return len(piece)


def test_a_container_that_was_cut_is_noticed():
    with pytest.raises(EOFError, match="shorter"):
        ContainerCheck("gzip").follow(lambda at, buffer: 0, 10)
