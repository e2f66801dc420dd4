"""Outputs go below their run and process, but what is here already stays where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowtui.flow.remote_file import Origin, RemoteFile
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.identity import Identity

RUN = "RNA-Seq_mad_cat_90"


def output(
    id_: str,
    name: str = "versions.yml",
    *,
    folder: tuple[str, ...] = ("Mice", "liver"),
    process: str = "FASTQC (liver)",
    belongs_to: str = "sample/1",
) -> RemoteFile:
    return RemoteFile(
        key=f"data/{id_}",
        filename=name,
        url=f"/downloads/{id_}/{name}",
        folder=folder,
        belongs_to=belongs_to if folder != ("executions", "90") else "",
        within=(RUN, process),
        origin=Origin(execution="90", run="mad_cat", pipeline="RNA-Seq", process=process),
    )


def place(root: Path, *files: RemoteFile) -> list[str]:
    paths = TargetPaths(root).assign_all(files)
    return [paths[file.key] for file in files]


def here(root: Path, path: str, key: str) -> None:
    """A file that an earlier version fetched and wrote into its log."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(b"x")
    entry = downloads_log.LogEntry(key, key[5:], "versions.yml", 1, path, None, "size", 0.1, "done")
    downloads_log.append(root, [entry])


def begun(root: Path, path: str, key: str) -> None:
    """An unfinished file beside its place."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    PartFile(root / path, Identity(key)).close()


def test_files_of_one_name_lie_in_their_processes_and_none_has_a_number(tmp_path: Path) -> None:
    files = [output("1"), output("2", process="FASTQC (kidney)"), output("3", "a.html")]
    assert place(tmp_path, *files) == [
        f"Mice/liver/{RUN}/FASTQC (liver)/versions.yml",
        f"Mice/liver/{RUN}/FASTQC (kidney)/versions.yml",
        f"Mice/liver/{RUN}/FASTQC (liver)/a.html",
    ]


def test_a_second_sample_of_one_name_has_its_outputs_in_its_own_folder(tmp_path: Path) -> None:
    first, second = output("1"), output("2", belongs_to="sample/2")
    paths = place(tmp_path, first, second)
    assert paths == [
        f"Mice/liver/{RUN}/FASTQC (liver)/versions.yml",
        f"Mice/liver~2/{RUN}/FASTQC (liver)/versions.yml",
    ]


@pytest.mark.parametrize(
    ("folder", "earlier"),
    [
        (("Mice", "liver"), "Mice/liver/versions~7.yml"),
        (("Mice", "liver"), "Mice/executions/90/FASTQC/versions.yml"),
        (("Mice",), "Mice/executions/90/FASTQC/versions~2.yml"),
        (("executions", "90"), "executions/90/FASTQC/versions.yml"),
        (("samples", "liver"), "samples/liver/versions~3.yml"),
    ],
)
def test_what_an_earlier_version_put_elsewhere_is_found_there(
    tmp_path: Path, folder: tuple[str, ...], earlier: str
) -> None:
    file = output("1", folder=folder)
    here(tmp_path, earlier, file.key)
    assert place(tmp_path, file) == [earlier]


@pytest.mark.parametrize(
    ("folder", "earlier"),
    [
        (("Mice", "liver"), "Mice/liver/versions~7.yml"),
        (("Mice",), "Mice/executions/90/FASTQC/versions.yml"),
        (("executions", "90"), "executions/90/FASTQC/versions~2.yml"),
    ],
)
def test_what_an_earlier_version_began_elsewhere_goes_on_there(
    tmp_path: Path, folder: tuple[str, ...], earlier: str
) -> None:
    file = output("1", folder=folder)
    begun(tmp_path, earlier, file.key)
    assert place(tmp_path, file) == [earlier]


def test_what_is_no_longer_at_its_earlier_place_goes_to_the_new_one(tmp_path: Path) -> None:
    file = output("1")
    here(tmp_path, "Mice/liver/versions~7.yml", file.key)
    (tmp_path / "Mice/liver/versions~7.yml").unlink()
    assert place(tmp_path, file) == [f"Mice/liver/{RUN}/FASTQC (liver)/versions.yml"]


def test_the_same_file_of_another_project_is_no_reason_to_go_without(tmp_path: Path) -> None:
    """It was fetched into both; each keeps its own, whichever was the last."""
    file, other = output("1"), output("1", folder=("Rats", "liver"))
    here(tmp_path, "Mice/liver/versions~7.yml", file.key)
    here(tmp_path, "Rats/liver/versions~4.yml", file.key)
    assert place(tmp_path, file) == ["Mice/liver/versions~7.yml"]
    assert place(tmp_path, other) == ["Rats/liver/versions~4.yml"]
    third = output("1", folder=("Cats", "liver"))
    assert place(tmp_path, third) == [f"Cats/liver/{RUN}/FASTQC (liver)/versions.yml"]


def test_a_sample_or_run_that_is_renamed_on_flow_keeps_what_is_here(tmp_path: Path) -> None:
    first = place(tmp_path, output("1"))[0]
    here(tmp_path, first, "data/1")
    assert place(tmp_path, output("1", folder=("Mice", "Liver 1"))) == [first]


def test_a_foreign_file_gives_the_output_another_name_beside_it(tmp_path: Path) -> None:
    file = output("1")
    paths = TargetPaths(tmp_path)
    path = paths.assign_all([file])[file.key]
    paths.release(path, file.key)
    again = paths.assign(
        file.key, file.folder, file.filename, after=1, belongs_to=file.belongs_to,
        within=file.within, execution="90",
    )  # fmt: skip
    assert again == f"Mice/liver/{RUN}/FASTQC (liver)/versions~2.yml"


def test_names_of_runs_and_processes_lead_nowhere_else(tmp_path: Path) -> None:
    file = output("1", folder=("Mice",), process="../../etc")
    (path,) = place(tmp_path, file)
    assert path == f"Mice/{RUN}/.._.._etc/versions.yml"


def test_an_edited_log_leads_nowhere_else(tmp_path: Path) -> None:
    root = tmp_path / "to"
    file = output("1")
    here(root, "Mice/../../versions.yml", file.key)
    assert place(root, file) == [f"Mice/liver/{RUN}/FASTQC (liver)/versions.yml"]
