"""The queue under a name that this machine had before: found, told, and taken over."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.config import Settings
from flowtui.daemon.pidfile import PidFile, read_address
from flowtui.engine.engine import Engine
from flowtui.engine.store import other_names
from flowtui.engine.store.other_names import other_queues, take_first, take_rest, unsure_in_words
from flowtui.flow.errors import ServiceUnavailable
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch
from flowtui.system.boot import is_same_boot
from flowtui.system.machine import Fate, Mark, fate_of, is_local, mark_of, own_mark
from support.services import FakeClient, make_service

BOOT, OTHER_BOOT = "1" * 36, "2" * 36
HERE = Mark(1, "machine", BOOT, "100")


@pytest.mark.parametrize(
    ("mark", "held", "local", "started", "fate"),
    [
        # A lock that is held is an engine, wherever that is.
        (Mark(7, "machine", OTHER_BOOT, "5"), True, True, None, Fate.ALIVE),
        (None, True, True, None, Fate.ALIVE),
        # The same kernel: it has the last word, also in a container and over NFS.
        (Mark(7, "", BOOT, "5"), False, False, None, Fate.DEAD),
        (Mark(7, "", BOOT, "5"), False, False, "6", Fate.DEAD),  # its number is another's now
        (Mark(7, "", BOOT, "5"), False, False, "5", Fate.ALIVE),  # a share without locks
        # This machine before it was started anew: only on its own disk a lock proves that.
        (Mark(7, "machine", OTHER_BOOT, "5"), False, True, "5", Fate.DEAD),
        (Mark(7, "machine", OTHER_BOOT, "5"), False, False, None, Fate.UNKNOWN),
        # Another machine, which shares the home or was copied.
        (Mark(7, "another", OTHER_BOOT, "5"), False, False, None, Fate.ELSEWHERE),
        (Mark(7, "another", OTHER_BOOT, "5"), False, True, None, Fate.ELSEWHERE),
        (Mark(7, "", OTHER_BOOT, "5"), False, True, None, Fate.ELSEWHERE),
        # An earlier version's, which left no mark.
        (None, False, True, None, Fate.DEAD),
        (None, False, False, None, Fate.UNKNOWN),
    ],
)
def test_who_is_dead(
    mark: Mark | None, held: bool, local: bool, started: str | None, fate: Fate
) -> None:
    assert fate_of(mark, HERE, is_held=held, is_local=local, started=started) is fate


def test_a_mark_is_read_as_it_was_written() -> None:
    for mark in (HERE, Mark(1, "", BOOT, "100"), Mark(1, "machine"), own_mark()):
        assert mark_of(mark.pid, mark.text()) == mark
    for line in ("", "- - -", "a b", "a b c d"):
        assert mark_of(1, line) is None


def test_a_boot_is_the_same_under_another_name_of_the_host() -> None:
    assert is_same_boot(f"old {BOOT}", f"new {BOOT}")
    assert not is_same_boot(f"old {BOOT}", f"old {OTHER_BOOT}")
    assert not is_same_boot("old unknown 12", "new unknown 12")
    assert not is_same_boot(None, f"old {BOOT}")


def test_which_file_systems_are_this_machines_own(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "disk / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\nnothing\n"
        "disk /home/my\\040disk xfs rw 0 0\nover /tmp tmpfs rw 0 0\nlater /tmp fuse.sshfs rw 0 0\n"
    )
    assert is_local(Path("/var/x"), mounts)
    assert not is_local(Path("/home/me"), mounts)
    assert is_local(Path("/home/my disk/x"), mounts)
    assert not is_local(Path("/tmp/x"), mounts)
    assert not is_local(Path("/"), tmp_path / "none")


def wish(root: Path, *ids: str, **more: Any) -> Batch:
    files = [RemoteFile(f"data/{n}", f"f{n}", f"/d/{n}/f{n}", ("d",), 5, None, n) for n in ids]
    return Batch("http://127.0.0.1:9", str(root), "wish", tuple(files), **more)


class Hosts:
    """State folders of hosts beside each other, on a disk that is local or not."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"

    def of(self, name: str) -> Path:
        made = self.state / name
        made.mkdir(parents=True, exist_ok=True)
        return made

    def queue(self, name: str, *ids: str, mark: Mark | None = None) -> Path:
        """A queue that an engine of that host left."""
        folder = self.of(name)
        made = self.engine(name)
        made.start()
        files = tuple(
            RemoteFile(f"data/{n}", f"f{n}", f"/d/{n}/f{n}", ("d",), 5, None, n) for n in ids
        )
        made.add(Batch("http://127.0.0.1:9", str(self.state / "to"), name, files))
        made.pause(None)
        made.stop()
        lines = f"999999999\n\n{mark.text()}\n" if mark else "999999999\n"
        (folder / "engine.lock").write_text(lines)
        return folder

    def engine(self, name: str) -> Engine:
        return Engine(Settings(), database=self.of(name) / "queue.db", make_service=make_service())


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    monkeypatch.setattr(other_names, "is_local", lambda folder: True)
    yield Hosts(tmp_path)


