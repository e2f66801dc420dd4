"""The queue, part files, journals, logs, settings and sign-in of an older version are taken up.

The folders were made by the code of an earlier commit, killed in the middle of everything, and are
kept as data (`data/older_version/make.py` says how). What is looked for is told by that data, and
by what the server was asked: only the bytes that nothing on the disk vouches for.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.config import load_settings
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import EngineError
from flowtui.demo.scenarios import scenarios_of
from flowtui.demo.serve import DemoServer
from flowtui.engine.engine import Engine
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.protocol.messages import BulkRow, TransferRow
from support.older_version import (
    OldFolders,
    asked_for,
    content,
    file_of,
    flow,
    leftovers,
    log_of,
    looks,
    posts,
)

GUARD = 60.0
"""Seconds after which something hangs."""

STAY = {
    "101": "done", "102": "done", "131": "done", "103": "skipped", "104": "failed",
    "105": "failed", "106": "failed", "110": "failed", "107": "cancelled", "111": "paused",
    "112": "paused", "113": "paused",
}  # fmt: skip
"""Transfers that nobody has told to go on."""

GO_ON = {
    "114": "verifying", "115": "active", "116": "active", "117": "active", "118": "queued",
    "119": "queued", "120": "queued", "132": "queued", "108": "waiting",
}  # fmt: skip
"""Transfers that were to come, or under way, and what they were when the engine was killed."""

WITH_JOURNAL = ("114", "115", "116")

JOBS_STAY = {"ended": "done", "kept": "done", "failing": "failed", "expiring": "expired",
             "cancelled": "cancelled"}  # fmt: skip
JOBS_GO_ON = {"processing": "processing", "waiting": "pending", "unpacking": "unpacking",
              "fetching": "fetching"}  # fmt: skip

Make = Callable[..., OldFolders]


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    """Where nobody is signed in."""
    with flow(monkeypatch) as server:
        yield server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    with flow(monkeypatch) as server:
        server.bulk.scenarios = scenarios_of(
            ["none"]
        )  # a new job is refused, so that it is counted
        yield server


@pytest.fixture
def make(
    tmp_path: Path, server: DemoServer, other: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> Make:
    def made(**how: Any) -> OldFolders:
        return OldFolders(tmp_path, server, other, monkeypatch, **how)

    return made


@pytest.fixture(params=["the same boot", "another boot"])
def old(make: Make, request: pytest.FixtureRequest) -> OldFolders:
    return make(same_boot=request.param == "the same boot")


class Run:
    """An engine of this version on the older one's state, signed in at the other server too."""

    def __init__(self, old: OldFolders) -> None:
        where = old.where
        self.engine = Engine(load_settings(where), database=where.database, folders=where)
        self.engine.start()
        asks = threading.Event()
        url = old.other.base_url
        self.engine.subscribe(
            lambda changes: asks.set() if url in changes.summary.needs_sign_in else None
        )
        assert asks.wait(GUARD), "nothing waits for the sign-in"
        _, token, refresh = old.other.service.accounts.sign_in("demo", "demo")
        assert self.engine.sign_in(url, "demo", token, refresh) == 1
        self.settle()

    def settle(self) -> None:
        assert self.engine.wait_idle(GUARD), self.engine.status(rows=True)

    @property
    def rows(self) -> dict[str, TransferRow]:
        return {one.key: one for one in self.engine.status(rows=True).transfers}

    @property
    def jobs(self) -> dict[str, BulkRow]:
        return {one.name: one for one in self.engine.status(rows=True).bulk_jobs}


@pytest.fixture
def run(old: OldFolders) -> Iterator[Run]:
    made = Run(old)
    yield made
    made.engine.stop()


def key(id_: str) -> str:
    return f"data/{id_}"


def target(old: OldFolders, id_: str) -> Path:
    return old.to / str(old.rows[key(id_)]["path"])


def is_whole(path: Path, id_: str) -> bool:
    return hashlib.md5(path.read_bytes()).hexdigest() == file_of(id_)["md5"]


