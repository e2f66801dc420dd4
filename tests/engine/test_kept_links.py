"""Signed links: what is kept of them on the disk, and how a later engine gets on without."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowtui.engine.queue.links import kept_link
from flowtui.text.redaction import forget_known, know
from support.fault_server import FaultServer, File
from support.lab import content
from support.services import FakeClient, batch, engine, remote, rows
from support.waiting import until

DATA = content(50_000)
SIGNED = "/bucket/a.bin?X-Amz-Date=1&X-Amz-Signature=5160ed5160ed"


@pytest.mark.parametrize(
    ("url", "data_id", "kept"),
    [
        ("/downloads/1/a.bin", "1", "/downloads/1/a.bin"),
        ("/downloads/1/a.bin?download=1", "1", "/downloads/1/a.bin?download=1"),
        (f"https://s3.example{SIGNED}", "1", ""),
        (f"https://s3.example{SIGNED}", None, f"https://s3.example{SIGNED}"),  # no other way to it
        ("/downloads/1/a.bin?t=our-own-token", "1", ""),
        ("/executions/1/a.bin?t=our-own-token", None, "/executions/1/a.bin?t=[removed]"),
    ],
)
def test_what_is_kept_of_a_link(url: str, data_id: str | None, kept: str):
    know("our-own-token")
    assert kept_link(url, data_id) == kept
    forget_known()


def test_no_file_of_ours_has_the_signature_and_the_next_engine_asks_for_a_link(tmp_path: Path):
    with FaultServer() as server:
        client = FakeClient(server.url)
        file = remote(server, "1", "a.bin", url=SIGNED, size=len(DATA))
        database = tmp_path / "state" / "queue.db"
        database.parent.mkdir()
        first = engine(client, database=database)
        first.add(batch(server, tmp_path / "to", file))
        until(lambda: rows(first)[0].state == "failed")  # nothing is there yet
        # What stands there now is what an engine that is killed leaves behind.
        kept = b"".join(path.read_bytes() for path in database.parent.iterdir())
        first.stop()
        kept += b"".join(path.read_bytes() for path in database.parent.iterdir())
        assert b"a.bin" in kept
        assert b"/bucket/a.bin" not in kept
        assert b"5160ed" not in kept
        server.files[SIGNED] = File(DATA)
        client.fresh_urls["1"] = SIGNED
        again = engine(client, database=database)
        again.retry(None)
        until(lambda: rows(again)[0].state == "done")
        again.stop()
        assert client.links_given == 1
        assert (tmp_path / "to" / "data" / "a.bin").read_bytes() == DATA
