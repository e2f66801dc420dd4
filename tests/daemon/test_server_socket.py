"""The engine's socket: who may come in, what is answered, and that no client hurts another."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowtui import __version__
from flowtui.config import ConfigError, Settings, private_folder
from flowtui.daemon import client as client_module
from flowtui.daemon import server as server_module
from flowtui.daemon.client import EngineClient
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.connection import open_socket
from flowtui.daemon.errors import EngineError, EngineGone, EngineNotRunning, EngineSilent
from flowtui.daemon.pieces import first_piece, in_pieces
from flowtui.daemon.server import Server
from flowtui.engine import engine as engine_module
from flowtui.engine import events
from flowtui.engine.engine import Engine
from flowtui.flow.remote_file import Origin, RemoteFile
from flowtui.protocol.messages import (
    Batch,
    Changes,
    RequestRefused,
    Status,
    Summary,
    TransferRow,
    WrongFile,
    that_fit,
)
from flowtui.protocol.wire import PROTOCOL, decode, encode
from support.services import make_service
from support.waiting import GUARD, until


class Door:
    """An engine whose transfers all wait, behind a socket."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "run" / "engine.sock"
        self.stops: list[bool] = []
        self.engine = Engine(Settings(), make_service=make_service())
        self.server = Server(self.engine, self.path, self.stops.append)
        self.engine.start()

    def close(self) -> None:
        self.server.close()
        self.engine.stop()

    def raw(self) -> Raw:
        return Raw(self.path)

    def client(self) -> EngineClient:
        return EngineClient(self.path)


