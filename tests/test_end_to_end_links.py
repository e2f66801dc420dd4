"""Links of all the forms that people copy name the same file (docs/flow-api.md, References)."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowtui.demo.serve import DemoServer
from support.shell import Shell


@pytest.mark.parametrize(
    "link",
    [
        "{host}/api/downloads/{id}/{name}",
        "{host}/files/downloads/{id}/{name}",
        "{host}/downloads/{id}/{name}",
        "https://app.flow.bio/files/downloads/{id}/{name}",
        "https://files.flow.bio/downloads/{id}/{name}",
        "https://api.flow.bio/downloads/{id}/{name}",
        "{host}/data/{id}/",
    ],
)
def test_a_copied_link_brings_its_file(tmp_path: Path, link: str) -> None:
    with DemoServer("live") as server:
        shell = Shell(tmp_path, server.base_url)
        file = server.service.catalogue.files["789"]
        host = server.base_url.removesuffix("/api")
        done = shell.run(
            "get", link.format(host=host, id=file.id, name=file.filename), "--to", str(shell.to),
            status=None,
        )  # fmt: skip
        if link.startswith("{host}"):
            assert done.returncode == 0, done.stderr
            assert (shell.to / "data" / file.filename).stat().st_size == file.size
        else:  # another server's
            assert done.returncode == 2 and "is not a link to 127.0.0.1" in done.stderr
