"""Data that are folders: no list says so, and they come as a ZIP from another name."""

from __future__ import annotations

import io
import zipfile
from typing import cast

import pytest

from flowtui.flow.client import FlowClient
from flowtui.flow.http.http_client import make_client
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import PermanentError
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
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
    lab.expect("done", data=FOLDER, verified_by="length and zip check")


def test_a_folder_that_is_broken_inside_is_not_kept_as_verified(lab: Lab, folder: File) -> None:
    folder.content = FOLDER[:1000] + bytes([FOLDER[1000] ^ 1]) + FOLDER[1001:]
    lab.fetch(size=None, md5=None)
    lab.expect("failed", code="DAMAGED", says="broken zip archive")


def test_what_is_no_folder_either_has_its_own_link_again(lab: Lab) -> None:
    lab.serve(b"", name="nothing", always=answer(404))
    link = f"{lab.path}?sign=x.zip"
    with make_client() as http:
        source = RemoteSource(
            http,
            cast(FlowClient, lab.client),
            key="data/1",
            url=link,
            filename="nothing",
            data_id="1",
            stop=StopSignal(),
        )
        with pytest.raises(PermanentError, match="not found"):
            source.open(0, None, Identity("data/1"))
    assert source.link.url == link
    asked = [one.path for one in lab.server.requests]
    assert asked == [link, f"{lab.path}.zip?sign=x.zip"]


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
