"""Makes the folders of an older flowtui that the tests of the newer one begin from.

What is beside this file was made by the code of commit 4bcebbf, with that checkout's own .venv:

    git worktree add --detach ../flowtui-old 4bcebbf
    make -C ../flowtui-old .venv/.dev
    ../flowtui-old/.venv/bin/python tests/data/older_version/make.py

It imports that commit's flowtui and no other, starts its demo server with files of its own, runs
its engine and its `get` as processes, and kills them with -9. Then it keeps what they left: text as
it is, with placeholders for what is another in every run, the database as SQL, and files of bytes
as a recipe (`files.json`, `parts.json`, `archives.json`), since their bytes are a seed's.

    @ROOT@     the folder that holds all: `home` (FLOWTUI_HOME), `to` and `get` (target folders)
    @SERVER@   the server, @OTHER@ one that nobody is signed in at; both with /api
    @TOKEN@, @REFRESH@    of the user `demo` at @SERVER@
    @HOST@     the folder of the state, named after the host
    @BOOT@     host and boot id, as the journals have them
    @SOCKET@   where the engine listened
    @CONTENT-1@   the short name of an archive; `archives.json` says of which files
"""

# ruff: noqa: I001  (the modules are those of the older version)

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMMIT = "4bcebbf"

SLOW = 300_000
"""Bytes a second of one download, while there is to be a middle."""

SAMPLES = {
    "31": "liver 1", "32": "liver 2", "33": "twins", "41": "ended", "42": "failing",
    "43": "expiring", "44": "cancelled", "45": "kept", "46": "unpacking", "47": "processing",
    "48": "waiting", "49": "fetching", "50": "unasked", "51": "script",
}  # fmt: skip

FILES: list[dict[str, Any]] = [
    {"id": id_, "sample": sample, "name": name, "size": size, **dict(more)}
    for id_, sample, name, size, *more in (
        ("101", "31", "done.bin", 1_500_000),
        ("102", "31", "done.txt", 60_000),
        ("103", "31", "here.txt", 80_000),
        ("104", "31", "forbidden.txt", 50_000, ("refused", 403)),
        ("105", "31", "gone.txt", 50_000, ("refused", 404)),
        ("106", "31", "broken.bin", 1_200_000, ("refused", 500)),
        ("107", "31", "cancelled.bin", 2_000_000),
        ("108", "31", "sign-in.txt", 40_000),
        ("109", "31", "got.txt", 70_000),
        ("110", "31", "no link.txt", 55_000),
        ("111", "32", "paused.bin", 3_000_000),
        ("112", "32", "paused.txt", 900_000),
        ("113", "32", "paused later.txt", 30_000),
        ("114", "32", "verifying.bin", 1_300_000),
        ("115", "32", "active 1.bin", 4_000_000),
        ("116", "32", "active 2.bin", 4_500_000),
        ("117", "32", "small.txt", 1_000_000),
        ("118", "32", "queued.bin", 1_400_000),
        ("119", "32", "naïf µ.txt", 20_000),
        ("120", "32", "odd.txt", 25_000),
        ("131", "33", "reads.txt", 61_000),
        ("132", "33", "reads.txt", 62_000),
        ("151", "51", "script.bin", 3_500_000),
        ("152", "51", "log.txt", 45_000),
        *((f"{sample}{n}", str(sample), f"{n}.txt", 20_000 + 1000 * n)
          for sample in (41, 42, 43, 44, 45, 47, 48, 50) for n in (1, 2)),
        *((f"46{n}", "46", f"{n}.txt", 90_000 + 1000 * n) for n in range(1, 7)),
        *((f"49{n}", "49", f"{n}.bin", 900_000 + 1000 * n) for n in range(1, 5)),
        *((f"53{n}", "51", f"{n}.bin", 800_000 + 1000 * n) for n in range(1, 5)),
    )
]  # fmt: skip


def content(id_: str) -> bytes:
    """The bytes of a file: those of a seed."""
    size = next(one["size"] for one in FILES if one["id"] == id_)
    return random.Random(int(id_)).randbytes(size)


# The engine, as a process that is held where it is to be killed


