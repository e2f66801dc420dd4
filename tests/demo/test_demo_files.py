"""Downloads: the bytes, their checksums, ranges and refusals."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from functools import cache
from urllib.parse import quote

import httpx
import pytest

from flowtui.demo.byte_source import read
from flowtui.demo.catalogue import File
from flowtui.demo.projects import build
from flowtui.demo.sample_data import GUIDE_OUTPUTS, ODD_NAMES
from flowtui.demo.serve import DemoServer

ALL = build()


def url(id: str) -> str:
    return f"/downloads/{id}/{quote(ALL.files[id].filename, safe='')}"


def named(ending: str, most: int = 5_000_000) -> str:
    """The id of a file of demo's whose path ends so."""
    return next(
        file.id
        for file in ALL.files.values()
        if file.path.endswith(ending) and file.project.owner.username == "demo"
        and 0 < file.size < most
    )  # fmt: skip


@cache
def big() -> File:
    """The largest file. To make all of them takes a second, so not when tests are collected."""
    return max(ALL.files.values(), key=lambda file: file.size)


@pytest.mark.parametrize("ending", ["R1.fastq.gz", "R2.fastq.gz", ".bam", ".bai", ".vcf.gz",
                                    ".html", ".gene_counts.tsv", ".txt"])  # fmt: skip
def test_size_and_md5_are_those_of_the_bytes(client: httpx.Client, ending: str) -> None:
    record = client.get(f"/data/{named(ending)}").json()
    content = client.get(record["download_url"]).content
    assert len(content) == record["size"]
    assert hashlib.md5(content).hexdigest() == record["md5"]


def test_a_big_file_by_ranges_has_its_md5(client: httpx.Client) -> None:
    record = client.get(f"/data/{big().id}").json()
    assert record["size"] > 300_000_000
    digest, at = hashlib.md5(), 0
    while at < record["size"]:
        stop = min(at + 70_000_001, record["size"])
        answer = client.get(url(big().id), headers={"Range": f"bytes={at}-{stop - 1}"})
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {at}-{stop - 1}/{record['size']}"
        digest.update(answer.content)
        at = stop
    assert digest.hexdigest() == record["md5"]


def test_fastq_is_fastq_and_pairs_match(client: httpx.Client) -> None:
    names = []
    for id in ("789", "790"):
        lines = gzip.decompress(client.get(url(id)).content).split(b"\n")
        assert lines.pop() == b"" and len(lines) % 4 == 0
        for header, bases, plus, scores in zip(*(lines[i::4] for i in range(4)), strict=True):
            assert header.startswith(b"@") and plus == b"+" and len(bases) == len(scores) > 0
            assert not bases.strip(b"ACGT")
        names.append([line.split(b" ")[0] for line in lines[::4]])
    assert names[0][:-2] == names[1][:-2]


def test_bam_reads_to_its_end(client: httpx.Client) -> None:
    packed = client.get(url(named(".bam"))).content
    assert packed.endswith(
        bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    )
    at = 0
    while at < len(packed):  # each BGZF block says how long it is
        length = struct.unpack_from("<H", packed, at + 16)[0] + 1
        zlib.decompress(packed[at : at + length], 31)
        at += length
    data = gzip.decompress(packed)
    assert data[:4] == b"BAM\1"
    at = 8 + struct.unpack_from("<i", data, 4)[0]
    references = struct.unpack_from("<i", data, at)[0]
    at += 4
    for _ in range(references):
        at += 8 + struct.unpack_from("<i", data, at)[0]
    reads = 0
    while at < len(data):
        at += 4 + struct.unpack_from("<i", data, at)[0]
        reads += 1
    assert at == len(data) and reads > 1000


def test_vcf_is_sorted_text() -> None:
    lines = gzip.decompress(read(ALL.files[named(".vcf.gz")].content)).decode().splitlines()
    assert lines[0] == "##fileformat=VCFv4.2"
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert {len(row) for row in rows} == {10}
    first = [int(row[1]) for row in rows if row[0] == "chr1"]
    assert first == sorted(first)


def test_no_two_of_a_project_are_equal() -> None:
    files = ALL.projects["12"].files
    distinct = [file for file in files if not file.path.endswith(".bai")]
    assert len({file.content.md5 for file in distinct}) == len(distinct)


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=20000-", 20000, None),
     ("bytes=-7", -7, None), ("bytes=5-99999999", 5, None), ("BYTES=3-4", 3, 5)],
)  # fmt: skip
def test_a_range_is_206(client: httpx.Client, header: str, start: int, stop: int | None) -> None:
    whole = read(ALL.files["789"].content)
    answer = client.get(url("789"), headers={"Range": header})
    assert answer.status_code == 206
    assert answer.content == whole[start:stop]
    first = start % len(whole)
    last = first + len(answer.content) - 1
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(whole)}"
    assert answer.headers["Content-Length"] == str(len(answer.content))


