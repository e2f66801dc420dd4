"""Files that change on the server between two tries."""

from __future__ import annotations

import gzip

import pytest

from support.fault_server import File, cut_after
from support.lab import Lab, content

OLD, NEW = content(1_000_000, 1), content(1_000_000, 2)
WITH_KEPT_CONNECTIONS = True

LONGER = content(1_200_000, 3)


def change(to: bytes, **how):
    """Serve another content from this request on."""

    async def handle(exchange):
        file: File = exchange.file
        file.content = to
        for name, value in how.items():
            setattr(file, name, value)
        await exchange.serve()

    return handle


@pytest.mark.parametrize("honours", [True, False], ids=["If-Range honoured", "ignored"])
def test_another_etag_means_another_file(lab: Lab, honours: bool):
    file = lab.serve(OLD, etag='"old"', honours_if_range=honours, rate=4e6)
    file.handlers = [cut_after(600_000), change(NEW, etag='"new"')]
    lab.fetch(md5=None)
    lab.expect("done", data=NEW, heard="the file on Flow has changed")
    assert lab.requests[1].headers["if-range"] == '"old"'
    assert len(lab.requests) <= 3


@pytest.mark.parametrize("honours", [True, False], ids=["If-Range honoured", "ignored"])
def test_another_last_modified_means_another_file(lab: Lab, honours: bool):
    first, then = "Mon, 02 Jun 2025 10:00:00 GMT", "Tue, 03 Jun 2025 10:00:00 GMT"
    file = lab.serve(OLD, etag=None, modified=first, honours_if_range=honours)
    file.handlers = [cut_after(600_000), change(NEW, modified=then)]
    lab.fetch(md5=None)
    lab.expect("done", data=NEW)
    assert lab.requests[1].headers["if-range"] == first


def test_a_weak_etag_is_not_sent_as_if_range(lab: Lab):
    lab.serve(OLD, etag='W/"v1"', handlers=[cut_after(600_000)])
    lab.fetch()
    lab.expect("done", requests=2, twice=0)
    assert "if-range" not in lab.requests[1].headers


def test_another_weak_etag_means_another_file(lab: Lab):
    file = lab.serve(OLD, etag='W/"v1"')
    file.handlers = [cut_after(600_000), change(NEW, etag='W/"v2"')]
    lab.fetch(md5=None)
    lab.expect("done", data=NEW)


def test_with_a_weak_etag_the_date_is_what_is_sent(lab: Lab):
    date = "Mon, 02 Jun 2025 10:00:00 GMT"
    lab.serve(OLD, etag='W/"v1"', modified=date, handlers=[cut_after(600_000)])
    lab.fetch()
    lab.expect("done", requests=2, twice=0)
    assert lab.requests[1].headers["if-range"] == date


def test_without_any_validator_another_size_means_another_file(lab: Lab):
    file = lab.serve(OLD, etag=None)
    file.handlers = [cut_after(600_000), change(LONGER)]
    lab.fetch(md5=None, size=None)
    lab.expect("done", data=LONGER)


def test_without_any_validator_the_md5_finds_the_mixture(lab: Lab):
    """Half of the old file and half of the new one: nothing but the md5 can tell."""
    file = lab.serve(OLD, etag=None)
    file.handlers = [cut_after(600_000), change(NEW)]
    lab.fetch(md5=File(NEW).md5)
    lab.expect("done", data=NEW, verified_by="md5")


def test_a_change_between_two_engines_is_noticed(lab: Lab):
    lab.serve(OLD, etag='"old"', rate=1e6, held=-1)
    lab.start(md5=None)
    lab.until(lambda row: row.done > 300_000)
    lab.stop()
    lab.file.content, lab.file.etag, lab.file.rate = NEW, '"new"', 0
    lab.fetch(md5=None)
    lab.expect("done", data=NEW)


def test_another_md5_on_flow_means_another_file_before_a_byte_is_asked_for(lab: Lab):
    lab.serve(OLD, etag=None, rate=1e6, held=-1)
    lab.start()
    lab.until(lambda row: row.done > 300_000)
    lab.stop()
    before = len(lab.requests)
    lab.file.content, lab.file.rate = NEW, 0
    lab.fetch()
    lab.expect("done", data=NEW)
    assert lab.requests[before].range is None


def test_a_file_that_changes_with_every_try_is_given_up(lab: Lab):
    file = lab.serve(OLD, etag='"0"')
    version = [0]

    async def always_new(exchange):
        version[0] += 1
        file.etag = f'"{version[0]}"'
        await cut_after(300_000)(exchange)

    file.always = always_new
    lab.fetch(md5=None)
    lab.expect("failed", code="CHANGED", says="has changed", part=True)


def test_without_validator_and_md5_no_mixture_is_called_the_file(lab: Lab):
    """Nothing tells the other content: it has to come whole, and is compared with what is here."""
    file = lab.serve(OLD, etag=None)
    file.handlers = [cut_after(600_000), change(NEW)]
    lab.fetch(md5=None)
    lab.expect("done", data=NEW, verified_by="size", heard="starting over")
    assert lab.requests[1].range is None


def test_nor_is_one_of_what_an_earlier_engine_left(lab: Lab):
    lab.serve(OLD, etag=None, rate=1e6, held=-1)
    lab.start(md5=None)
    lab.until(lambda row: row.done > 400_000)
    lab.stop()
    lab.file.content, lab.file.rate = NEW, 0
    lab.fetch(md5=None)
    lab.expect("done", data=NEW, verified_by="size")


def test_without_validator_and_md5_the_same_file_is_gone_on_with_where_it_compares(lab: Lab):
    file = lab.serve(OLD, etag=None)
    file.handlers = [cut_after(600_000)]
    lab.fetch(md5=None)
    lab.expect("done", requests=2, heard="nothing tells whether the server has the same file")
    assert "starting over" not in " ".join(lab.reasons)


def test_a_server_that_forgets_its_validators_is_not_believed(lab: Lab):
    """It answered with a part, though it cannot know what If-Range asked of it."""
    file = lab.serve(OLD, etag='"v1"', honours_if_range=False)
    file.handlers = [cut_after(600_000), change(NEW, etag=None)]
    lab.fetch(md5=None)
    lab.expect("done", data=NEW)


def test_without_validator_and_md5_one_connection_brings_all(lab: Lab):
    """Each of several might be of another content."""
    lab.connections = 8
    lab.serve(content(12_000_000), etag=None, rate=20e6)
    lab.fetch(md5=None)
    lab.expect("done", requests=1)


def test_a_file_with_checksums_inside_may_come_in_parts(lab: Lab):
    """They tell a mixture, when all of it is here."""
    data = gzip.compress(content(1_000_000), 0)
    lab.serve(data, name="a.fastq.gz", etag=None, handlers=[cut_after(600_000)])
    lab.fetch(md5=None)
    lab.expect("done", requests=2, twice=0, verified_by="size and gzip check")
