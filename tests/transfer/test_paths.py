"""Who gets which path: each path for one file, the same one in every run."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowtui.flow.remote_file import RemoteFile
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk import paths as paths_module
from flowtui.transfer.disk.downloads_log import LOG_NAME
from flowtui.transfer.disk.names import numbered, same_name
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.identity import Identity

NAMES = ["a.gz", "A.gz", "a~2.gz", "a~3.gz", "e\u0301", "é", "É", "x/../y", "../a.gz", "b\n", "",
         "x", "X~2", "x/y/z", "data", "a.gz/x"]  # fmt: skip
FOLDERS = [("data",), ("Data",), ("samples", "s1"), ("samples", ".."), (), ("a.gz",), ("x", "y")]

wishes = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(FOLDERS), st.sampled_from(NAMES)),
    max_size=14,
    unique_by=lambda one: one[0],
)


def record(root: Path, paths: dict[str, str], status: str = "done") -> None:
    """Write what a run that ended says in its log."""
    downloads_log.append(
        root,
        [
            downloads_log.LogEntry(key, key, "name", 1, path, None, "size", 0.1, status)
            for key, path in paths.items()
        ],
    )


def given_out(places: TargetPaths, wanted) -> dict[str, str]:
    return {f"data/{n}": places.assign(f"data/{n}", folder, name) for n, folder, name in wanted}


@given(wishes)
def test_no_two_files_share_a_path_on_any_file_system(wanted):
    paths = given_out(TargetPaths(Path("/nowhere")), wanted)
    assert len({same_name(one) for one in paths.values()}) == len(paths)


@given(wishes, st.sets(st.integers(0, 9)))
def test_no_file_stands_where_another_needs_a_folder(wanted, let_go):
    places = TargetPaths(Path("/nowhere"))
    paths = given_out(places, wanted)
    for key in {f"data/{n}" for n in let_go} & set(paths):
        places.release(paths.pop(key), key)
    paths |= given_out(places, wanted)
    files = {same_name(one) for one in paths.values()}
    for one in files:
        above = [str(folder) for folder in PurePosixPath(one).parents]
        assert not files & set(above), paths


@given(wishes)
@settings(deadline=None, max_examples=40)
def test_a_disk_can_hold_all_that_is_given_out(tmp_path_factory, wanted):
    root = tmp_path_factory.mktemp("root")
    for path in given_out(TargetPaths(root), wanted).values():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


@given(wishes)
def test_asked_again_in_any_order_a_file_gets_the_same_path(wanted):
    places = TargetPaths(Path("/nowhere"))
    paths = given_out(places, wanted)
    assert given_out(places, wanted[::-1]) == paths


@given(wishes, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_a_later_run_gives_the_same_paths_whatever_ended_meanwhile(
    tmp_path_factory, wanted, chance
):
    root = tmp_path_factory.mktemp("root")
    paths = given_out(TargetPaths(root), wanted)
    for key, path in paths.items():
        if chance.random() < 0.5:
            record(root, {key: path})
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            PartFile(root / path, Identity(key)).close()
    again = list(wanted)
    chance.shuffle(again)
    assert given_out(TargetPaths(root), again) == paths


@given(wishes, st.lists(st.tuples(st.integers(0, 9), st.sampled_from(NAMES)), max_size=8))
@example([(0, ("data",), "a.gz"), (1, ("data",), "a.gz")], [(0, "a.gz"), (1, "a.gz")])
def test_a_log_that_gives_one_path_to_two_files_makes_no_two_files_share_one(wanted, claims):
    places = TargetPaths(Path("/nowhere"))
    for number, name in claims:
        places.claim(f"data/{name}", f"data/{number}")
    paths = given_out(places, wanted)
    assert len({same_name(one) for one in paths.values()}) == len(paths)


def test_numbers_go_up_and_names_that_differ_in_case_or_form_count_as_one():
    places = TargetPaths(Path("/nowhere"))
    given = [
        places.assign(f"data/{n}", ("data",), name)
        for n, name in enumerate(["Reads.gz", "reads.gz", "READS.GZ", "é", "e\u0301", "É"])
    ]
    assert given == [
        "data/Reads.gz", "data/reads~2.gz", "data/READS~3.GZ", "data/é", "data/é~2", "data/É~3",
    ]  # fmt: skip


def test_a_file_and_a_folder_of_one_name_are_both_kept_whichever_comes_first():
    places = TargetPaths(Path("/nowhere"))
    assert places.assign("data/1", ("e",), "results") == "e/results"
    assert places.assign("data/2", ("e",), "results/x") == "e/results~2/x"
    assert places.assign("data/3", ("e",), "Results/y") == "e/Results~2/y"
    assert places.assign("data/4", ("f",), "results/x") == "f/results/x"
    assert places.assign("data/5", ("f",), "results") == "f/results~2"
    assert places.assign("data/6", ("f",), "results/y") == "f/results/y"


def test_a_folder_on_the_disk_is_no_place_for_a_file(tmp_path: Path):
    """It may be that of a file which is not asked for this time."""
    (tmp_path / "e" / "results").mkdir(parents=True)
    places = TargetPaths(tmp_path)
    assert places.assign("data/1", ("e",), "results") == "e/results~2"
    assert places.assign("data/2", ("e",), "results/x") == "e/results/x"


def test_an_unfinished_file_in_a_folder_of_the_same_name_is_seen(tmp_path: Path):
    """`Data` and `data` are one folder on some file systems, and two here."""
    wanted = [(1, ("Data",), "a.gz"), (2, ("data",), "a.gz/x"), (3, ("data", "S"), "b"),
              (4, ("Data", "s"), "b")]  # fmt: skip
    paths = given_out(TargetPaths(tmp_path), wanted)
    assert paths["data/2"] == "data/a~2.gz/x"
    for key, path in paths.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        PartFile(tmp_path / path, Identity(key)).close()
    assert given_out(TargetPaths(tmp_path), wanted[::-1]) == paths


def test_a_failed_file_keeps_nothing_from_others_in_the_log(tmp_path: Path):
    record(tmp_path, {"data/1": "data/a"}, status="failed")
    assert TargetPaths(tmp_path).assign("data/2", ("data",), "a") == "data/a"


def test_names_taken_by_foreign_files_are_passed_over(tmp_path: Path):
    places = TargetPaths(tmp_path)
    assert places.assign("data/1", ("data",), "a.gz") == "data/a.gz"
    places.release("data/a.gz", "data/1")
    assert places.assign("data/1", ("data",), "a.gz", after=1) == "data/a~2.gz"
    assert places.assign("data/1", ("data",), "a.gz") == "data/a~2.gz"
    assert places.assign("data/2", ("data",), "a.gz") == "data/a.gz"


def test_only_its_owner_can_release_a_path(tmp_path: Path):
    places = TargetPaths(tmp_path)
    path = places.assign("data/1", ("data",), "a")
    places.release(path, "data/2")
    assert places.assign("data/3", ("data",), "a") == "data/a~2"


def test_a_file_that_was_put_elsewhere_gets_a_path_here_too(tmp_path: Path):
    record(tmp_path, {"data/1": "data/a.gz"})
    places = TargetPaths(tmp_path)
    assert places.assign("data/1", ("samples", "s"), "a.gz") == "samples/s/a.gz"
    assert places.assign("data/1", ("data",), "a.gz") == "data/a.gz"


def test_a_file_that_is_here_keeps_its_path_from_an_unfinished_one_of_that_name(tmp_path: Path):
    record(tmp_path, {"data/1": "data/a"})
    (tmp_path / "data").mkdir()
    PartFile(tmp_path / "data" / "a", Identity("data/2")).close()
    places = TargetPaths(tmp_path)
    assert places.assign("data/2", ("data",), "a") == "data/a~2"
    assert places.assign("data/1", ("data",), "a") == "data/a"


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "data/../../x"])
def test_a_path_in_an_edited_log_leads_nowhere(tmp_path: Path, path: str):
    record(tmp_path, {"data/1": path})
    assert TargetPaths(tmp_path).assign("data/1", ("data",), "passwd") == "data/passwd"


@pytest.mark.parametrize("name", [LOG_NAME, "Downloads.LOG", "MD5SUMS", "md5sums"])
def test_nothing_of_the_server_stands_where_our_log_is(tmp_path: Path, name: str):
    places = TargetPaths(tmp_path)
    assert same_name(places.assign("data/1", (), name)) not in (LOG_NAME, "md5sums")
    assert same_name(places.assign("data/2", (name, "s"), "a").split("/")[0]) not in (
        LOG_NAME,
        "md5sums",
    )
    assert places.assign("data/3", ("data",), name) == f"data/{name}"


def test_the_log_and_the_journals_are_read_where_they_are_damaged(tmp_path: Path):
    record(tmp_path, {"data/1": "data/a"})
    with (tmp_path / LOG_NAME).open("a") as stream:
        stream.write('{"status": "done", "key": 5, "path": []}\n[]\nnot json\n{"status": "do')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.part.journal").write_text("rubbish\n")
    places = TargetPaths(tmp_path)
    assert places.assign("data/2", ("data",), "a") == "data/a~2"
    assert places.assign("data/3", ("data",), "b") == "data/b"


def remote(n: int, name: str, *, sample: str = "a", fileset: str = "") -> RemoteFile:
    return RemoteFile(
        f"data/{n}", name, f"/d/{n}", ("P", "liver"), belongs_to=f"sample/{sample}", fileset=fileset
    )


def test_a_second_sample_of_one_name_has_a_folder_of_its_own(tmp_path: Path):
    places = TargetPaths(tmp_path)
    first = places.assign_all([remote(1, "R1"), remote(2, "R2")])
    second = places.assign_all([remote(3, "R1", sample="b"), remote(4, "R2", sample="b")])
    assert list(first.values()) == ["P/liver/R1", "P/liver/R2"]
    assert list(second.values()) == ["P/liver~2/R1", "P/liver~2/R2"]
    assert places.assign_all([remote(5, "R3"), remote(6, "R3", sample="b")]) == {
        "data/5": "P/liver/R3",
        "data/6": "P/liver~2/R3",
    }


@given(st.permutations(range(8)))
def test_sets_of_files_of_the_same_names_are_numbered_together(order):
    wanted = [
        remote(id_ * 10 + mate, f"x_R{mate}.gz", fileset=str(id_))
        for id_ in (1, 2, 3, 4)
        for mate in (1, 2)
    ]
    places = TargetPaths(Path("/nowhere"))
    paths: dict[str, str] = {}
    for n in order:  # one by one, as pieces of a batch may come
        paths |= places.assign_all([wanted[n]])
    assert len(set(paths.values())) == 8
    for id_ in (1, 2, 3, 4):
        first, second = (paths[f"data/{id_ * 10 + mate}"] for mate in (1, 2))
        assert first.replace("R1", "R2") == second


def test_the_unfinished_file_of_another_sample_keeps_its_folder(tmp_path: Path):
    """A run that was killed left no log: only the journal says whose it is."""
    folder = tmp_path / "P" / "liver"
    folder.mkdir(parents=True)
    target = folder / "R1"
    part = PartFile(target, Identity(key="data/3"))
    part.write(0, b"x" * 100)
    part.close()
    places = TargetPaths(tmp_path)
    mine = places.assign_all([remote(1, "R1"), remote(2, "R2")])
    assert set(mine.values()) == {"P/liver~2/R1", "P/liver~2/R2"}
    theirs = places.assign_all([remote(3, "R1", sample="b"), remote(4, "R2", sample="b")])
    assert set(theirs.values()) == {"P/liver/R1", "P/liver/R2"}


@pytest.mark.parametrize(
    "more",
    [
        {"folder": ("run",)},
        {"folder": ("samples", "liver"), "belongs_to": "sample/{}"},
        {"folder": ("run",), "fileset": "set {}"},
    ],
    ids=["files", "samples", "sets of files"],
)
def test_the_work_for_many_of_one_name_grows_with_their_number_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
):
    """6,000 files of one name took 97 s: each tried the numbers of all before it."""
    tried = 0

    def counting(name: str, number: int) -> str:
        nonlocal tried
        tried += 1
        return numbered(name, number)

    monkeypatch.setattr(paths_module, "numbered", counting)
    count = 300
    files = [
        RemoteFile(
            key=f"data/{n}",
            filename="reads.fastq.gz",
            url="",
            **{k: v.format(n) if isinstance(v, str) else v for k, v in more.items()},
        )
        for n in range(count)
    ]
    given = TargetPaths(tmp_path).assign_all(files)
    assert len(set(given.values())) == count
    assert tried <= 3 * count
