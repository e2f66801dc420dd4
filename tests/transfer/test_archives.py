"""Hostile and broken archives; which member is which file; what unpacking leaves on the disk."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.flow.remote_file import RemoteFile
from flowtui.transfer.archive import extract
from flowtui.transfer.archive.gunzip import gunzipped
from flowtui.transfer.archive.matching import match
from flowtui.transfer.archive.reader import Broken, TarGz, Zip, open_archive
from flowtui.transfer.archive.rules import Hostile, Limits, Member
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.names import safe_path
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.errors import PermanentError
from flowtui.transfer.task import ExpectedFile, FileResult, Recorded
from flowtui.transfer.verify import md5 as verify_md5
from support.odd_files import IRREGULAR, put

Making = Callable[[zipfile.ZipFile], None]


def nothing() -> None: ...


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def wanted(id_: str, path: str, content: bytes | None, *, with_md5: bool = True) -> ExpectedFile:
    *folder, name = path.split("/")
    size = None if content is None else len(content)
    digest = md5(content) if content is not None and with_md5 else None
    file = RemoteFile(f"data/{id_}", name, "", tuple(folder), size, digest, id_)
    return ExpectedFile(file, "/".join(safe_path(tuple(folder), name)))


def make_zip(path: Path, *members: tuple[str, bytes], **more: object) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", **more) as stream:  # type: ignore[call-overload]
                stream.write(content)
    return path


def make_tar(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def opened(path: Path, size: int = 1000, files: int = 3, **slack: int) -> Zip | TarGz:
    made = open_archive(path, lambda held: Limits.of([size] * files, held, **slack), nothing)
    made.close()
    return made  # type: ignore[return-value]


def run(
    archive: Path, root: Path, *files: ExpectedFile, recorded: dict[str, Recorded] | None = None
) -> tuple[extract.Unpacked, dict[str, FileResult]]:
    came: dict[str, FileResult] = {}
    task = extract.Unpack(archive, root, files, recorded=recorded or {})
    return extract.run(task, StopSignal(), came.update), came


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


# Hostile


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../x", "leads outside"),
        ("a/../../x", "leads outside"),
        ("a\\..\\..\\x", "leads outside"),
        ("/etc/passwd", "absolute"),
        ("\\\\server\\x", "absolute"),
        ("C:\\x", "absolute"),
    ],
)
def test_paths_that_lead_elsewhere(tmp_path: Path, name: str, says: str):
    for path in (
        make_zip(tmp_path / "a.zip", ("good", b"1"), (name, b"2")),
        make_tar(tmp_path / "a.tar.gz", ("good", b"1"), (name, b"2")),
    ):
        with pytest.raises(Hostile, match=says):
            opened(path)


def test_names_that_come_twice(tmp_path: Path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = make_zip(tmp_path / "a.zip", ("d/x", b"1"), ("d/x", b"2"))
    with pytest.raises(Hostile, match="twice"):
        opened(path)
    with pytest.raises(Hostile, match="twice"):
        opened(make_tar(tmp_path / "a.tar.gz", ("d/x", b"1"), ("./d//x", b"2")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFBLK, stat.S_IFIFO])
def test_links_and_devices_in_a_zip(tmp_path: Path, kind: int):
    info = zipfile.ZipInfo("x")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(Hostile, match="link" if kind == stat.S_IFLNK else "device"):
        opened(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("kind", "says"),
    [(tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.CHRTYPE, "device"),
     (tarfile.FIFOTYPE, "device"), (tarfile.GNUTYPE_SPARSE, "holes")],
)  # fmt: skip
def test_links_and_devices_in_a_tar(tmp_path: Path, kind: bytes, says: str):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(Hostile, match=says):
        opened(tmp_path / "a.tar.gz")


def test_encrypted_members_and_rare_compressions(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", ("x", b"1" * 100))
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(Hostile, match="encrypted"):
        opened(tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x", b"1" * 100)
    with pytest.raises(Hostile, match="not used here"):
        opened(tmp_path / "c.zip")


def test_bombs(tmp_path: Path):
    slack = 1 << 20
    bomb = ("x", bytes(5 << 20))
    for path in (make_zip(tmp_path / "a.zip", bomb), make_tar(tmp_path / "a.tar.gz", bomb)):
        assert path.stat().st_size < 100_000
        with pytest.raises(Hostile, match="promised"):
            opened(path, slack_bytes=slack)
        # Where no size is known the ratio decides.
        with pytest.raises(Hostile, match="promised"):
            open_archive(path, lambda size: Limits.of([None], size, slack_bytes=slack), nothing)


def test_a_header_that_is_a_bomb(tmp_path: Path):
    """tarfile reads an extended header into memory whole, however long it says it is."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 31
    with gzip.open(tmp_path / "a.tar.gz", "wb") as stream:
        stream.write(info.tobuf() + bytes(10 << 20))
    with pytest.raises(Hostile, match="header"):
        opened(tmp_path / "a.tar.gz")