def engine() -> int:
    """Be the engine, but stop for ever in the verification of one file and in one archive."""
    from flowtui.engine import proof, unpack
    from flowtui.engine.process import run_background_engine

    for_ever = threading.Event()
    verified_by, write = proof.verified_by, unpack._Extraction._write
    lock, seen = threading.Lock(), [0]

    def hold(task: Any, *more: Any) -> Any:
        if task.filename == "verifying.bin":
            for_ever.wait()
        return verified_by(task, *more)

    def slowly(self: Any, one: Any, *more: Any) -> Any:
        if one.file.key.startswith("data/46"):
            with lock:
                seen[0] += 1
                if seen[0] == 3:
                    time.sleep(6)  # what came is saved with the next after five seconds
                if seen[0] == 5:
                    time.sleep(2)  # so this one is not
                if seen[0] == 6:
                    for_ever.wait()
        return write(self, one, *more)

    proof.verified_by = hold
    unpack._Extraction._write = slowly  # type: ignore[method-assign]
    return run_background_engine()


# Flow


def catalogue() -> Any:
    from flowtui.demo.sample_data import Builder
    from flowtui.demo.source import Content

    made = Builder()
    project = made.project("Compatibility", id="12")
    samples = {
        id_: made.sample(project, name, "rna_seq", "Hs", id=id_) for id_, name in SAMPLES.items()
    }
    for one in FILES:
        make = partial(Content, content(one["id"]))
        made.upload(
            samples[one["sample"]], one["name"], make, id=one["id"], refused=one.get("refused")
        )
    return made.all


class Flow:
    """The demo server, of which jobs can be held in a state."""

    def __init__(self) -> None:
        from flowtui.demo import app, files
        from flowtui.demo.serve import DemoServer
        from flowtui.demo.service import Refusal

        app.build = catalogue
        files._REFUSALS[500] = Refusal(500, "SERVER_ERROR", "The disk behind this file is broken")
        self.server = DemoServer(job_seconds=0.1, token_seconds=1e6)
        self.held: dict[str, str] = {}
        status = self.server.bulk._status
        self.server.bulk._status = lambda job: self.held.get(job.name) or status(job)  # type: ignore[method-assign]