def keys(made: Engine) -> dict[str, str]:
    made.start()
    rows = made.status(rows=True).transfers
    made.stop()
    return {row.key: row.state for row in rows}


def test_a_host_that_was_renamed_has_its_queue(hosts: Hosts) -> None:
    hosts.queue("old", "1", "2", mark=own_mark())
    new = hosts.of("new")
    left, words = take_first(other_queues(new), new)
    assert (left, len(words)) == ([], 1)
    assert "this machine was called old before" in words[0]
    assert keys(hosts.engine("new")) == {"data/1": "paused", "data/2": "paused"}  # as it was
    assert other_queues(new) == []


def test_what_it_has_by_its_new_name_stays(hosts: Hosts) -> None:
    hosts.queue("old", "1", "2", mark=own_mark())
    new = hosts.queue("new", "3", mark=own_mark())
    left, words = take_first(other_queues(new), new)
    assert (len(left), words) == (1, [])
    made = hosts.engine("new")
    made.start()
    made.pause(None)
    assert len(take_rest(left, new, made.add)) == 1
    assert {row.key for row in made.status(rows=True).transfers} == {"data/1", "data/2", "data/3"}
    made.stop()
    assert other_queues(new) == []
    assert any(".taken-" in path.name for path in (hosts.state / "old").iterdir())


def test_an_engine_that_runs_keeps_its_queue(hosts: Hosts) -> None:
    old = hosts.queue("old", "1", mark=own_mark())
    descriptor = os.open(old / "engine.lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert other_queues(hosts.of("new")) == []
    os.close(descriptor)
    assert len(other_queues(hosts.of("new"))) == 1


def test_a_shared_home_is_left_alone(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The locks of NFS may hold on each host alone; the others' queues are theirs."""
    monkeypatch.setattr(other_names, "is_local", lambda folder: False)
    old = hosts.queue("other-host", "1", mark=Mark(5, "another", OTHER_BOOT, "5"))
    new = hosts.of("new")
    assert other_queues(new) == []
    (old / "engine.lock").write_text("5\n")  # of a version without marks
    others = other_queues(new)
    assert take_first(others, new) == (others, [])
    assert take_rest(others, new, pytest.fail) == []
    assert f"in the queue of other-host ({old})" in unsure_in_words(others)
    assert not (new / "queue.db").exists()


def test_what_is_done_is_no_queue(hosts: Hosts) -> None:
    old = hosts.queue("old", "1", mark=own_mark())
    (old / "queue.jsonl").write_text("")
    assert other_queues(hosts.of("new")) == []
    (hosts.state / "a-file").touch()
    (hosts.state / "a-link").symlink_to(old)
    assert other_queues(hosts.of("new")) == []


def test_a_queue_that_cannot_be_had_stays_where_it_is(hosts: Hosts) -> None:
    old = hosts.queue("old", "1", mark=own_mark())
    new = hosts.queue("new", "3", mark=own_mark())

    def full(batch: Batch) -> None:
        raise OSError(28, "No space left on device")

    assert take_rest(other_queues(new), new, full) == []
    assert (old / "queue.db").exists()
    assert len(other_queues(new)) == 1


def test_the_lock_file_says_who_to_look_for_and_older_clients_read_it(tmp_path: Path) -> None:
    file = tmp_path / "engine.lock"
    pidfile = PidFile(os.open(file, os.O_RDWR | os.O_CREAT), lambda: None)
    for socket in (Path("/run/x/engine.sock"), None):
        pidfile.write(socket)
        found = read_address(file)
        assert (found.pid, found.socket) == (os.getpid(), socket)
        assert mark_of(os.getpid(), file.read_text().split("\n")[2]) == own_mark()
    pidfile.release()


def test_the_archives_that_it_waited_for_are_asked_for_again(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text record has no bulk jobs once an engine has begun it anew."""

    def away(*_: object) -> None:
        raise ServiceUnavailable("the server is away")

    monkeypatch.setattr(FakeClient, "create_bulk_job", away, raising=False)
    old = hosts.queue("old", "1", mark=own_mark())
    made = hosts.engine("old")
    made.start()
    made.cancel(None)
    made.add(wish(hosts.state / "to", "7", "8", bulk=True, unpack=True))
    made.stop()
    (old / "queue.jsonl").write_text("")
    new = hosts.queue("new", "3", mark=own_mark())
    added: list[Batch] = []
    assert len(take_rest(other_queues(new), new, added.append)) == 1
    assert [(batch.bulk, [file.key for file in batch.files]) for batch in added] == [
        (True, ["data/7", "data/8"])
    ]