class Raw:
    """A client that says whatever it likes."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rb")

    def say(self, **message: Any) -> dict[str, Any]:
        self.socket.sendall(encode(message))
        return self.hear()

    def hear(self) -> dict[str, Any]:
        return decode(self.lines.readline())

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    one = Door(tmp_path)
    yield one
    one.close()


def files(*numbers: int, url: str = "", **more: Any) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(f"data/{n}", f"f{n}.gz", url or f"/downloads/{n}/f", ("data",), **more)
        for n in numbers
    )


def batch(root: Path, *numbers: int, **more: Any) -> Batch:
    """Files of a server that nobody has: port 9 answers nothing."""
    return Batch("http://127.0.0.1:9", str(root), "test", files(*numbers, **more))


def test_only_its_user_can_come_in(door: Door):
    assert stat.S_IMODE(door.path.stat().st_mode) == 0o600
    assert stat.S_ISSOCK(door.path.stat().st_mode)
    assert stat.S_IMODE(door.path.parent.stat().st_mode) == 0o700


def test_a_process_of_another_user_is_sent_away(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    raw = door.raw()
    assert raw.lines.readline() == b""
    raw.close()
    monkeypatch.undo()
    assert door.raw().say(id=1, do="hello")["ok"]


def test_a_folder_that_is_too_open_is_closed_and_a_foreign_one_refused(tmp_path: Path):
    (tmp_path / "run").mkdir(mode=0o777)
    (tmp_path / "run").chmod(0o777)
    one = Door(tmp_path)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700
    one.close()
    (tmp_path / "link").symlink_to("run")
    with pytest.raises(ConfigError, match="not a folder of yours"):
        Server(one.engine, tmp_path / "link" / "engine.sock", void)


def void(pause: bool) -> None:
    return


def test_a_stale_socket_is_replaced_and_taken_away_at_the_end(tmp_path: Path):
    (tmp_path / "run").mkdir()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "run" / "engine.sock"))
    stale.close()
    with pytest.raises(EngineNotRunning):
        EngineClient(tmp_path / "run" / "engine.sock")
    one = Door(tmp_path)
    with one.client() as client:
        assert client.pid == os.getpid()
    one.close()
    assert not one.path.exists()
    with pytest.raises(EngineNotRunning):
        one.client()


def test_an_empty_folder_goes_with_its_last_engine(tmp_path: Path):
    first, second = Door(tmp_path), Door(tmp_path)
    other = tmp_path / "run" / "engine-2.sock"
    second.server.move(other)
    first.server.move(first.path)
    first.close()
    assert other.exists()
    second.close()
    assert not (tmp_path / "run").exists()


def test_an_engine_that_ends_takes_no_folder_from_one_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = 0

    def folder_goes(path: Path) -> Path:
        nonlocal made
        made += 1
        private_folder(path)
        if made < server_module.TRIES:
            path.rmdir()
        return path

    monkeypatch.setattr(server_module, "private_folder", folder_goes)
    door = Door(tmp_path)
    assert door.server.socket_exists() and made == server_module.TRIES
    door.close()


def test_a_folder_that_goes_again_and_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_module, "private_folder", lambda path: path)
    engine = Engine(Settings(), make_service=make_service())
    with pytest.raises(FileNotFoundError):
        Server(engine, tmp_path / "run" / "engine.sock", lambda _: None)


def test_the_first_exchange_tells_the_versions(door: Door):
    answer = door.raw().say(id=7, do="hello", version="0.0.1", protocol=99)
    assert (answer["id"], answer["ok"]) == (7, True)
    assert answer["result"]["version"] == __version__
    assert answer["result"]["protocol"] == PROTOCOL
    assert answer["result"]["pid"] == os.getpid()


def test_an_engine_of_another_version_is_replaced(door: Door, monkeypatch: pytest.MonkeyPatch):
    """It is asked to end, not to pause, and a new one is started in its place."""
    from flowtui.config import Folders

    where = Folders(door.path.parent, door.path.parent, door.path.parent)
    with connect_engine(where, start=False) as client:
        assert client.version == __version__
    started: list[Folders] = []
    monkeypatch.setattr("flowtui.daemon.launcher.start_detached", started.append)
    monkeypatch.setattr(client_module, "__version__", "99.0")
    with connect_engine(where, start=False) as client:  # to look at it is no harm
        assert client.version == __version__
    assert door.stops == []
    with pytest.raises(EngineError, match=r"did not start.*engine\.log"):
        connect_engine(where, timeout=0.2)
    assert started == [where]
    until(lambda: door.stops)
    assert not any(door.stops)


@pytest.mark.parametrize(
    "line",
    [b"rubbish\n", b"[]\n", b"\xff\n", b"\n", b"[" * 50_000 + b"\n"],
    ids=lambda line: repr(line[:8]),
)
def test_rubbish_is_refused_and_hurts_nobody_else(door: Door, line: bytes):
    other = door.client()
    raw = door.raw()
    raw.socket.sendall(line)
    answer = raw.hear()
    assert (answer["ok"], answer["error"]["code"]) == (False, "BAD_REQUEST")
    assert raw.lines.readline() == b""
    raw.close()
    assert other.status().summary.counts == {}
    other.close()


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"do": "nothing"},
        {"do": ["pause"]},
        {"do": "add"},
        {"do": "add", "batch": {}},
        {"do": "add", "batch": {"server": 1}},
        {"do": "add", "batch": 5},
        {"do": "pause", "ids": 5},
        {"do": "pause", "ids": ["x"]},
        {"do": "pause", "ids": "12"},
        {"do": "bulk"},
        {"do": "bulk", "bulk_ids": [1], "action": "explode"},
        {"do": "space"},
        {"do": "sign_in", "server": "s"},
        {"do": "settings", "jobs": 0},
        {"do": "settings", "jobs": "many"},
        {"do": "settings", "jobs": 2.5},
        {"do": "settings", "jobs": True},
        {"do": "settings", "limit_rate": -1},
        {"do": "settings", "connections": 17},
        {"do": "__init__"},
        {"do": "subscribe_all"},
    ],
    ids=str,
)
def test_wrong_requests_are_refused_and_the_talk_goes_on(door: Door, request_: dict[str, Any]):
    raw = door.raw()
    answer = raw.say(id="mine", **request_)
    assert (answer["id"], answer["ok"]) == ("mine", False)
    assert answer["error"]["code"] == "BAD_REQUEST"
    assert answer["error"]["message"]
    assert raw.say(id=2, do="hello")["ok"]
    raw.close()


def test_an_empty_batch_and_a_relative_folder_are_refused_in_words(door: Door, tmp_path: Path):
    with door.client() as client:
        with pytest.raises(RequestRefused, match="nothing to download"):
            client.add(batch(tmp_path))
        with pytest.raises(RequestRefused, match="must be an absolute path"):
            client.add(batch(Path("relative"), 1))
        with pytest.raises(RequestRefused, match="it is a link, not a regular file"):
            (tmp_path / "downloads.log").symlink_to("downloads.log")  # leads nowhere
            client.add(batch(tmp_path, 1))


def test_several_clients_see_one_queue(door: Door, tmp_path: Path):
    with door.client() as one, door.client() as other:
        one.settings(jobs=1)
        added = one.add(batch(tmp_path, 1, 2, 3))
        assert added.added == 3
        assert isinstance(added.ids, tuple)
        assert other.pause(None) == 3
        assert {row.state for row in one.status(rows=True).transfers} == {"paused"}
        assert other.add(batch(tmp_path, 3, 4)).known == 1
        assert one.cancel(added.ids) == 3
        assert other.forget(None) == 3
        assert [row.key for row in one.status(rows=True).transfers] == ["data/4"]
        assert other.settings() == one.settings()
        assert one.settings(limit_rate=5)["limit_rate"] == 5
        assert other.status().summary.limit_rate == 5
        assert other.space(str(tmp_path)).free > 0


def test_many_clients_at_once_each_get_their_own_answers(door: Door, tmp_path: Path):
    wrong: list[Any] = []

    def talk(me: int) -> None:
        with door.client() as client:
            for n in range(15):
                root = tmp_path / str(me)
                (id_,) = client.add(batch(root, n)).ids
                rows = {row.id: row for row in client.status(rows=True).transfers}
                if rows[id_].root != str(root) or rows[id_].key != f"data/{n}":
                    wrong.append(rows[id_])
                client.pause([id_])

    threads = [threading.Thread(target=talk, args=(me,)) for me in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(GUARD)
    assert wrong == []
    with door.client() as client:
        assert sum(client.status().summary.counts.values()) == 8 * 15


def test_sixty_clients_that_come_at_one_moment_are_all_served(
    door: Door, monkeypatch: pytest.MonkeyPatch
):
    """Also those that come while none is taken, and though descriptors are short for a while."""
    real, refused, go = socket.socket.accept, iter(range(3)), threading.Event()

    def accept(listening: socket.socket) -> Any:
        for _ in refused:
            raise OSError(errno.EMFILE, "Too many open files")
        go.wait(30)
        return real(listening)

    monkeypatch.setattr(server_module, "ACCEPT_AGAIN", 0.001)
    door.raw().close()  # the thread that takes clients comes to what is patched
    monkeypatch.setattr(socket.socket, "accept", accept)
    door.raw().close()
    waiting = [door.raw() for _ in range(60)]
    go.set()
    for n, raw in enumerate(waiting):
        assert raw.say(id=n, do="hello")["ok"]
        raw.close()


def test_a_client_for_whom_there_is_no_place_in_the_line_waits_for_one(tmp_path: Path):
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(0)
        before = [open_socket(path, 0.01)]
        with pytest.raises(EngineSilent):
            before += [open_socket(path, 0.01) for _ in range(9)]
        threading.Timer(0.05, listening.accept).start()
        before.append(open_socket(path, 10))
        for stream, lines in before:
            lines.close()
            stream.close()


SIGNED = "https://storage.example/x?X-Amz-Signature=" + "5" * 1500


def test_a_batch_that_is_too_long_for_a_line_goes_in_pieces():
    """As 45,000 files with long signed links are, in the small."""
    wanted = replace(batch(Path("/to"), *range(450)), files=files(*range(450), url=SIGNED))
    line = len(encode(wanted.to_json()))
    assert list(in_pieces(wanted, line)) == [wanted]
    pieces = list(in_pieces(wanted, line // 10))
    assert 10 <= len(pieces) <= 12
    assert all(len(encode(piece.to_json())) < line // 10 + 1000 for piece in pieces)
    assert sum((piece.files for piece in pieces), ()) == wanted.files
    one = replace(wanted, files=wanted.files[:1])
    assert list(in_pieces(one, 10)) == [one]


def test_an_archive_is_asked_for_without_the_links_of_what_is_in_it():
    able, single = files(1, url=SIGNED, data_id="1"), files(2, url=SIGNED)
    wanted = replace(batch(Path("/to")), bulk=True, files=able + single)
    (piece,) = in_pieces(wanted)
    assert [file.url for file in piece.files] == ["", SIGNED]


def test_a_file_that_fits_no_line_is_refused_with_its_name():
    with pytest.raises(RequestRefused, match="f1.gz: what Flow says of it is too long"):
        list(in_pieces(batch(Path("/to"), 1, url="/" + "x" * (33 << 20))))


def test_pieces_are_one_batch_in_the_queue_and_one_answer(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "in_pieces", lambda batch: in_pieces(batch, 500))
    requests: list[Batch] = []
    add = door.engine.add

    def counted(wanted: Batch) -> Any:
        requests.append(wanted)
        return add(wanted)

    monkeypatch.setattr(door.engine, "add", counted)
    with door.client() as client:
        first = client.add(batch(tmp_path, *range(40)))
        assert len(requests) > 3
        assert (first.added, first.known, len(first.ids)) == (40, 0, 40)
        again = client.add(batch(tmp_path, *range(40)))
        assert (again.added, again.known, again.ids) == (0, 40, first.ids)
        assert {row.batch_id for row in client.status(rows=True).transfers} == {first.batch_id}


@pytest.mark.parametrize("count", [7, 20, 40, 41])
def test_all_rows_of_a_long_queue_come_in_pieces(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
):
    monkeypatch.setattr(engine_module, "STATUS_PIECE", count)
    with door.client() as client:
        assert client.status(rows=True) == Status(Summary(jobs=4))
        ids = client.add(batch(tmp_path, *range(40))).ids
        client.pause(None)
        now = client.status(rows=True)
        assert tuple(row.id for row in now.transfers) == ids
        assert now.summary.counts == {"paused": 40}


def test_an_older_engine_that_knows_no_pieces_gives_all_rows_at_once(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    status = door.engine.status
    monkeypatch.setattr(door.engine, "status", lambda rows, most, after: status(rows, most))
    with door.client() as client:
        ids = client.add(batch(tmp_path, *range(20))).ids
        assert tuple(row.id for row in client.status(rows=True).transfers) == ids


def test_rows_of_long_names_come_in_pieces_that_fit_a_line(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """5,000 names of 4,096 characters would not, in most scripts."""
    few = partial(that_fit, most=15_000)
    monkeypatch.setattr(engine_module, "that_fit", few)
    monkeypatch.setattr(events, "MAX_LINE", 30_000)
    with door.client() as client:
        ids = client.add(batch(tmp_path, *range(40))).ids
        client.pause(None)
        assert tuple(row.id for row in client.status(rows=True).transfers) == ids
        raw = door.raw()
        piece = raw.say(id=1, do="status", rows=True, after=0)["result"]["transfers"]
        raw.close()
        assert 1 < len(piece) < 20
    listener = Listener(door)
    until(lambda: tuple(listener.rows) == ids)
    assert len(listener.events) > 2
    assert [event.last for event in listener.events[:2]] == [False, False]
    listener.client.close()


def test_a_row_takes_no_more_than_is_reckoned_with():
    long = "\N{MICROSCOPE}" * 4096
    origin = Origin(*[long] * 6)
    row = TransferRow(1, 1, long, long, "/" + long, long, "queued", sample=long, origin=origin,
                      replaced=long, linked=long, renamed_from=long, reason=long)  # fmt: skip
    assert len(encode(row.to_json())) <= row.longest
    assert list(that_fit([row, row], most=5)) == [row]
    assert list(that_fit([row, row], most=2 * row.longest)) == [row, row]


def archive_of(door: Door, root: Path, count: int) -> int:
    """Queue that many files as an archive; the job's id."""
    wanted = [replace(file, data_id=file.key) for file in files(*range(count))]
    made = door.engine.add(replace(batch(root), files=tuple(wanted), bulk=True))
    assert made.bulk_id is not None
    return made.bulk_id