def requests(old: OldFolders, id_: str) -> list[tuple[int, int]]:
    server = old.other if id_ == "108" else old.server
    return asked_for(server, id_, file_of(id_)["size"])


def test_the_data_is_what_it_says(make: Make) -> None:
    """What the other tests rest on: the states, and bytes of each kind in the journals."""
    old = make()
    states = {key(id_): state for id_, state in (STAY | GO_ON).items()}
    found = {name: row["state"] for name, row in old.rows.items()}
    assert {name: found[name] for name in states} == states
    assert set(found) - set(states) == {old.text(f"bulk/@CONTENT-{n}@") for n in (1, 2, 8, 9)}, (
        "the archives"
    )
    assert {name: job["state"] for name, job in old.jobs.items()} == (
        JOBS_STAY | JOBS_GO_ON | {"unasked": "pending"}
    )
    for id_ in ("115", "116"):
        path, size = target(old, id_), file_of(id_)["size"]
        here = old.gaps(path, size)
        old.same_boot = False
        elsewhere = old.gaps(path, size)
        old.same_boot = True
        assert 0 < elsewhere[0][0] < here[0][0] < size
    assert (old.to / "samples" / "liver 2" / "small.txt.part").stat().st_size > 0


def test_what_had_ended_or_was_paused_stays_as_it_was(old: OldFolders, run: Run) -> None:
    for id_ in STAY:
        before, after = old.rows[key(id_)], run.rows[key(id_)].to_json()
        same = {name: before[name] for name in before.keys() & after.keys()}
        if same["size"] is None:
            same["size"] = before["expected"]
        assert {name: after[name] for name in same} == same
        assert requests(old, id_) == []
    assert [one for one in STAY if run.rows[key(one)].retryable] == ["104", "105", "106"]


def test_what_was_to_come_is_fetched_but_for_the_bytes_that_are_vouched_for(
    make: Make, old: OldFolders
) -> None:
    wanted = {one: old.gaps(target(old, one), file_of(one)["size"]) for one in GO_ON}
    whole = {one for one, gaps in wanted.items() if gaps == [(0, file_of(one)["size"])]}
    assert whole == GO_ON.keys() - set(WITH_JOURNAL)
    run = Run(old)
    for id_ in GO_ON:
        row = run.rows[key(id_)]
        assert row.state == "done", row
        assert (row.verified_by, row.done) == ("md5", file_of(id_)["size"])
        assert row.path == old.rows[key(id_)]["path"]
        assert is_whole(old.to / row.path, id_)
        assert requests(old, id_) == wanted[id_]
        assert row.resumed_at == row.done - sum(b - a for a, b in wanted[id_])
    run.engine.stop()


def test_paths_with_numbers_and_odd_names_stay(run: Run) -> None:
    assert run.rows["data/132"].path == "samples/twins/reads~2.txt"
    assert run.rows["data/119"].path == "samples/liver 2/naïf µ.txt"
    assert run.rows["data/120"].path == "samples/liver 2/odd__.txt"
    assert run.rows["data/120"].filename == "odd\udcff\x1b.txt"
    assert run.rows["data/120"].sample == "liver \udcff"


def test_what_was_paused_or_had_failed_goes_on_when_it_is_told_to(
    old: OldFolders, run: Run
) -> None:
    paused = [one for one, state in STAY.items() if state == "paused"]
    wanted = {one: old.gaps(target(old, one), file_of(one)["size"]) for one in paused}
    assert run.engine.resume(None) == len(paused)
    run.settle()
    for id_ in paused:
        assert run.rows[key(id_)].state == "done"
        assert is_whole(target(old, id_), id_)
        assert requests(old, id_) == wanted[id_]
    assert run.engine.retry(None) == 4
    run.settle()
    assert run.rows["data/106"].state == "done"
    assert is_whole(target(old, "106"), "106")
    for id_, code in (("104", "FORBIDDEN"), ("105", "NOT_FOUND"), ("110", "BAD_LINK")):
        assert (run.rows[key(id_)].state, run.rows[key(id_)].code) == ("failed", code)


