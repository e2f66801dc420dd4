"""What an older flowtui left (`data/older_version`), and a Flow that has its files and its jobs.

The bytes of files are those of a seed, so that the server and what is on the disk agree. Names,
hashes and ids are worked out here as the older version did it, not by the code that is tested: what
is on people's disks does not change with the code.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from flowtui.config import folders
from flowtui.demo.bulk import Job
from flowtui.demo.byte_source import Content, Joined
from flowtui.demo.catalogue import Catalogue, File, Project, Sample, User
from flowtui.demo.serve import DemoServer
from support import forked

DATA = Path(__file__).parents[1] / "data" / "older_version"

ELSEWHERE = "node7 9f0d2c6e-0000-4000-8000-3f6a0c1b2d4e"
"""A host and its boot that this one is not."""

LONG_AGO = 1_577_836_800
"""2020-01-01, Unix seconds."""

OLD_TEXTS = (".journal", ".log", ".jsonl", ".toml", ".json", ".lock")


def this_boot() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()} {boot}"


@cache
def known() -> dict[str, Any]:
    """`files.json`, `archives.json` and `parts.json`."""
    return {
        name: json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("files", "archives", "parts")
    }


def file_of(id_: str) -> dict[str, Any]:
    return next(one for one in known()["files"]["files"] if one["id"] == id_)


@cache
def content(id_: str) -> bytes:
    """The bytes of a file or of an archive."""
    job = known()["archives"]["jobs"].get(id_)
    if job is None:
        return random.Random(int(id_)).randbytes(file_of(id_)["size"])
    return b"".join(
        base64.b64decode(what) if kind == "bytes" else content(what) for kind, what in job["pieces"]
    )


# Flow


class OldFile(File):
    """A file with the entity tag that it had."""

    @property
    def etag(self) -> str:
        return str(file_of(self.id)["etag"])


def _catalogue() -> Catalogue:
    demo = User("1", "demo", "Dana Demo", "demo@example.org", password="demo")
    made = Catalogue([demo])
    project = made.add_project(Project("12", "Compatibility", "", 1_767_139_200, demo))
    for id_, name in known()["files"]["samples"].items():
        made.add_sample(Sample(id_, name, project.created, project, "RNA-Seq", "Hs", {}))
    for one in known()["files"]["files"]:
        make = partial(Content, content(one["id"]))
        file = OldFile(one["id"], one["name"], make, one["created"], project,
                       made.samples[one["sample"]], refused=one.get("refused"))  # fmt: skip
        made.add_file(file)
    return made


def _with_jobs(server: DemoServer) -> None:
    """Have the server know the bulk jobs that the older version asked for, all completed now."""
    catalogue = server.service.catalogue
    for number, (id_, one) in enumerate(known()["archives"]["jobs"].items()):
        files = [catalogue.files[file] for file in one["files"]]
        job = Job(id_, number, one["name"], catalogue.users["demo"], files)
        job.source, job.etag, job.created = Joined([content(id_)]), one["etag"], one["created"]
        job.prepared = time.monotonic()
        server.bulk._jobs[id_] = job


@contextmanager
def flow(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """The Flow of that time, in a thread; the file that was broken is well now."""
    monkeypatch.setattr("flowtui.demo.app.build", _catalogue)
    with DemoServer(job_seconds=0, token_seconds=7200) as server:
        server.service.catalogue.files["106"].refused = None
        _with_jobs(server)
        yield server


def asked_for(server: DemoServer, id_: str, size: int) -> list[tuple[int, int]]:
    """The ranges of a file's or an archive's bytes that were asked for, and answered well."""
    found = []
    for one in server.requests:
        if one.path.startswith(f"/api/downloads/{id_}/") and one.status in (200, 206):
            given = re.fullmatch(r"bytes=(\d+)-(\d*)", one.range or "bytes=0-")
            assert given is not None, one
            found.append((int(given[1]), int(given[2]) + 1 if given[2] else size))
    return found


def posts(server: DemoServer) -> int:
    """How many bulk jobs were asked for."""
    return sum(one.method == "POST" and one.path == "/api/downloads" for one in server.requests)


def looks(server: DemoServer, job_id: str) -> int:
    """How often a bulk job's state was asked for."""
    return sum(one.path == f"/api/downloads/{job_id}" for one in server.requests)


# The disk