@pytest.mark.parametrize("header", ["bytes=9-3", "lines=0-5", "bytes=0-1,5-6", "bytes=-", "x"])
def test_a_range_that_means_nothing_is_passed_over(client: httpx.Client, header: str) -> None:
    answer = client.get(url("789"), headers={"Range": header})
    assert answer.status_code == 200
    assert answer.content == read(ALL.files["789"].content)


def test_a_range_past_the_end_is_416(client: httpx.Client) -> None:
    size = ALL.files["789"].size
    answer = client.get(url("789"), headers={"Range": f"bytes={size}-"})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{size}"
    assert answer.content == b""


def test_if_range(client: httpx.Client) -> None:
    head = client.head(url("789")).headers
    for validator in (head["ETag"], head["Last-Modified"]):
        answer = client.get(url("789"), headers={"Range": "bytes=4-7", "If-Range": validator})
        assert answer.status_code == 206
    answer = client.get(url("789"), headers={"Range": "bytes=4-7", "If-Range": '"other"'})
    assert answer.status_code == 200
    assert len(answer.content) == ALL.files["789"].size


def test_head_tells_all_and_sends_nothing(client: httpx.Client) -> None:
    answer = client.head(url("789"), headers={"Range": "bytes=4-7"})
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["Content-Length"] == str(ALL.files["789"].size)
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"].startswith('"')


def test_an_empty_file(client: httpx.Client) -> None:
    id = next(file.id for file in ALL.files.values() if file.size == 0)
    assert client.get(url(id)).content == b""
    answer = client.get(url(id), headers={"Range": "bytes=0-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, "bytes */0")


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("forbidden", 403, "FORBIDDEN"), ("gone", 404, "NOT_FOUND"), ("expired", 410, "EXPIRED")],
)
def test_refusals(
    client: httpx.Client, live: httpx.Client, name: str, status: int, code: str
) -> None:
    file = next(file for file in ALL.files.values() if file.filename == f"{name}.fastq.gz")
    answer = client.get(url(file.id))
    assert answer.status_code == status
    assert (answer.json()["code"], answer.json()["status"]) == (code, status)
    answer = live.get(url(file.id))
    assert (answer.status_code, answer.content) == (404, b"")


def test_private_files_need_a_token_and_public_ones_do_not(
    server: DemoServer, client: httpx.Client
) -> None:
    public = next(file for file in ALL.files.values() if file.project.public)
    hidden = next(file for file in ALL.files.values() if "restricted" in file.project.name)
    assert httpx.get(server.base_url + url(public.id)).status_code == 200
    answer = httpx.get(server.base_url + url("789"))
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
    assert client.get(url(hidden.id)).status_code == 403
    bad = {"Authorization": "Bearer bad"}
    assert httpx.get(server.base_url + url(public.id), headers=bad).status_code == 401


def test_a_wrong_name_is_not_found(client: httpx.Client) -> None:
    assert client.get("/downloads/789/other.fastq.gz").status_code == 404


def test_files_of_an_execution_by_their_path(client: httpx.Client) -> None:
    outputs = {file.path: file for file in ALL.executions["456"].outputs}
    for path in GUIDE_OUTPUTS:
        answer = client.get(f"/executions/456/{path}")
        assert answer.status_code == 200
        assert hashlib.md5(answer.content).hexdigest() == outputs[path].content.md5
    assert client.get("/executions/456/no/such.tsv").status_code == 404


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_hostile_names_can_be_downloaded(client: httpx.Client, name: str) -> None:
    file = next(file for file in ALL.files.values() if file.filename == name)
    listed = client.get(f"/samples/{file.sample.id}/data").json()["data"][0]  # type: ignore[union-attr]
    assert listed["filename"] == name
    answer = client.get(listed["download_url"])
    assert answer.status_code == 200
    assert answer.content == read(file.content)


def test_a_slow_download_can_be_left(client: httpx.Client, server: DemoServer) -> None:
    server.service.rate = 2_000_000
    try:
        with client.stream("GET", url(big().id)) as answer:
            first = next(answer.iter_raw())
        assert first and len(first) < big().size
    finally:
        server.service.rate = 0
    assert client.get("/me").status_code == 200