def test_bulk_jobs_that_had_ended_stay_as_they_were(old: OldFolders, run: Run) -> None:
    for name, state in JOBS_STAY.items():
        before, after = old.jobs[name], run.jobs[name]
        assert after.state == state
        same = ("id", "batch_id", "reason", "code", "job_id", "archive", "expires", "ended",
                "created", "unpacked_bytes", "bytes", "root", "server")  # fmt: skip
        assert {one: getattr(after, one) for one in same} == {one: before[one] for one in same}
        # What was an archive, and is unpacked and gone, has no transfer any more.
        is_gone = name == "ended"
        assert after.transfer_id == (None if is_gone else before["transfer_id"])
        assert after.unpack == bool(before["unpack"])
        assert after.files == len(json.loads(before["files"]))
        assert looks(old.server, after.job_id) == 0
        for file in json.loads(before["files"]):
            assert requests(old, file["data_id"]) == []
        if before["job_id"]:
            assert asked_for(old.server, before["job_id"], 0) == []
    files = [one.state for one in run.engine.bulk_files(run.jobs["ended"].id)]
    assert files == ["done", "done"]


def test_bulk_jobs_go_on_from_where_they_were(make: Make, old: OldFolders) -> None:
    before = {name: old.jobs[name] for name in JOBS_GO_ON}
    archives = {
        name: old.gaps(old.to / f"{name}.zip", len(content(job["job_id"])))
        for name, job in before.items()
    }
    archives["unpacking"] = []  # it is here
    assert archives["fetching"][0][0] > 0
    inodes = {one: one.stat().st_ino for one in (old.to / "samples" / "unpacking").iterdir()}
    results = json.loads(before["unpacking"]["outcomes"])
    assert 0 < len(results) < len(inodes) < 6  # one without a word in the database
    run = Run(old)
    for name, job in before.items():
        row = run.jobs[name]
        assert row.state == "done", row
        assert row.job_id == job["job_id"]
        # Only where Flow had not said that it is ready is there anything to ask.
        assert looks(old.server, row.job_id) == (name in ("processing", "waiting"))
        size = len(content(row.job_id))
        assert asked_for(old.server, row.job_id, size) == archives[name]
        assert row.unpacked == row.files
        for file in run.engine.bulk_files(row.id):
            id_ = file.key.removeprefix("data/")
            assert file.state == "done"
            assert is_whole(old.to / file.path, id_)
            assert requests(old, id_) == []
    for file in run.engine.bulk_files(before["unpacking"]["id"]):
        if file.key in results:
            kept = {name: getattr(file, name) for name in ("state", "path", "md5", "verified_by")}
            assert kept == {name: results[file.key][name] for name in kept}
    for path, inode in inodes.items():
        assert path.stat().st_ino == inode
    run.engine.stop()


def test_a_bulk_job_that_was_not_asked_for_yet_is_asked_for_once(old: OldFolders, run: Run) -> None:
    assert posts(old.server) == 1
    row = run.jobs["unasked"]
    assert (row.state, row.code, row.one_by_one) == ("done", "", 2)
    for id_ in ("501", "502"):
        assert run.rows[key(id_)].state == "done"
        assert requests(old, id_) == [(0, file_of(id_)["size"])]