def header(name: str, kind: bytes = b"0", size: bytes = b"0" * 11 + b"\0") -> bytes:
    """A header of a tar, right but for what it says."""
    made = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    made[124:136], made[156:157] = size, kind
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)


def octal(size: int) -> bytes:
    return b"%011o\0" % size


def pax(content: bytes) -> bytes:
    return header("x", b"x", octal(len(content))) + content + bytes(-len(content) % 512)


A_FILE = header("a", size=octal(3)) + b"abc" + bytes(509)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (header("x", size=b"\xff" * 10 + b"\xfe\0"), "below zero"),
        (header("x", b"x", b"\xff" * 10 + b"\xfe\0"), "below zero"),
        (header("x", b"L", b"-0000001000\0"), "below zero"),
        (pax(b"12 size=-99\n") + A_FILE, "below zero"),
        (pax(b"26 GNU.sparse.size=100000\n") + A_FILE, "holes"),
        (pax(b"22 GNU.sparse.major=1\n") + A_FILE, "holes"),
        (header("x", b"L", octal((1 << 33) - 1)) + bytes(1 << 20), "too long"),
        (header("x", b"g", octal(2 << 20)) + bytes(1 << 20), "too long"),
        (header("x", size=b"\x80" + b"\xff" * 11), "promised"),
        (pax(b"28 size=9000000000000000000\n") + A_FILE, "promised"),
        (pax(b"13 path=../x\n") + A_FILE, "outside"),
        (header("x", b"L", octal(4)) + b"/etc" + bytes(508) + A_FILE, "absolute"),
        (pax(b"8 path=\n") * 20 + A_FILE, "too many headers"),
        (header("x", b"D", octal(3)), "neither a file nor a folder"),
    ],
    ids=count(),
)
def test_headers_of_a_tar_that_promise_what_cannot_be(tmp_path: Path, stream: bytes, says: str):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(stream + bytes(1024)))
    with pytest.raises(Hostile, match=says):
        opened(tmp_path / "a.tar.gz")