@pytest.mark.parametrize(("most", "answers"), [(1, 20), (1000, 10), (1 << 20, 1)])
def test_the_files_of_a_long_archive_come_in_pieces(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, answers: int
):
    id_ = archive_of(door, tmp_path, 20)
    asked: list[int] = []

    def piece(rows: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
        found = first_piece(rows, most)
        asked.append(len(found[0]))
        return found

    monkeypatch.setattr(server_module, "first_piece", piece)
    with door.client() as client:
        rows = client.bulk_files(id_)
    assert rows == door.engine.bulk_files(id_)
    assert [row.key for row in rows] == [f"data/{n}" for n in range(20)]
    assert sum(asked) == 20
    assert len(asked) <= answers
    raw = door.raw()
    assert len(raw.say(id=1, do="bulk_files", bulk_id=id_)["result"]["files"]) == 20  # an older one
    raw.close()


def test_an_older_engine_gives_the_files_of_an_archive_at_once(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    id_ = archive_of(door, tmp_path, 20)
    handle = door.server._handle
    older = lambda do, request: {"files": handle(do, replace(request, after=None))["files"]}  # noqa: E731
    talk = door.client()
    monkeypatch.setattr(door.server, "_handle", older)
    with talk:
        assert len(talk.bulk_files(id_)) == 20


class Listener:
    """Knows the queue from events alone."""

    def __init__(self, door: Door) -> None:
        self.rows: dict[int, str] = {}
        self.events: list[Changes] = []
        self.gone = threading.Event()
        self.client = door.client()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        try:
            for changes in self.client.events():
                self.events.append(changes)
                if changes.reset:
                    self.rows.clear()
                self.rows.update({one.id: one.state for one in changes.transfers})
                for id_ in changes.removed:
                    self.rows.pop(id_, None)
        except EngineGone:
            self.gone.set()


def test_a_long_snapshot_is_sent_as_fast_as_it_is_read(
    door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Not a piece a turn: of a long queue the app would have half for half a minute."""
    door.engine.add(batch(tmp_path, *range(60)))
    door.engine.pause(None)
    monkeypatch.setattr(events, "SNAPSHOT_PIECE", 1)
    loop = door.engine._loop
    monkeypatch.setattr(loop, "_timings", replace(loop._timings, tick=3600.0))
    listener = Listener(door)
    until(lambda: len(listener.rows) == 60)
    assert len(listener.events) == 60
    listener.client.close()


def test_events_are_the_whole_queue_and_then_what_changes(door: Door, tmp_path: Path):
    door.engine.settings(jobs=1)
    first = door.engine.add(batch(tmp_path, 1, 2)).ids
    door.engine.pause(None)
    listener = Listener(door)
    until(lambda: listener.rows == dict.fromkeys(first, "paused"))
    assert listener.events[0].reset
    (third,) = door.engine.add(batch(tmp_path, 3)).ids
    door.engine.pause(None)
    door.engine.cancel([first[0]])
    door.engine.forget([first[0]])
    until(lambda: listener.rows == {first[1]: "paused", third: "paused"})
    assert not any(one.reset for one in listener.events[1:])


def test_a_slow_listener_holds_up_nobody_and_misses_nothing(door: Door, tmp_path: Path):
    slow = door.raw()
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    assert slow.say(id=1, do="subscribe")["ok"]  # and then it does not read
    quick = Listener(door)
    door.engine.settings(jobs=1)
    with door.client() as client:
        for n in range(20):  # far more than what fits into the socket
            many = range(200 * n, 200 * (n + 1))
            ids = client.add(batch(tmp_path, *many)).ids
            client.pause(ids)
        client.status(rows=True)
        client.forget(None)
        until(lambda: sum(one == "paused" for one in quick.rows.values()) == 4000)
        client.cancel(range(1, 1001))
        client.forget(None)
        until(lambda: len(quick.rows) == 3000)
    rows: dict[int, str] = {}
    while rows != quick.rows:  # now it reads, and comes to know all
        changes = Changes.from_json(slow.hear())
        rows.update({one.id: one.state for one in changes.transfers})
        for id_ in changes.removed:
            rows.pop(id_, None)
    slow.close()


def test_a_client_that_goes_away_in_the_middle_is_let_go(door: Door, tmp_path: Path):
    raw = door.raw()
    assert raw.say(id=1, do="subscribe")["ok"]
    raw.hear()
    raw.socket.sendall(b'{"id": 2, "do": "sta')
    raw.close()
    until(lambda: not door.server.has_clients)
    door.engine.add(batch(tmp_path, 1))
    with door.client() as client:
        assert sum(client.status().summary.counts.values()) == 1
        assert door.server.has_clients
    until(lambda: not door.server.has_clients)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_nothing_is_said_to_an_engine_of_another_user(tmp_path: Path):
    """Somebody else may have put a socket where ours would be; it would be handed tokens."""
    path = tmp_path / "engine.sock"
    program = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]);"
        "os.setuid(65534); s.listen(); print('up', flush=True);"
        "c, _ = s.accept(); print(len(c.recv(100)), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        with pytest.raises(EngineError, match="another user is listening"):
            EngineClient(path)
        assert other.stdout.readline() == "0\n"


def test_stop_is_answered_and_passed_on(door: Door):
    with door.client() as client:
        client.stop(pause=True)
    until(lambda: door.stops == [True])
    with pytest.raises(EngineGone, match="shutting down"):
        door.client()


def test_listeners_hear_that_the_engine_has_ended(door: Door):
    listener = Listener(door)
    client = door.client()
    until(lambda: listener.events)
    door.close()
    assert listener.gone.wait(GUARD)
    with pytest.raises(EngineGone):
        client.status()
    client.close()


def test_asking_an_engine_that_has_stopped_is_refused(door: Door):
    door.engine.stop()
    raw = door.raw()
    assert raw.say(id=1, do="status")["error"]["code"] == "STOPPED"
    answer = raw.say(id=2, do="subscribe")
    assert (answer["ok"], answer["error"]["code"]) == (False, "STOPPED")
    raw.close()


def test_too_many_open_files_pass(door: Door, monkeypatch: pytest.MonkeyPatch):
    """The kernel may refuse a client for a while; the engine goes on taking others."""
    real, failures = socket.socket.accept, [OSError(24, "Too many open files")] * 3

    def accept(self: socket.socket) -> Any:
        found = real(self)
        if failures:
            found[0].close()
            raise failures.pop()
        return found

    monkeypatch.setattr(server_module, "ACCEPT_AGAIN", 0.01)
    monkeypatch.setattr(socket.socket, "accept", accept)
    until(lambda: try_once(door) and not failures)
    with door.client() as client:
        assert client.status().summary.counts == {}


def try_once(door: Door) -> bool:
    try:
        door.client().close()
    except EngineError:
        return False
    return True


def test_a_token_comes_back_in_no_answer(door: Door):
    raw = door.raw()
    said = raw.say(id=1, do="sign_in", server="http://127.0.0.1:9", token="s3cret")
    assert said["ok"]
    wrong = raw.say(id=1, do="sign_in", token="s3cret", server=None, username=5)
    assert "s3cret" not in json.dumps([said, wrong])
    raw.close()


def test_what_was_downloaded_is_read_again_for_a_client(door: Door, tmp_path: Path):
    (tmp_path / "a").write_bytes(b"changed")
    line = {"status": "done", "key": "data/1", "path": "a", "size": 7, "md5": "a" * 32}
    (tmp_path / "downloads.log").write_text(json.dumps(line) + "\n")
    with door.client() as client:
        id_ = client.verify(str(tmp_path), None)
        until(lambda: client.verified(id_, 0).state == "ended")
        found = client.verified(id_, 0)
        assert found.found == (
            WrongFile("data/1", "a", "changed", f"its md5 was {'a' * 32}", mendable=True),
        )
        assert client.verify(str(tmp_path), None, {"key": "data/1"}) == id_ + 1
        client.verify_end(id_)
        with pytest.raises(RequestRefused, match="verify it again"):
            client.verified(id_, 0)
    raw = door.raw()
    for more in ({"root": "/x", "batch_id": "1"}, {"root": "/x", "about": [1]}, {"batch_id": 1},
                 {"root": "/x", "about": {"path": "a"}}):  # fmt: skip
        assert raw.say(id=1, do="verify", **more)["error"]["code"] == "BAD_REQUEST"
    raw.close()