def test_the_log_goes_on_and_a_second_run_fetches_nothing(old: OldFolders) -> None:
    before = log_of(old.to)
    run = Run(old)
    run.engine.stop()
    after = log_of(old.to)
    assert after[: len(before)] == before
    new = {(one["key"], one["status"]) for one in after[len(before) :]}
    unpacked = [f"{sample}{n}" for sample in (47, 48) for n in (1, 2)]
    unpacked += [f"49{n}" for n in range(1, 5)]
    saved = json.loads(old.jobs["unpacking"]["outcomes"])
    unpacked += [f"46{n}" for n in range(1, 7) if f"data/46{n}" not in saved]
    assert new == {(key(one), "done") for one in [*GO_ON, *unpacked, "501", "502"]}
    paused = [one for one, state in STAY.items() if state == "paused"]
    assert leftovers(old.to) == sorted(
        f"samples/liver 2/{file_of(one)['name']}.part{ending}"
        for one in paused
        if one != "113"  # was not begun
        for ending in ("", ".journal")
    )
    del old.server.requests[:]
    samples = [f"sample/{one}" for one in (31, 32, 33, 41, 46, 47, 48, 49, 50)]
    left = [f"--exclude={file_of(one)['name']}" for one in (*paused, *STAY) if one not in
            ("101", "102", "103", "131")]  # fmt: skip
    # Of another server, at another path, and of another name than it was queued by.
    left += [f"--exclude={one}.txt" for one in ("sign-in", "got", "odd")]
    events = old.events("get", *samples, *left)
    files = {one["key"]: one for one in events if one["event"] == "transfer"}
    assert {one["state"] for one in files.values()} == {"skipped"}
    by_the_log = {name for name, one in files.items() if "recorded" in one["verified_by"]}
    assert by_the_log == {one["key"] for one in after if one["status"] == "done"} & files.keys()
    assert len(by_the_log) == len(files) - 1  # `here.txt` was nobody's
    assert len(files) == 3 + 6 + 2 + 2 + 6 + 2 + 2 + 4 + 2
    assert [one.path for one in old.server.requests if "/downloads" in one.path] == []
    # Of what `get` wrote into the same log, too.
    *_, file = [event for event in old.events("get", "data/109") if event["event"] == "transfer"]
    assert file["state"] == "skipped"
    assert "recorded" in file["verified_by"]
    assert requests(old, "109") == []
    assert len(log_of(old.to)) == len(after) + 1  # `here.txt`, so that it is not read again


def test_settings_and_sign_in_of_the_older_version_are_read(make: Make, server: DemoServer) -> None:
    old = make()
    settings = load_settings(old.where)
    assert settings.server is None
    assert settings.base_url == settings.found_server == server.base_url
    assert settings.download_dir == str(old.to)
    assert (settings.connections, settings.bulk_above, settings.read_timeout) == (1, 150, 20.0)
    assert settings.jobs == 4
    assert settings.usernames == {server.base_url: "demo"}
    found = CredentialStore(old.where.config).find(server.base_url, "demo")
    assert found is not None
    assert (found.token, found.refresh_token) == (old.text("@TOKEN@"), old.text("@REFRESH@"))
    (who,) = old.events("whoami")
    assert (who["username"], who["server"]) == ("demo", server.base_url)


def test_get_goes_on_with_what_an_older_get_had_begun(old: OldFolders) -> None:
    (note,) = old.got.glob(".flowtui-bulk-*.jsonl")
    said = json.loads(note.read_text().strip())
    job_id, size = said["job_id"], len(content(said["job_id"]))
    (part,) = old.got.glob("*.zip.part")
    gaps = old.gaps(part.with_suffix(""), size)
    assert gaps[0][0] > 0
    refs = [f"data/53{n}" for n in range(1, 5)]
    events = old.events("get", *refs, "--bulk", "always", "--to", str(old.got))
    assert events[-1]["event"] == "summary"
    assert posts(old.server) == 0
    assert looks(old.server, job_id) == 1
    assert asked_for(old.server, job_id, size) == gaps
    for n in range(1, 5):
        assert is_whole(old.got / "data" / f"{n}.bin", f"53{n}")
        assert requests(old, f"53{n}") == []
    file = old.got / "data" / "script.bin"
    gaps = old.gaps(file, file_of("151")["size"])
    assert gaps[0][0] > 0
    before = log_of(old.got)
    events = old.events("get", "data/151", "data/152", "--to", str(old.got))
    ended = {one["key"]: one["state"] for one in events if one["event"] == "transfer"}
    assert ended == {"data/151": "done", "data/152": "skipped"}
    assert requests(old, "151") == gaps
    assert requests(old, "152") == []
    assert is_whole(file, "151")
    assert leftovers(old.got) == []
    after = log_of(old.got)
    assert after[: len(before)] == before
    assert [(one["key"], one["status"]) for one in after[len(before) :]] == [("data/151", "done")]


