"""Data that are folders: no list says so, and they come as a ZIP from another name."""

from __future__ import annotations

import io
import zipfile

import pytest

from support.fault_server import File, answer, cut_after
from support.lab import Lab


def packed() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("index/hash.bin", bytes(range(256)) * 1000)
    return body.getvalue()


FOLDER = packed()


@pytest.fixture
def folder(lab: Lab) -> File:
    """Nothing at the name of the folder, and its ZIP beside it."""
    lab.serve(b"", name="star_index", always=answer(404))
    file = lab.server.files[f"{lab.path}.zip"] = File(FOLDER)
    return file


def test_a_folder_is_saved_as_the_zip_that_flow_keeps_of_it(lab: Lab, folder: File) -> None:
    row = lab.fetch(size=len(FOLDER), md5=folder.md5)
    assert row.path == "data/star_index.zip"
    lab.expect("done", verified_by="md5", data=FOLDER, requests=1)
    assert not lab.target.exists()


def test_without_size_and_md5_its_own_checksums_speak_for_it(lab: Lab, folder: File) -> None:
    lab.fetch(size=None, md5=None)
    lab.expect("done", data=FOLDER)


def test_a_second_run_finds_it(lab: Lab, folder: File) -> None:
    lab.fetch(size=len(FOLDER), md5=folder.md5)
    asked = len(lab.server.requests)
    row = lab.fetch(size=len(FOLDER), md5=folder.md5)
    assert (row.state, row.path) == ("skipped", "data/star_index.zip")
    assert len(lab.server.requests) == asked


def test_a_cut_folder_is_resumed(lab: Lab, folder: File) -> None:
    folder.handlers.append(cut_after(100_000))
    lab.fetch(size=len(FOLDER), md5=folder.md5)
    lab.expect("done", data=FOLDER)
    ranges = [one.range and one.range[0] for one in lab.server.of(f"{lab.path}.zip")]
    assert ranges == [None, 100_000]


def test_what_is_neither_file_nor_folder_is_not_found(lab: Lab) -> None:
    lab.serve(b"", name="nothing", always=answer(404))
    lab.fetch()
    lab.expect("failed", code="NOT_FOUND")


def test_something_else_in_its_place_is_no_folder(lab: Lab, folder: File) -> None:
    lab.server.files[f"{lab.path}.zip"] = File(b"not a zip at all" * 100)
    lab.fetch(size=None, md5=None)
    lab.expect("failed", code="NOT_FOUND", says="not the ZIP of a folder")