class OldFolders:
    """`home`, `to` and `get` as the older version left them, for this host and these servers.

    Attributes:
        boot: what the journals have as host and boot. `same_boot`: whether it is this one.
        rows, jobs: the transfers and bulk jobs of the database, as key or name → column → value.
    """

    def __init__(
        self,
        root: Path,
        server: DemoServer,
        other: DemoServer,
        monkeypatch: pytest.MonkeyPatch,
        *,
        same_boot: bool = True,
    ) -> None:
        self.root, self.server, self.other = root, server, other
        self.home, self.to, self.got = root / "home", root / "to", root / "get"
        self.same_boot = same_boot
        self.boot = this_boot() if same_boot else ELSEWHERE
        for name in os.environ:
            if name.startswith(("FLOW_", "FLOWTUI_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("FLOWTUI_HOME", str(self.home))
        monkeypatch.setenv("HOME", str(root))
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        self.where = folders()
        _, token, refresh = server.service.accounts.sign_in("demo", "demo")
        self._texts = {
            "@ROOT@": str(root), "@SERVER@": server.base_url, "@OTHER@": other.base_url,
            "@TOKEN@": token, "@REFRESH@": refresh, "@HOST@": self.where.state.name,
            "@BOOT@": self.boot, "@SOCKET@": str(root / "gone" / "engine.sock"),
        }  # fmt: skip
        for mark, ids in known()["archives"]["contents"].items():
            text = "\n".join([server.base_url, *sorted(ids)])
            self._texts[mark] = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._fill()
        assert self.where.database.is_file(), "the state is looked for elsewhere than it was"
        self.rows, self.jobs = self._read_database()

    def text(self, given: str) -> str:
        """A text with the values of its placeholders."""
        for mark, value in self._texts.items():
            given = given.replace(mark, value)
        return given

    def _fill(self) -> None:
        for path in sorted(DATA.rglob("*")):
            relative = path.relative_to(DATA)
            if not path.is_file() or relative.parts[0] not in ("home", "to", "get"):
                continue
            target = self.root / self.text(str(relative))
            target.parent.mkdir(parents=True, exist_ok=True)
            text = self.text(path.read_text(encoding="utf-8"))
            if path.name == "queue.db.sql":
                database = sqlite3.connect(target.with_suffix(""))
                database.executescript(text)
                database.close()
            else:
                assert path.suffix in OLD_TEXTS, path
                target.write_text(text, encoding="utf-8")
                target.chmod(0o600 if relative.parts[0] == "home" else 0o644)
        for name, recipe in known()["parts"].items():
            target = self.root / self.text(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            whole, here = content(recipe["of"]), bytearray(recipe["size"])
            for start, end in recipe["ranges"]:
                here[start:end] = whole[start:end]
            target.write_bytes(here)
            os.utime(target, (LONG_AGO, LONG_AGO))  # before what its log says of it

    def _read_database(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        database = sqlite3.connect(f"{self.where.database.as_uri()}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        transfers = [dict(one) for one in database.execute("SELECT * FROM transfers")]
        jobs = [dict(one) for one in database.execute("SELECT * FROM bulk_jobs")]
        database.close()
        return {one["key"]: one for one in transfers}, {one["name"]: one for one in jobs}

    def gaps(self, target: Path, size: int) -> list[tuple[int, int]]:
        """The ranges of a file that are not to be believed here, by part file and journal."""
        part = target.with_name(target.name + ".part")
        journal = target.with_name(target.name + ".part.journal")
        if not part.exists() or not journal.exists():
            return [(0, size)]
        spans = []
        for line in journal.read_text(encoding="utf-8").splitlines()[1:]:
            entry = json.loads(line)
            spans += entry.get("f", [])
            if self.same_boot and "w" in entry:
                spans.append(entry["w"])
        found, at = [], 0
        for start, end in sorted((a, min(b, part.stat().st_size)) for a, b in spans):
            if start > at:
                found.append((at, start))
            at = max(at, end)
        return [*found, (at, size)] if at < size else found

    def run(self, *args: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """flowtui as a process, signed in by what the older version left."""
        done = forked.run(args, dict(os.environ))
        assert done.returncode == status, (args, done.stdout[-3000:], done.stderr[-3000:])
        assert "Traceback" not in done.stderr
        return done

    def events(self, *args: str, status: int = 0) -> list[dict[str, Any]]:
        """The events of a command that is run with `--json`."""
        done = self.run(*args, "--json", status=status)
        return [json.loads(line) for line in done.stdout.splitlines()]


def log_of(root: Path) -> list[dict[str, Any]]:
    """The lines of downloads.log."""
    text = (root / "downloads.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def leftovers(root: Path) -> list[str]:
    """Part files, journals and notes."""
    return sorted(
        str(one.relative_to(root))
        for one in root.rglob("*")
        if one.name.endswith((".part", ".journal", ".jsonl", ".lock"))
    )