def test_a_damaged_database_of_the_older_version_is_rebuilt_from_its_text_record(
    old: OldFolders,
) -> None:
    old.where.database.write_bytes(b"this is no database\n" * 500)
    wanted = {one: old.gaps(target(old, one), file_of(one)["size"]) for one in GO_ON}
    unpacked = {f"data/46{one.stem}" for one in (old.to / "samples" / "unpacking").iterdir()}
    run = Run(old)
    trouble = run.engine.status().summary.trouble
    assert f"{old.where.database}.corrupt-" in trouble
    failed = [one for one, state in STAY.items() if state == "failed"]
    paused = [one for one, state in STAY.items() if state == "paused"]
    singles = {key(one) for one in (*GO_ON, *failed, *paused)}
    names = {*JOBS_GO_ON, "unasked"}
    assert set(run.jobs) == names
    in_jobs = {one.key for job in run.jobs.values() for one in run.engine.bulk_files(job.id)}
    assert len(in_jobs) == 2 + 2 + 6 + 4 + 2
    rows = run.rows
    # No archives were to be had, so all of them but what was unpacked came one by one.
    assert set(rows) == singles | (in_jobs - unpacked)
    for name, row in rows.items():
        id_ = name.removeprefix("data/")
        if id_ in ("104", "105", "110"):
            assert row.state == "failed"
        else:
            assert row.state == "done", row
            assert is_whole(old.to / row.path, id_)
        if id_ in old.rows:
            assert row.path == old.rows[name]["path"]
    for id_, gaps in wanted.items():
        assert requests(old, id_) == gaps
    run.engine.stop()


def test_the_background_engine_takes_it_up_and_tells_its_clients(
    make: Make, server: DemoServer, other: DemoServer
) -> None:
    old = make()
    _, token, refresh = other.service.accounts.sign_in("demo", "demo")
    rows: dict[str, TransferRow] = {}
    jobs: dict[str, BulkRow] = {}
    try:
        with connect_engine(old.where) as client:
            guard = threading.Timer(GUARD, client.close)
            guard.start()
            asked = False
            for changes in client.events():
                rows |= {one.key: one for one in changes.transfers}
                rows = {name: row for name, row in rows.items() if row.id not in changes.removed}
                jobs |= {one.name: one for one in changes.bulk_jobs}
                if other.base_url in changes.summary.needs_sign_in and not asked:
                    asked = True
                    assert client.sign_in(other.base_url, "demo", token, refresh) == 1
                if _all_is_over(rows, jobs):
                    break
            guard.cancel()
        events = old.events("status")
    except EngineError as error:
        raise AssertionError((rows, jobs)) from error
    finally:
        old.run("engine", "stop")
    told = {one["key"]: one for one in events if one["event"] == "transfer"}
    for id_ in (*STAY, *GO_ON):
        row = told[key(id_)]
        assert row["state"] == STAY.get(id_, "done")
        assert row["id"] == old.rows[key(id_)]["id"]
        assert row["path"] == str(target(old, id_))
        if id_ in STAY:
            before = old.rows[key(id_)]
            assert (row["reason"], row["code"]) == (before["reason"], before["code"])
        else:
            assert is_whole(target(old, id_), id_)
    states = {one["name"]: one["state"] for one in events if one["event"] == "bulk"}
    assert states == JOBS_STAY | dict.fromkeys(JOBS_GO_ON, "done") | {"unasked": "done"}
    assert posts(server) == 1
    for id_ in GO_ON:
        assert len(requests(old, id_)) == (id_ != "114")


def _all_is_over(rows: dict[str, TransferRow], jobs: dict[str, BulkRow]) -> bool:
    ended = ("done", "skipped", "failed", "cancelled", "paused", "expired")
    wanted = {key(one) for one in (*STAY, *GO_ON, "501", "502")}
    return (
        wanted <= rows.keys()
        and len(jobs) == len(JOBS_STAY) + len(JOBS_GO_ON) + 1
        and all(one.state in ended for one in (*rows.values(), *jobs.values()))
    )