def wait(what: Callable[[], Any], words: str, seconds: float = 120.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > deadline:
            raise SystemExit(f"it did not come about: {words}")
        time.sleep(0.02)
    print("so far:", words, flush=True)
    return found


class Old:
    """What the older version does below one folder."""

    def __init__(self, root: Path, flow: Flow, other: Flow) -> None:
        self.root = root
        self.flow, self.other = flow, other
        self.url, self.other_url = flow.server.base_url, other.server.base_url
        self.to, self.got = root / "to", root / "get"
        os.environ["FLOWTUI_HOME"] = str(root / "home")
        os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        for name in ("FLOW_API_URL", "FLOW_ACCESS_TOKEN", "FLOW_API_TOKEN"):
            os.environ.pop(name, None)
        from flowtui.config import folders

        self.where = folders()
        self.process: subprocess.Popen[bytes] | None = None

    def set_up(self) -> None:
        """Sign in, as `flowtui login` does, and leave the settings that it leaves."""
        from flowtui.config import private_folder, save_settings
        from flowtui.flow.credentials import Credential, CredentialStore, Source

        _, self.token, self.refresh = self.flow.server.service.accounts.sign_in("demo", "demo")
        private_folder(self.where.config)
        store = CredentialStore(self.where.config)
        store.keep(self.url, Credential(self.token, self.refresh, "demo"), Source.FILE)
        save_settings({
            "found_server": self.url, "download_dir": str(self.to), "connections": 1,
            "bulk_above": 150, "read_timeout": 20.0, "usernames": {self.url: "demo"},
        })  # fmt: skip

    def start(self) -> Any:
        from flowtui.engine.client import EngineClient, EngineTrouble

        self.process = subprocess.Popen([sys.executable, __file__, "--engine"])

        def client() -> Any:
            try:
                return EngineClient.connect(self.where, start=False)
            except EngineTrouble:
                return None

        self.client = wait(client, "an engine")
        return self.client

    def end(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait()

    def files(self, *ids: str, sample: str = "") -> tuple[Any, ...]:
        """The files as the client finds them on Flow."""
        from flowtui.flow.client import FlowClient
        from flowtui.flow.credentials import Credential
        from flowtui.flow.refs import parse_ref
        from flowtui.flow.walk import walk

        client = FlowClient(self.url, Credential(self.token))
        samples = dict.fromkeys(one["sample"] for one in FILES if one["id"] in ids)
        found = [
            file
            for ref in [*samples, *([sample] if sample else [])]
            for file in walk(client, parse_ref(f"sample/{ref}", client.server))
            if not ids or file.data_id in ids
        ]
        client.close()
        return tuple(found)

    def add(self, *files: Any, name: str = "test", server: str = "", **more: Any) -> Any:
        from flowtui.engine.protocol import Batch

        return self.client.add(Batch(server or self.url, str(self.to), name, files, **more))

    def row(self, id_: str) -> Any:
        return next(
            (o for o in self.client.status(rows=True).transfers if o.key == f"data/{id_}"), None
        )

    def is_so(self, id_: str, *states: str, more_than: int = -1) -> bool:
        row = self.row(id_)
        return row is not None and row.state in states and row.done > more_than

    def job(self, name: str) -> Any:
        return next((o for o in self.client.status(rows=True).bulk_jobs if o.name == name), None)

    def job_is(self, name: str, *states: str) -> bool:
        job = self.job(name)
        return job is not None and job.state in states

    def pause(self, id_: str) -> None:
        self.client.pause([self.row(id_).id])
        wait(lambda: self.is_so(id_, "paused"), f"{id_} is paused")

    def get(self, *args: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "flowtui", "get", *args], stderr=subprocess.DEVNULL
        )


def journal_of(path: Path) -> list[dict[str, Any]]:
    journal = path.with_name(path.name + ".part.journal")
    try:
        return [json.loads(one) for one in journal.read_text().splitlines()[1:]]
    except (OSError, ValueError):
        return []


def is_begun(path: Path) -> bool:
    """Whether some of a file's bytes are here."""
    part = path.with_name(path.name + ".part")
    return part.exists() and part.stat().st_size > 100_000


def is_half_flushed(path: Path) -> bool:
    """Whether a journal tells of flushed bytes, and of others that came after."""
    lines = journal_of(path)
    last = max((n for n, one in enumerate(lines) if one.get("f")), default=None)
    return last is not None and any("w" in one for one in lines[last:])


def what_ends(old: Old) -> None:
    """The first engine: all that comes to an end."""
    from dataclasses import replace

    from flowtui.demo.turns import turns_of

    server = old.flow.server
    old.start()
    here = old.to / "samples" / "liver 1" / "here.txt"
    here.parent.mkdir(parents=True)
    here.write_bytes(content("103"))
    old.add(*old.files("101", "102", "103", "104", "105", "106"), name="sample liver 1")
    old.add(*old.files("131"))
    (file,) = old.files("110")
    old.add(replace(file, url="https://flow.example:99999/no-link.txt"))
    for id_, state in (("101", "done"), ("102", "done"), ("103", "skipped"), ("104", "failed"),
                       ("105", "failed"), ("106", "failed"), ("110", "failed"),
                       ("131", "done")):  # fmt: skip
        wait(lambda id_=id_, state=state: old.is_so(id_, state), f"{id_} is {state}")
    server.service.rate = SLOW
    old.add(*old.files("107"))
    wait(lambda: old.is_so("107", "active", more_than=300_000), "107 is under way")
    old.client.cancel([old.row("107").id])
    server.service.rate = None
    old.add(*old.files(sample="41"), name="ended", bulk=True)
    wait(lambda: old.job_is("ended", "done"), "a job is done")
    old.add(*old.files(sample="45"), name="kept", bulk=True, unpack=False)
    wait(lambda: old.job_is("kept", "done"), "an archive is kept")
    server.bulk.turns = turns_of(["failing"])
    old.add(*old.files(sample="42"), name="failing", bulk=True)
    wait(lambda: old.job_is("failing", "failed"), "a job has failed")
    server.bulk.turns = turns_of([])
    server.bulk._expires_seconds = 0
    old.add(*old.files(sample="43"), name="expiring", bulk=True)
    wait(lambda: old.job_is("expiring", "expired"), "a job has expired")
    server.bulk._expires_seconds = 86_400
    old.flow.held["cancelled.zip"] = "processing"
    old.add(*old.files(sample="44"), name="cancelled", bulk=True)
    wait(lambda: old.job_is("cancelled", "processing"), "a job is processing")
    old.client.bulk([old.job("cancelled").id], "cancel")
    process = old.get("data/109")  # into the folder of the settings
    if process.wait():
        raise SystemExit("get failed")
    old.client.close()
    old.end(signal.SIGTERM)


def what_is_under_way(old: Old) -> None:
    """The second engine: all that it is killed in."""
    from dataclasses import replace

    from flowtui.demo.service import Refusal

    server = old.flow.server
    old.start()
    old.add(*old.files("108"), server=old.other_url)
    wait(lambda: old.is_so("108", "waiting"), "108 waits for a sign-in")
    old.flow.held |= {"processing.zip": "processing", "waiting.zip": "pending"}
    old.add(*old.files(sample="47"), name="processing", bulk=True)
    old.add(*old.files(sample="48"), name="waiting", bulk=True)
    old.add(*old.files(sample="46"), name="unpacking", bulk=True)
    wait(lambda: old.job_is("processing", "processing"), "Flow prepares an archive")
    wait(lambda: old.job_is("waiting", "pending") and old.job("waiting").job_id, "another is asked")
    wait(lambda: (job := old.job("unpacking")) and job.unpacked == 5, "an archive is half unpacked")
    server.service.rate = SLOW
    folder = old.to / "samples" / "liver 2"
    old.add(*old.files("112"))
    wait(lambda: old.is_so("112", "active") and is_begun(folder / "paused.txt"), "112 is begun")
    old.pause("112")
    old.client.settings(jobs=1)
    old.add(*old.files("111"))
    wait(lambda: old.is_so("111", "active", more_than=900_000), "111 is under way")
    old.add(*old.files("113"))
    old.pause("113")
    old.pause("111")
    old.client.settings(jobs=4)
    server.service.rate = 3 * SLOW
    old.add(*old.files("114"))
    wait(lambda: old.is_so("114", "verifying"), "114 is verified")
    server.service.rate = SLOW
    old.add(*old.files(sample="49"), name="fetching", bulk=True)
    wait(lambda: old.job_is("fetching", "fetching"), "an archive is fetched")
    old.add(*old.files("115", "116"), name="sample liver 2")
    old.add(*old.files("118", "119", "132"))
    (odd,) = old.files("120")
    old.add(replace(odd, filename="odd\udcff\x1b.txt", sample="liver \udcff"))
    turns = server.bulk.turns

    class Busy:
        def refuse(self, files: int) -> None:
            raise Refusal(500, "SERVER_ERROR", "Try again later")

        def __getattr__(self, name: str) -> Any:
            return getattr(turns, name)

    server.bulk.turns = Busy()  # type: ignore[assignment]
    old.add(*old.files(sample="50"), name="unasked", bulk=True)
    wait(lambda: "looks again" in old.job("unasked").reason, "a job is not to be had")
    for path in (folder / "active 1.bin", folder / "active 2.bin", old.to / "fetching.zip"):
        wait(lambda path=path: is_half_flushed(path), f"{path.name} is half flushed")
    for id_ in ("118", "119", "120", "132"):
        assert old.is_so(id_, "queued"), old.row(id_)
    # A small file that is killed under way leaves no journal.
    queued = [old.row(one).id for one in ("118", "119", "120", "132")]
    old.client.pause(queued)
    old.client.settings(jobs=5)
    old.add(*old.files("117"))
    wait(lambda: old.is_so("117", "active") and is_begun(folder / "small.txt"), "117 is begun")
    old.client.settings(jobs=1)
    old.client.resume(queued)
    time.sleep(0.3)  # saved ten times a second
    old.end(signal.SIGKILL)


def what_get_leaves(old: Old) -> None:
    """`flowtui get`, killed with an archive under way, and with a file."""
    server = old.flow.server
    server.bulk.turns = _no()
    server.service.rate = None
    if old.get("data/152", "--to", str(old.got)).wait():
        raise SystemExit("get failed")
    server.service.rate = SLOW
    script = old.got / "data" / "script.bin"
    process = old.get("data/151", "--to", str(old.got))
    wait(lambda: is_half_flushed(script), "get is half through with a file")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process = old.get(
        *(f"data/53{n}" for n in range(1, 5)), "--bulk", "always", "--to", str(old.got)
    )
    wait(
        lambda: any(is_half_flushed(Path(str(one)[: -len(".part")]))
                    for one in old.got.glob("*.zip.part")),
        "get is half through with an archive",
    )  # fmt: skip
    process.send_signal(signal.SIGKILL)
    process.wait()


def _no() -> Any:
    from flowtui.demo.turns import NO_TURNS

    return NO_TURNS


# Keeping it


class Keeper:
    """Writes what is below a folder beside this file."""

    def __init__(self, old: Old) -> None:
        from flowtui.engine.journal import this_boot

        self.old = old
        self.boot = this_boot()
        self.contents: dict[str, list[str]] = {}
        self.archives: dict[str, dict[str, Any]] = {}
        self.bytes_of: dict[str, bytes] = {one["id"]: content(one["id"]) for one in FILES}
        self.texts = {
            f"{old.root}": "@ROOT@", old.url: "@SERVER@", old.other_url: "@OTHER@",
            old.token: "@TOKEN@", old.refresh: "@REFRESH@", self.boot: "@BOOT@",
            str(old.where.socket): "@SOCKET@",
        }  # fmt: skip

    def text(self, given: str) -> str:
        for before, after in self.texts.items():
            given = given.replace(before, after)
        for word in (str(self.old.root), "127.0.0.1:", self.boot.split()[1], "access-", "refresh-"):
            at = given.find(word)
            assert at < 0, f"{word} is still there: {given[max(0, at - 100) : at + 100]}"
        return given

    def find_contents(self, database: sqlite3.Connection) -> None:
        """The names of archives that a server's address is in."""
        from flowtui.engine.bulk_job import content_of

        ids = {one["sample"]: [o["id"] for o in FILES if o["sample"] == one["sample"]]
               for one in FILES}  # fmt: skip
        ids["51"] = [one for one in ids["51"] if one.startswith("53")]
        names = {content_of(self.old.url, some): some for some in ids.values()}
        for (name,) in database.execute("SELECT content FROM bulk_jobs ORDER BY id"):
            self._content(name, names)
        for note in sorted(self.old.got.glob(".flowtui-bulk-*.jsonl")):
            self._content(note.name.removeprefix(".flowtui-bulk-").removesuffix(".jsonl"), names)

    def _content(self, name: str, names: dict[str, list[str]]) -> None:
        if name not in self.texts:
            mark = f"@CONTENT-{len(self.contents) + 1}@"
            self.contents[mark], self.texts[name] = names[name], mark

    def keep_archives(self) -> None:
        """The bytes of archives, as far as they are not those of files."""
        from flowtui.demo.source import read

        for job in self.old.flow.server.bulk._jobs.values():
            if job.source is None:
                asyncio.run(job.prepare(_no(), tar=False))
            assert job.source is not None
            whole = self.bytes_of[job.id] = read(job.source)
            pieces: list[list[Any]] = []
            at = 0
            for file in job.files:
                data = self.bytes_of[file.id]
                start = whole.index(data, at)
                pieces += [["bytes", base64.b64encode(whole[at:start]).decode()], ["file", file.id]]
                at = start + len(data)
            pieces.append(["bytes", base64.b64encode(whole[at:]).decode()])
            assert zipfile.ZipFile(io.BytesIO(whole)).testzip() is None
            self.archives[job.id] = {"name": job.name, "etag": job.etag, "created": job.created,
                                     "files": [one.id for one in job.files],
                                     "pieces": pieces}  # fmt: skip

    def recipe(self, path: Path) -> dict[str, Any]:
        """A file of bytes: which ranges of it are those of which file or archive; else zeros."""
        here = path.read_bytes()
        for id_, whole in self.bytes_of.items():
            if not here or here[:1024] != whole[: len(here)][:1024]:
                continue  # all of them began at their first byte
            ranges: list[list[int]] = []
            at, block = 0, 4096
            while at < len(here):
                end = min(at + block, len(here))
                if here[at:end] == whole[at:end]:
                    if ranges and ranges[-1][1] == at:
                        ranges[-1][1] = end
                    else:
                        ranges.append([at, end])
                else:
                    # The last block may have come in part.
                    same = next((n for n in range(at, end) if here[n] != whole[n]), end)
                    if same > at:
                        if ranges and ranges[-1][1] == at:
                            ranges[-1][1] = same
                        else:
                            ranges.append([at, same])
                at = end
            again = bytearray(len(here))
            for start, end in ranges:
                again[start:end] = whole[start:end]
            if bytes(again) == here and (ranges or not here):
                return {"of": id_, "size": len(here), "ranges": ranges}
        raise SystemExit(f"{path} is made of nothing that is known")

    def keep(self) -> None:
        root, state = self.old.root, self.old.where.state
        database = sqlite3.connect(state / "queue.db")  # what was in the log comes into it
        self.find_contents(database)
        self.keep_archives()
        parts = {}
        for path in sorted(root.rglob("*")):
            if not path.is_file():
                continue
            relative = path.relative_to(root)
            if path.is_relative_to(state):
                relative = Path("home/state/@HOST@") / path.relative_to(state)
            target = HERE / self.text(str(relative))
            if path.name in ("queue.db-wal", "queue.db-shm"):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.name == "queue.db":
                (version,) = database.execute("PRAGMA user_version").fetchone()
                (mode,) = database.execute("PRAGMA journal_mode").fetchone()
                lines = [f"PRAGMA journal_mode={mode};", *database.iterdump(),
                         f"PRAGMA user_version={version};"]  # fmt: skip
                target.with_name("queue.db.sql").write_text(self.text("\n".join(lines) + "\n"))
            elif path.suffix in (".journal", ".log", ".jsonl", ".toml", ".json", ".lock"):
                target.write_text(self.text(path.read_text()))
            else:
                parts[self.text(str(relative))] = self.recipe(path)
        database.close()
        _write("parts.json", parts)
        there = self.old.flow.server.service.catalogue.files
        for one in FILES:
            file = there[one["id"]]
            one |= {"etag": file.etag, "created": file.created, "md5": file.content.md5}
        _write("files.json", {"samples": SAMPLES, "files": FILES})
        _write("archives.json", {"contents": self.contents, "jobs": self.archives})


def _write(name: str, given: Any) -> None:
    """As JSON, a line for each thing in it."""
    text = json.dumps(given, indent=1, ensure_ascii=True)
    text = re.sub(r"\n {3,}", " ", text)
    text = re.sub(r"\n {2}([\]}])", r" \1", text)
    (HERE / name).write_text(text + "\n")


def old_leavings() -> Iterator[Path]:
    return (one for one in HERE.iterdir() if one.name not in ("make.py", "__pycache__"))


def main() -> int:
    if sys.argv[1:] == ["--engine"]:
        return engine()
    import flowtui

    checkout = Path(flowtui.__file__).parents[1]
    asked = ["git", "-C", str(checkout), "rev-parse", "--short=7", "HEAD"]
    at = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    if at != COMMIT:
        raise SystemExit(f"this flowtui is that of {at}, not of {COMMIT}")
    flow, other = Flow(), Flow()
    with tempfile.TemporaryDirectory() as folder, flow.server, other.server:
        old = Old(Path(folder).resolve() / "r", flow, other)
        try:
            old.set_up()
            what_ends(old)
            what_is_under_way(old)
            what_get_leaves(old)
            for one in old_leavings():
                shutil.rmtree(one) if one.is_dir() else one.unlink()
            Keeper(old).keep()
        finally:
            if old.process is not None and old.process.poll() is None:
                old.process.kill()
                old.process.wait()
            shutil.rmtree(old.where.runtime, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
