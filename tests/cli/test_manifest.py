"""manifest, and get --from it: the same files at the same paths, or words on which are not."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.get_report import other_places
from flowtui.cli.main import cli
from flowtui.cli.manifest_table import ManifestRow

MD5 = "0123456789abcdef0123456789abcdef"
HEADER = "ref\tpath\tsize\tmd5\tproject\tsample\trun\tpair\n"


def run(*args: str, input: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, [*args], input=input)


def planned(*args: str, input: bytes | None = None) -> dict[str, tuple[str, object]]:
    result = run("get", *args, "--dry-run", "--json", input=input)
    assert result.exit_code == 0, result.output
    rows = [json.loads(row) for row in result.stdout.splitlines()]
    return {row["key"]: (row["path"], row["md5"]) for row in rows if row["event"] == "file"}


@pytest.fixture(autouse=True)
def contents(flow: Any, signed_in: object) -> None:
    names = ("a_R1.fq", "a_R2.fq", "tab\tname", "b.bam")
    rows = [
        {"id": str(n), "filename": name, "size": 1000 * n, "md5": MD5 if n < 4 else None}
        for n, name in enumerate(names, start=1)
    ]
    pair = [{"id": "1", "filename": "a_R1.fq"}, {"id": "2", "filename": "a_R2.fq"}]
    single = [{"id": "3", "filename": "tab\tname"}]
    liver = {
        "id": "34",
        "name": "li\nver",
        "project": {"id": "12", "name": "Cortex"},
        "filesets": [{"id": "77", "data": pair}, {"id": "78", "data": single}],
    }
    flow.answers |= {
        "/samples/34": (200, liver),
        "/samples/34/data": (200, {"count": 4, "data": rows}),
        "/executions/9": (200, {"id": "9", "outputs": [
            {"filename": "results/x.tsv", "size": 5}, {"filename": "results/y.tsv", "size": 6}]}),
        **{f"/data/{row['id']}": (200, row) for row in rows},
    }  # fmt: skip


def test_a_manifest_says_what_get_would_download_and_where(tmp_path: Path) -> None:
    result = run("manifest", "sample/34", "--to", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert result.stdout == HEADER + "".join(
        f"data/{n}\tsamples/li_ver/{name}\t{n}000\t{md5}\tCortex\tli\\nver\t\t{pair}\n"
        for n, name, md5, pair in (
            (1, "a_R1.fq", MD5, "77"),
            (2, "a_R2.fq", MD5, "77"),
            (3, "tab_name", MD5, ""),
            (4, "b.bam", "", ""),
        )
    )
    assert not (tmp_path / "out").exists()
    would = planned("sample/34", "--to", str(tmp_path / "out"))
    assert [
        str(tmp_path / "out" / row.split("\t")[1]) for row in result.stdout.splitlines()[1:]
    ] == [path for path, _ in would.values()]


def test_a_manifest_in_json_has_the_pairs_and_paths_below_the_folder(tmp_path: Path) -> None:
    result = run(
        "manifest", "sample/34", "execution/9/results/x.tsv", "--to", str(tmp_path), "--json"
    )
    rows = [json.loads(row) for row in result.stdout.splitlines()]
    files = [row for row in rows if row["event"] == "file"]
    assert [(row["ref"], row["pair"]) for row in files] == [
        ("data/1", "77"), ("data/2", "77"), ("data/3", None), ("data/4", None),
        ("execution/9/results/x.tsv", None),
    ]  # fmt: skip
    assert files[0]["path"] == "samples/li_ver/a_R1.fq"
    assert (files[0]["sample"], files[0]["sample_ref"]) == ("li\nver", "sample/34")


def test_the_md5_of_what_was_downloaded_counts_where_flow_gives_none(tmp_path: Path) -> None:
    line = {"key": "data/4", "path": "data/b.bam", "size": 4000, "md5": MD5, "status": "done"}
    (tmp_path / "downloads.log").write_text(json.dumps(line) + "\n")
    result = run("manifest", "data/4", "--to", str(tmp_path))
    assert result.stdout.splitlines()[1].split("\t")[3] == MD5


def test_an_md5_that_the_list_lacks_is_asked_for_on_demand(flow: Any, tmp_path: Path) -> None:
    flow.answers["/data/4"] = (200, {"id": "4", "filename": "b.bam", "size": 4000, "md5": MD5})
    args = ("manifest", "sample/34", "--to", str(tmp_path))
    assert [run(*args, *more).stdout.count(MD5) for more in ((), ("--md5",))] == [3, 4]
    asked = [path for _, path, _ in flow.asked if path.startswith("/data/")]
    assert asked == ["/data/4"]
    flow.answers["/data/4"] = (403, {"error": "You do not have permission"})
    result = run(*args, "--md5")
    assert result.exit_code == 0
    assert "the md5 of data/4 is not known" in result.stderr


def test_get_fetches_exactly_what_a_manifest_names_to_its_paths(tmp_path: Path) -> None:
    made = run("manifest", "sample/34", "execution/9/results/x.tsv", "--to", str(tmp_path / "a"))
    listed = tmp_path / "files.tsv"
    listed.write_text(
        made.stdout.replace("samples/li_ver/b.bam\t4000\t", f"mine/b.bam\t4000\t{MD5}")
    )
    wanted = {row.split("\t")[0]: row.split("\t")[1] for row in made.stdout.splitlines()[1:]}
    wanted["data/4"] = "mine/b.bam"
    to = tmp_path / "b"
    for args, given in ((["--from", str(listed)], None), (["--from", "-"], listed.read_bytes())):
        would = planned(*args, "--to", str(to), input=given)
        assert {key: path for key, (path, _) in would.items()} == {
            key: str(to / path) for key, path in wanted.items()
        }
        assert would["data/4"][1] == MD5  # which Flow does not give
    windows = ("\ufeff" + listed.read_text().replace("\n", "\r\n")).encode("utf-16")
    assert planned("--from", "-", "--to", str(to), input=windows) == would


def test_what_changed_or_is_gone_is_told_and_the_rest_comes(tmp_path: Path) -> None:
    rows = (
        f"data/1\ta/1\t1000\t{MD5}", "data/2\ta/2\t999\t", "data/66\ta/66\t1\t",
        "execution/9/results/z.tsv\ta/z\t5\t",
    )  # fmt: skip
    text = HEADER + "".join(f"{row}\t\t\t\t\n" for row in rows)
    result = run("get", "--from", "-", "--to", str(tmp_path), "--dry-run", input=text.encode())
    assert result.exit_code == Exit.SOME_FAILED
    assert (
        "data/2: changed on Flow since the manifest was made: its size is 2000, not 999"
        in result.stderr
    )
    assert "data/66: " in result.stderr
    assert "execution/9/results/z.tsv: not found on Flow" in result.stderr
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == ["data/1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.encode(), "the manifest names no files"),
        (
            HEADER.encode() + b"data/1\t../x\t1\t\t\t\t\t\n",
            "standard input, line 2: '../x' leads out",
        ),
        (
            HEADER.encode() + b"data/1\ta\xff\t1\t\t\t\t\t\n",
            "standard input, line 2: not text in UTF-8",
        ),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_before_flow_is_asked(
    text: bytes, said: str, flow: Any
) -> None:
    result = run("get", "--from", "-", "--dry-run", input=text)
    assert result.exit_code in (Exit.USAGE, Exit.NOTHING_FOUND)
    assert said in result.stderr
    assert not [path for _, path, _ in flow.asked if path.startswith("/data/")]


def test_a_gigabyte_of_a_manifest_is_refused_as_soon_as_it_is_too_long(
    tmp_path: Path,
) -> None:
    with open(tmp_path / "long", "wb") as file:
        file.write(HEADER.encode())
        file.truncate(1 << 30)
    result = run("get", "--from", str(tmp_path / "long"), "--dry-run")
    assert result.exit_code == Exit.USAGE
    assert "is longer than 134.2 MB; split the manifest" in result.stderr


def test_a_manifest_goes_alone() -> None:
    text = HEADER + "data/1\ta/1\t\t\t\t\t\t\n"
    result = run("get", "sample/34", "--from", "-", "--dry-run", input=text.encode())
    assert result.exit_code == Exit.USAGE
    assert "give it alone" in result.stderr


def test_a_file_that_is_not_at_its_path_of_the_manifest_is_told() -> None:
    names = ("a/1", "a/2", "e\u0301/3", "a/4", "a/5")
    manifest = {f"data/{n}": ManifestRow(f"data/{n}", name) for n, name in enumerate(names, 1)}
    paths = {"data/1": "a/1", "data/2": "a/2~2", "data/3": "\xe9/3", "data/4": "a/4.zip", "x": "y"}
    assert other_places(paths, manifest) == [("a/2", "a/2~2")]


def test_the_records_of_a_run_come_without_being_asked_for_once_more(
    flow: Any, tmp_path: Path
) -> None:
    flow.answers["/executions/9"] = (200, {"id": "9", "outputs": [], "params": {"genome": "x"}})
    made = run("manifest", "execution/9", "--records", "--to", str(tmp_path)).stdout
    (row,) = [line for line in made.splitlines() if line.startswith("record/9/params.json")]
    would = planned("--from", "-", "--to", str(tmp_path), input=f"{HEADER}{row}\n".encode())
    assert would == {"record/9/params.json": (str(tmp_path / row.split("\t")[1]), None)}
