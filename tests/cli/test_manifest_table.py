"""Manifests as text: written and read back exactly; what is no manifest is refused by its line."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowtui.cli.manifest_table import (
    COLUMNS,
    BadManifest,
    ManifestRow,
    escaped,
    header,
    is_header,
    placed,
    read_manifest,
    row_line,
    unescaped,
)
from flowtui.flow.remote_file import RemoteFile
from flowtui.transfer.disk.names import safe_path

ANY = st.text(st.characters(codec=None, categories=None), max_size=30)
PATHS = st.builds(
    lambda folders, name: "/".join(safe_path(tuple(folders), name)),
    st.lists(ANY, max_size=3),
    ANY,
)
ROWS = st.builds(
    ManifestRow,
    st.integers(0).map(lambda number: f"data/{number}"),
    PATHS,
    st.none() | st.integers(0, (1 << 63) - 1),
    st.none() | st.integers(0, (1 << 128) - 1).map(lambda number: f"{number:032x}"),
    ANY,
    ANY,
    ANY,
    ANY,
)


@given(ANY)
@example('a "quote" \\ \U0010ffff\ud800')
def test_any_value_is_one_printable_cell_and_comes_back(value: str) -> None:
    cell = escaped(value)
    assert unescaped(cell) == value
    assert not {*'\t\n\r\x1b\x85\u2028\u202e"'} & set(cell)
    cell.encode("utf-8")


@given(ROWS)
def test_any_row_is_read_back_as_it_was_written(row: ManifestRow) -> None:
    text = f"{header()}\n{row_line(row)}\n"
    assert read_manifest(text.encode().decode().split("\n")) == [row]
    assert read_manifest(text.replace("\n", "\r\n").split("\n")) == [row]


def table(*lines: str) -> list[str]:
    return [header(), *lines, ""]


def line(
    ref: str = "data/1", path: str = "a/x", size: str = "7", md5: str = "", **more: str
) -> str:
    return "\t".join((ref, path, size, md5, *(more.get(name, "") for name in COLUMNS[4:])))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line(path="../x")], "line 2: '../x' leads out of the target folder"),
        ([line(path="a/../../x")], "leads out of the target folder"),
        ([line(path="/etc/passwd")], "line 2: '/etc/passwd' is an absolute path"),
        ([line(path="")], "line 2: it has no path"),
        ([line(path="a//x")], "is no path that flowtui writes to"),
        ([line(path="a/./x")], "is no path that flowtui writes to"),
        ([line(path="a/x.part")], "name it 'x.part_' there"),
        ([line(path="a/\\u001b]0;x")], "name it '_]0;x' there"),
        ([line(path="a/b\\u0000")], "name it 'b_' there"),
        ([line(path="a/" + "n" * 300)], "is no path that flowtui writes to"),
        ([line(path="a/" * 3000 + "x")], "is too long for a path"),
        ([line(size=str(1 << 70))], "line 2: '1180591620717411303424' is no size in bytes"),
        ([line(size=str(1 << 63))], "is no size in bytes"),
        ([line(size="9" * 5000)], "is no size in bytes"),
        ([line(size="-1")], "is no size in bytes"),
        ([line(size="٣")], "is no size in bytes"),
        ([line(size="1e3")], "is no size in bytes"),
        ([line(md5="d41d8")], "line 2: 'd41d8' is no md5"),
        ([line(ref="project/12")], "line 2: 'project/12' names no file"),
        ([line(ref="data/")], "names no file"),
        ([line(ref="data/1/x")], "names no file"),
        ([line(ref="execution/4")], "names no file"),
        ([line(ref="execution/4/../x")], "names no file"),
        ([line(ref="https://elsewhere/data/1")], "names no file"),
        ([line(sample="a\\q")], "a backslash is written as two"),
        ([line(sample="\\Uffffffff")], "is no character"),
        (["data/1\ta/x"], "line 2: it has 2 columns, the first line 8"),
        (["", line(), line("data/1", "b/x")], "line 4: data/1 is named on line 3, too"),
        ([line(), line("data/2", "A/X")], "line 3: 'A/X' is taken by line 2"),
        ([line(), line("data/2", "a")], "line 3: 'a' is taken by line 2"),
        ([line(), line("data/2", "a/x/y")], "'a/x' is a file on line 2, and a folder here"),
        (["x" * 70_000], "line 2: longer than 65,536 characters"),
        ([header() + "\tpath"], "line 2: two columns are called path"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_its_line(lines: list[str], said: str) -> None:
    with pytest.raises(BadManifest) as caught:
        read_manifest(table(*lines))
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


def test_a_manifest_of_two_is_read_each_file_once() -> None:
    rows = read_manifest([*table(line()), *table(line(), line("data/2", "b/x"))])
    assert [row.ref for row in rows] == ["data/1", "data/2"]


def test_columns_stand_in_any_order_and_others_beside_them() -> None:
    assert is_header("\ufeffref\tmine\tpath\r\n")
    assert read_manifest(["\ufeffref\tmine\tpath", "data/1\tx\ty/z"]) == [
        ManifestRow("data/1", "y/z")
    ]
    assert not is_header("data/1\tref\tpath")
    assert not is_header("ref path")


FILE = RemoteFile("data/1", "x", "/downloads/1/x", ("data",), 7, "0" * 32)


def test_a_file_goes_to_its_place_and_is_compared_with_what_the_manifest_knows() -> None:
    row = ManifestRow("data/1", "a/y", 7, "f" * 32, "Cortex", "liver")
    bare = RemoteFile(
        "data/1", "x", "/downloads/1/x", ("data",), belongs_to="sample/3", fileset="9"
    )
    there = placed(bare, row)
    assert (there.folder, there.filename, there.belongs_to, there.fileset) == (("a",), "y", "", "")
    assert (there.size, there.md5, there.sample, there.origin.project) == (
        7,
        "f" * 32,
        "liver",
        "Cortex",
    )


@pytest.mark.parametrize(
    "row", [ManifestRow("data/1", "x", 8), ManifestRow("data/1", "x", 7, "1" * 32)]
)
def test_another_file_under_the_same_ref_is_refused(row: ManifestRow) -> None:
    with pytest.raises(BadManifest, match="changed on Flow since the manifest was made"):
        placed(FILE, row)