@pytest.mark.parametrize(
    "stream",
    [
        pax(b"1" * (1 << 20)) + A_FILE,  # 1,127 bytes that froze Pythons before 3.11.10
        pax(b"0 a=b\n") + A_FILE,
        pax(b"99 a=b\n") + A_FILE,
        pax(b"6 abc\n") + A_FILE,
        pax(b"12 size=1e3\n") + A_FILE,
        A_FILE[:600],
        A_FILE[:512] + b"abc",
        A_FILE[:100],
        b"not a tar" + bytes(1000),
        header("x", size=b"9" * 12),
    ],
    ids=count(),
)
def test_a_tar_with_a_damaged_header_is_broken(tmp_path: Path, stream: bytes):
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(stream))
    with pytest.raises(Broken):
        opened(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_of_any_usual_form_is_read_as_tarfile_reads_it(tmp_path: Path, form: int):
    names = ["a", "d/b", "d" * 90 + "/" + "e" * 90]
    names += ["ü/ß", "f" * 300, "g" * 99 + "/" + "h" * 400] if form != tarfile.USTAR_FORMAT else []
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", format=form) as archive:
        for number, name in enumerate(names):
            folder = tarfile.TarInfo(f"folder {number}")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 511 + number, 1.5 if form == tarfile.PAX_FORMAT else 1
            archive.addfile(info, io.BytesIO(bytes([65 + number]) * info.size))
    made = open_archive(path, lambda size: Limits.of([600] * 9, size), nothing)
    read = {member.name: b"".join(pieces) for member, pieces in made.read(set(range(9)))}
    assert read == {name: bytes([65 + n]) * (511 + n) for n, name in enumerate(names)}


def test_more_members_than_there_can_be(tmp_path: Path):
    many = [(f"x{n}", b"") for n in range(20)]
    with pytest.raises(Hostile, match="members"):
        opened(make_zip(tmp_path / "a.zip", *many), slack_members=5)
    with pytest.raises(Hostile, match="members"):
        opened(make_tar(tmp_path / "a.tar.gz", *many), slack_members=5)


def test_a_directory_that_is_too_large_is_not_read(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", ("x", b"1"))
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\5\6")
    content[at + 8 : at + 16] = struct.pack("<HHL", 0xFFFE, 0xFFFE, 0xFFFFFFFE)
    path.write_bytes(content)
    with pytest.raises(Hostile, match="directory lists 65,534 members"):
        opened(path)


def test_members_that_share_their_bytes(tmp_path: Path):
    """The densest bombs: many entries of the directory lead to one member."""
    path = make_zip(tmp_path / "a.zip", ("aa", b"1" * 1000), ("bb", b"1" * 1000))
    content = path.read_bytes()
    second = content.rindex(b"PK\1\2")
    shared = content[: second + 42] + bytes(4) + content[second + 46 :]
    path.write_bytes(shared)
    with pytest.raises(Hostile, match="shares its bytes"):
        opened(path)


def test_members_that_share_their_bytes_behind_long_headers_of_their_own(tmp_path: Path):
    """The directory shows no overlap: what lies between a header and its bytes it does not tell."""
    content = zlib.compress(bytes(100_000), wbits=-15)
    crc = zlib.crc32(bytes(100_000))
    names, locals_, central = [b"a", b"b", b"c"], b"", b""
    each = 31 + len(content)  # as far as the directory tells, one lies behind the other
    for number, name in enumerate(names):
        fields = (20, 0, 8, 0, 0, crc, len(content), 100_000)
        extra = (len(names) - 1 - number) * each
        at = len(locals_)
        locals_ += struct.pack("<4s5H3L2H", b"PK\3\4", *fields, 1, extra) + name
        locals_ += bytes(each - 31) if number < len(names) - 1 else content
        central += struct.pack("<4sH5H3L5H2L", b"PK\1\2", 20, *fields, 1, 0, 0, 0, 0, 0, at) + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3, 3, len(central), len(locals_), 0)
    (tmp_path / "a.zip").write_bytes(locals_ + central + end)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert [info.header_offset for info in archive.infolist()] == [0, each, 2 * each]
    with pytest.raises(Hostile, match="shares its bytes"):
        opened(tmp_path / "a.zip")


# Broken


def test_what_is_no_archive(tmp_path: Path):
    for content in (b"", b"<html>", b"PK\3\4 and no more", b"\x1f\x8b\x08 nor this"):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(Broken):
            opened(tmp_path / "a")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_makes_it_fall_over(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    """Whatever bytes are changed: right files, absent files, or a refusal in words."""
    root = tmp_path_factory.mktemp("fuzz")
    contents = {f"s/{n}.txt": bytes([65 + n]) * 3000 for n in range(3)}
    make = data.draw(st.sampled_from([make_zip, make_tar]))
    path = make(root / "archive", *contents.items())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    files = [wanted(str(n), name, one) for n, (name, one) in enumerate(contents.items())]
    to = root / "to"
    outcome, came = run(path, to, *files)
    assert outcome.code in ("", "HOSTILE", "BROKEN"), outcome
    for name, one in tree(to).items():
        assert contents[name] == one
    if not outcome.code:
        assert came.keys() | outcome.absent.keys() == {one.file.key for one in files}


# Which is which


def matched(members: list[tuple[str, bytes]], files: list[ExpectedFile]) -> dict[str, str]:
    listed = [Member(n, name, len(content)) for n, (name, content) in enumerate(members)]
    found = match(listed, files, lambda one: md5(members[one.index][1]))
    return {members[index][0]: one.file.key.removeprefix("data/") for index, one in found.items()}


@pytest.mark.parametrize(
    "names",
    [
        ("proj/s 1/r.gz", "proj/s 2/r.gz"),
        ("s 1/r.gz", "s 2/r.gz"),
        ("download/x/s 1/r.gz", "download/x/s 2/r.gz"),
        ("S_1/R.gz", "S_2/R.gz"),
        ("1_r.gz", "2_r.gz"),
        ("all/r.gz_1", "all/r_2.gz"),
        ("one", "two"),
        ("a/r.gz", "b/r.gz"),
    ],
)
def test_layouts(names: tuple[str, str]):
    files = [wanted("1", "proj/s 1/r.gz", b"one"), wanted("2", "proj/s 2/r.gz", b"two")]
    members = [(names[0], b"one"), (names[1], b"two"), ("README", b"three")]
    assert matched(members, files) == {names[0]: "1", names[1]: "2"}


def test_without_md5_a_size_alone_decides_nothing():
    files = [wanted("1", "proj/s 1/r.gz", b"one", with_md5=False)]
    assert matched([("x", b"two")], files) == {}
    assert matched([("r.gz", b"longer")], files) == {}
    assert matched([("r.gz", b"two")], files) == {"r.gz": "1"}


def test_two_of_one_name_and_size_are_told_by_md5_or_not_at_all():
    for with_md5 in (True, False):
        files = [wanted(n, f"s{n}/r", n.encode(), with_md5=with_md5) for n in "12"]
        found = matched([("x/r", b"2"), ("y/r", b"1")], files)
        assert found == ({"x/r": "2", "y/r": "1"} if with_md5 else {})


def test_files_whose_size_nobody_knows():
    files = [wanted("1", "s/a.txt", None), wanted("2", "s/b.txt", None)]
    assert matched([("b.txt", b"12"), ("a.txt", b"1")], files) == {"a.txt": "1", "b.txt": "2"}


@given(st.permutations(range(12)), st.booleans())
def test_every_member_of_a_usual_layout_is_found(order: list[int], with_md5: bool):
    names = [f"s{n % 4}/{'rep' if n > 3 else 'x'}{n // 8}.gz" for n in range(12)]
    files = [
        wanted(str(n), f"p/{name}", bytes(n), with_md5=with_md5) for n, name in enumerate(names)
    ]
    found = matched([(names[n], bytes(n)) for n in order], files)
    assert found == {names[n]: str(n) for n in order}


# Unpacking


def test_zip64_and_what_stands_on_the_disk_afterwards(tmp_path: Path):
    rng = random.Random(1)
    contents = {f"s{n % 7}/f{n}.gz": rng.randbytes(rng.randrange(50_000)) for n in range(300)}
    archive = make_zip(tmp_path / "a", *contents.items(), force_zip64=True)
    assert b"\1\0" in archive.read_bytes()[:120]  # the zip64 extra field
    files = [wanted(str(n), name, one) for n, (name, one) in enumerate(contents.items())]
    outcome, came = run(archive, tmp_path / "to", *files)
    assert outcome == extract.Unpacked()
    assert tree(tmp_path / "to") == contents
    assert {one.verified_by for one in came.values()} == {"md5 and crc"}
    assert {key: one.md5 for key, one in came.items()} == {
        one.file.key: one.file.md5 for one in files
    }
    # Again: nothing is read, nothing is written.
    before = {p: p.stat().st_ino for p in (tmp_path / "to").rglob("*")}
    archive.unlink()
    again, came = run(archive, tmp_path / "to", *files)
    assert again == extract.Unpacked() and len(came) == 300
    assert {p: p.stat().st_ino for p in (tmp_path / "to").rglob("*")} == before


@pytest.mark.parametrize("ending", ["", ".part"])
@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_others_planted_in_a_file_s_way_is_of_that_file_alone(
    tmp_path: Path, kind: str, ending: str
):
    archive = make_zip(tmp_path / "a.zip", ("a", b"1"), ("b", b"2"))
    put(kind, tmp_path / "to" / f"a{ending}")
    outcome, came = run(archive, tmp_path / "to", wanted("1", "a", b"1"), wanted("2", "b", b"2"))
    assert outcome.code == ""
    assert list(came) == ["data/2"]
    if ending:
        assert outcome.absent["data/1"].startswith(f"cannot use {tmp_path}/to/a.part: it is ")
    else:
        assert outcome.occupied == ("data/1",)


def test_a_part_that_a_colleague_left_and_closed_is_of_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It ended the whole job as an internal error."""
    real = extract.PartFile

    def refused(target: Path, *more: object, **rest: object) -> PartFile:
        if target.name == "a":
            raise PermanentError("cannot write a.part, which anna began")
        return real(target, *more, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(extract, "PartFile", refused)
    archive = make_zip(tmp_path / "a.zip", ("a", b"1"), ("b", b"2"))
    outcome, came = run(archive, tmp_path / "to", wanted("1", "a", b"1"), wanted("2", "b", b"2"))
    assert (outcome.code, list(came)) == ("", ["data/2"])
    assert outcome.absent == {"data/1": "cannot write a.part, which anna began"}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_the_rest_of_a_killed_run(tmp_path: Path, make: Callable[..., Path]):
    contents = {name: name.encode() * 500 for name in ("s/a", "s/b", "s/c", "s/d")}
    archive = make(tmp_path / "a", *contents.items())
    to = tmp_path / "to"
    (to / "s").mkdir(parents=True)
    (to / "s/a").write_bytes(contents["s/a"])  # renamed, not yet in the log
    (to / "s/b").write_bytes(b"x" * len(contents["s/b"]))  # of the right size, but another
    (to / "s/c.part").write_bytes(contents["s/c"][:100] + b"rubbish" * 1000)
    (to / "s/c.part.journal").write_text(json.dumps({"flowtui": 1, "key": "data/2"}))
    files = [wanted(str(n), name, one, with_md5=n % 2 == 0)
             for n, (name, one) in enumerate(contents.items())]  # fmt: skip
    outcome, came = run(archive, to, *files)
    assert outcome.occupied == ("data/1",)
    assert came.keys() == {"data/0", "data/2", "data/3"}
    assert tree(to) == {**contents, "s/b": b"x" * len(contents["s/b"])}


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_the_blocks_of_a_large_member_and_its_time_are_told(
    tmp_path: Path, make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    for module in (verify_md5, extract):
        monkeypatch.setattr(module, "BLOCK", 1000)
    large, small = random.Random(1).randbytes(2500), b"s" * 1000
    files = wanted("1", "p/large.bin", large), wanted("2", "p/small.bin", small)
    archive = make(tmp_path / "all.zip", ("p/large.bin", large), ("p/small.bin", small))
    sums = [zlib.crc32(large[at : at + 1000]).to_bytes(4, "big") for at in (0, 1000, 2000)]
    for _ in range(2):  # the second time the files stand there, and nobody has recorded them
        _, came = run(archive, tmp_path / "to", *files)
        assert (came["data/1"].blocks, came["data/2"].blocks) == (b"".join(sums), b"")
        for key, path in (("data/1", "p/large.bin"), ("data/2", "p/small.bin")):
            assert came[key].mtime_ns == (tmp_path / "to" / path).stat().st_mtime_ns
    unknown = wanted("1", "p/large.bin", large, with_md5=False)
    _, came = run(archive, tmp_path / "to", unknown)
    assert came["data/1"].blocks == b"".join(sums)
    assert came["data/1"].kept() == FileResult(
        "done", "p/large.bin", 2500, md5(large), came["data/1"].verified_by
    )


def test_a_part_file_that_another_process_holds_is_left_to_it(tmp_path: Path):
    from flowtui.transfer.disk.part_file import open_locked

    archive = make_zip(tmp_path / "a", ("a", b"1"), ("b", b"2"))
    (tmp_path / "to").mkdir()
    held, unlock = open_locked(tmp_path / "to" / "a.part")
    outcome, came = run(archive, tmp_path / "to", wanted("1", "a", b"1"), wanted("2", "b", b"2"))
    assert held > 0
    unlock()
    assert "another flowtui" in outcome.absent["data/1"]
    assert came.keys() == {"data/2"}


def test_a_wrong_md5_and_a_wrong_crc_never_get_the_final_name(tmp_path: Path):
    content = random.Random(2).randbytes(20_000)
    archive = make_zip(tmp_path / "a.zip", ("a", content), ("b", b"good"))
    raw = bytearray(archive.read_bytes())
    raw[10_000] ^= 1
    archive.write_bytes(raw)
    a, b = wanted("1", "a", content, with_md5=False), wanted("2", "b", b"good")
    outcome, _ = run(archive, tmp_path / "to", a, b)
    assert outcome.damaged and "damaged" in outcome.absent["data/1"]
    assert tree(tmp_path / "to") == {"b": b"good"}
    other = wanted("1", "a", random.Random(3).randbytes(20_000))
    outcome, _ = run(make_zip(tmp_path / "b.zip", ("a", content)), tmp_path / "to2", other)
    assert "md5" in outcome.absent["data/1"]
    assert tree(tmp_path / "to2") == {}


@given(
    st.lists(st.binary(max_size=3000) | st.just(bytes(300_000)), min_size=1, max_size=4),
    st.integers(0, 3),
    st.integers(1, 200_000),
)
@settings(deadline=None, max_examples=30)
def test_gzip_members_are_unpacked_as_gzip_does(contents: list[bytes], zeros: int, size: int):
    packed = b"".join(gzip.compress(one) + bytes(zeros) for one in contents)
    stream = gunzipped(io.BytesIO(packed), lambda: None)
    found = b"".join(iter(lambda: stream.read(size), b""))
    assert found == gzip.decompress(packed) == b"".join(contents)
    cut = gunzipped(io.BytesIO(packed[: len(packed) - zeros - 1]), lambda: None)
    with pytest.raises(EOFError):
        while cut.read(size):
            pass
    flipped = bytearray(packed)
    flipped[-zeros - 5] ^= 1
    with pytest.raises(zlib.error):
        gunzipped(io.BytesIO(bytes(flipped)), lambda: None).read()


@dataclass
class Stream:
    read: Callable[[int], bytes]


@pytest.mark.parametrize("flag", [8, 16])
def test_a_gzip_header_without_end_takes_no_memory_and_can_be_stopped(flag: int):
    """Python's own reads it byte by byte, and asks nobody."""

    begin = b"\x1f\x8b\x08" + bytes([flag]) + bytes(6)
    pieces = iter([begin, *[b"n" * (128 << 10)] * 256])
    packed = cast(Any, Stream(lambda size: next(pieces, b"")))
    asked: list[int] = []
    stream = gunzipped(packed, lambda: asked.append(1))
    tracemalloc.start()
    with pytest.raises(EOFError):
        stream.read(1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20
    assert len(asked) > 200


def test_gzip_members_without_bytes_can_be_stopped():
    asked: list[int] = []
    packed = gzip.compress(b"") * 5000 + gzip.compress(b"x")
    assert gunzipped(io.BytesIO(packed), lambda: asked.append(1)).read() == b"x"
    assert len(asked) > 5000


def test_a_cut_tar_gz_is_refused_before_anything_is_written(tmp_path: Path):
    contents = [(f"f{n}", random.Random(n).randbytes(40_000)) for n in range(5)]
    archive = make_tar(tmp_path / "a.tar.gz", *contents)
    archive.write_bytes(archive.read_bytes()[:-20_000])
    files = [wanted(str(n), name, one, with_md5=False) for n, (name, one) in enumerate(contents)]
    outcome, came = run(archive, tmp_path / "to", *files)
    assert (outcome.code, came) == ("BROKEN", {})
    assert not (tmp_path / "to").exists()


def test_stopping_in_the_middle_leaves_no_part_file(tmp_path: Path):
    contents = {f"f{n}": random.Random(n).randbytes(600_000) for n in range(30)}
    archive = make_zip(tmp_path / "a.zip", *contents.items())
    files = tuple(wanted(str(n), k, c) for n, (k, c) in enumerate(contents.items()))
    stop = StopSignal()
    plain, count = stop.check, iter(range(10_000))

    def check() -> None:
        if next(count) == 60:
            stop.set()
        plain()

    stop.check = check  # type: ignore[method-assign]
    outcome = extract.run(extract.Unpack(archive, tmp_path / "to", files), stop, lambda came: None)
    assert outcome.code == "STOPPED"
    left = tree(tmp_path / "to")
    assert 0 < len(left) < 30
    assert all(contents[name] == one for name, one in left.items())


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_memory_does_not_follow_the_size(tmp_path: Path, make: Callable[..., Path]):
    import tracemalloc

    content = random.Random(1).randbytes(1 << 20) * 48
    archive = make(tmp_path / "a", ("big", content))
    file = wanted("1", "big", content)
    del content
    tracemalloc.start()
    outcome, _ = run(archive, tmp_path / "to", file)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outcome == extract.Unpacked()
    assert peak < 12 << 20
