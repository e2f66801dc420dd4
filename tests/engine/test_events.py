"""Subscribers: a snapshot first, then changes; the slow miss nothing and hold up nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.engine import events
from flowtui.engine.events import Events
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.protocol.messages import SNAPSHOT_PIECE, BulkRow, Changes, Summary, TransferRow


def row(id_: int, done: int = 0) -> TransferRow:
    return TransferRow(id_, 1, f"data/{id_}", "f", "/to", "data/f", "queued", done=done)


class Client:
    """What a client knows from the events alone; it takes one only when it is ready."""

    def __init__(self) -> None:
        self.ready = True
        self.events: list[Changes] = []
        self.rows: dict[int, int] = {}
        self.bulk: set[int] = set()

    def __call__(self, changes: Changes) -> bool:
        if not self.ready:
            return False
        self.events.append(changes)
        if changes.reset:
            self.rows.clear()
            self.bulk.clear()
        for one in changes.transfers:
            self.rows[one.id] = one.done
        for id_ in changes.removed:
            self.rows.pop(id_, None)
        self.bulk |= {one.id for one in changes.bulk_jobs}
        self.bulk -= set(changes.removed_bulk)
        return True


class Truth:
    """The rows as they are, and events that tell of them."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.bulk: set[int] = set()
        self.summaries = 0
        self.queue = SimpleNamespace(transfers=Rows(self), changed=set(), removed=set())
        self.jobs = SimpleNamespace(jobs=Jobs(self), changed=set(), removed=set())
        self.events = Events(cast(Any, self.queue), cast(Any, self.jobs), self.summary)

    def summary(self) -> Summary:
        self.summaries += 1
        return Summary()

    def publish(self, changed=(), removed=(), bulk=(), removed_bulk=()) -> bool:
        """Tell of these; whether somebody has still something to hear."""
        self.queue.changed.update(changed)
        self.queue.removed.update(removed)
        self.jobs.changed.update(bulk)
        self.jobs.removed.update(removed_bulk)
        self.events.publish()
        return self.events.is_waiting


class Rows(Mapping[int, Any]):
    """The transfers of a truth."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def __getitem__(self, id_: int) -> Any:
        done = self.truth.rows[id_]
        return SimpleNamespace(row=lambda: row(id_, done))

    def __iter__(self) -> Iterator[int]:
        return iter(self.truth.rows)

    def __len__(self) -> int:
        return len(self.truth.rows)


class Jobs(Mapping[int, Any]):
    """The bulk jobs of a truth."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def __getitem__(self, id_: int) -> Any:
        if id_ not in self.truth.bulk:
            raise KeyError(id_)
        made = BulkRow(id_, 1, "b", "/", "pending")
        return SimpleNamespace(transfer_id=None, row=lambda transfer: made)

    def __iter__(self) -> Iterator[int]:
        return iter(self.truth.bulk)

    def __len__(self) -> int:
        return len(self.truth.bulk)


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "remove", "bulk", "unbulk", "slow", "ready", "join"]),
        st.integers(0, 8),
    ),
    max_size=40,
)


@given(steps)
@settings(deadline=None)
def test_every_client_comes_to_know_the_truth_however_slow_it_was(actions):
    truth, clients = Truth(), [Client()]
    truth.events.subscribe(clients[0])
    gone: set[int] = set()  # the engine gives no id twice
    for action, number in actions:
        if number in gone and action in ("add", "change", "bulk"):
            continue
        told: dict[str, list[int]] = {}
        match action:
            case "add" | "change":
                truth.rows[number] = truth.rows.get(number, -1) + 1
                told = {"changed": [number]}
            case "remove" if truth.rows.pop(number, None) is not None:
                gone.add(number)
                told = {"removed": [number]}
            case "bulk":
                truth.bulk.add(number)
                told = {"bulk": [number]}
            case "unbulk" if number in truth.bulk:
                truth.bulk.discard(number)
                gone.add(number)
                told = {"removed_bulk": [number]}
            case "slow" | "ready":
                clients[number % len(clients)].ready = action == "ready"
            case "join":
                clients.append(Client())
                truth.events.subscribe(clients[-1])
        left = truth.publish(**told)
        for one in clients:
            if one.ready:
                assert (one.rows, one.bulk) == (truth.rows, truth.bulk)
        assert left <= any(not one.ready for one in clients)
    for one in clients:
        one.ready = True
    assert not truth.publish()
    for one in clients:
        assert (one.rows, one.bulk) == (truth.rows, truth.bulk)
        assert [event.reset for event in one.events] == [True, *[False] * (len(one.events) - 1)]


def test_a_long_snapshot_comes_in_pieces_and_says_when_it_is_whole():
    truth = Truth()
    truth.rows = dict.fromkeys(range(2 * SNAPSHOT_PIECE + 5), 0)
    client = Client()
    truth.events.subscribe(client)
    truth.publish()
    assert [len(one.transfers) for one in client.events] == [SNAPSHOT_PIECE, SNAPSHOT_PIECE, 5]
    assert [one.reset for one in client.events] == [True, False, False]
    assert [one.last for one in client.events] == [False, False, True]
    assert client.rows == truth.rows


def test_jobs_of_long_names_come_in_pieces_that_fit_a_line(monkeypatch):
    monkeypatch.setattr(events, "MAX_LINE", 40_000)
    truth, client = Truth(), Client()
    truth.bulk = set(range(30))
    truth.rows = dict.fromkeys(range(5), 0)
    truth.events.subscribe(client)
    truth.publish(removed_bulk=[77])
    assert len(client.events) > 3
    for event in client.events:
        assert sum(row.longest for row in event.bulk_jobs) <= 10_000
    assert client.bulk == truth.bulk
    assert client.rows == truth.rows
    assert [event.last for event in client.events] == [False] * (len(client.events) - 1) + [True]


def test_who_has_dealt_with_a_piece_gets_the_next_one_without_a_turn():
    truth, quick, slow = Truth(), Client(), Client()
    truth.rows = dict.fromkeys(range(3 * SNAPSHOT_PIECE - 1), 0)
    for client in (quick, slow):
        truth.events.subscribe(one_at_a_time(client))
    quick_listener, slow_listener = (one.listener for one in truth.events._subscribers)
    truth.publish()
    assert [len(client.events) for client in (quick, slow)] == [1, 1]
    for pieces in (2, 3):
        truth.events.go_on(quick_listener)  # he is at one still
        quick.ready = True
        truth.events.go_on(quick_listener)
        assert len(quick.events) == pieces
    assert [event.last for event in quick.events] == [False, False, True]
    assert quick.rows == truth.rows
    assert len(slow.events) == 1
    quick.ready = True
    truth.queue.changed.add(1)
    truth.events.collect()
    truth.events.go_on(quick_listener)  # mere changes wait for the turn, as ever
    assert len(quick.events) == 3


def one_at_a_time(client: Client) -> Any:
    """As a socket: it is not ready once it has something to write."""

    def take(changes: Changes) -> bool:
        taken = client(changes)
        client.ready = False
        return taken

    return take


def test_an_empty_queue_is_a_snapshot_too():
    truth, client = Truth(), Client()
    truth.events.subscribe(client)
    assert not truth.publish()
    assert [(one.reset, one.last, one.transfers) for one in client.events] == [(True, True, ())]


def test_no_news_is_no_event_and_sums_are_made_once_for_all():
    truth, clients = Truth(), [Client() for _ in range(3)]
    for one in clients:
        truth.events.subscribe(one)
    truth.publish()
    assert truth.summaries == 1
    truth.publish()
    assert [len(one.events) for one in clients] == [1, 1, 1]
    assert truth.summaries == 1


def test_who_has_gone_is_told_nothing():
    truth, client = Truth(), Client()
    end = truth.events.subscribe(client)
    assert truth.events.is_waiting
    end()
    assert not truth.publish(changed=[1])
    assert client.events == []


def test_a_row_of_a_job_comes_whenever_its_archive_is_further():
    queue, jobs = Queue(), SimpleNamespace(jobs={}, changed=set(), removed=set())
    archive = Transfer(3, 1, "bulk/1", "a.zip", (), "/u", "/to", "a.zip", "s", expected=100)
    queue.add(archive)
    made = BulkRow(7, 1, "b", "/", "fetching")
    jobs.jobs[7] = SimpleNamespace(
        transfer_id=3, row=lambda transfer: replace(made, done=transfer.done)
    )
    events = Events(queue, cast(Any, jobs), Summary)
    client = Client()
    events.subscribe(client)
    events.publish()
    queue.change(archive, done=60)
    events.publish()
    assert [[job.done for job in event.bulk_jobs] for event in client.events] == [[0], [60]]


def test_a_listener_that_fails_is_told_nothing_more_and_the_others_are():
    truth, client = Truth(), Client()
    calls: list[Changes] = []

    def fails(changes: Changes) -> None:
        calls.append(changes)
        raise KeyError("a mistake")

    truth.rows = dict.fromkeys(range(2 * SNAPSHOT_PIECE), 0)
    truth.events.subscribe(fails)
    truth.events.subscribe(client)
    assert not truth.publish()
    assert len(calls) == 1
    assert client.rows == truth.rows


def test_a_client_that_was_slow_gets_the_latest_only():
    truth, client = Truth(), Client()
    truth.events.subscribe(client)
    truth.publish()
    client.ready = False
    for n in range(20):
        truth.rows[1] = n
        assert truth.publish(changed=[1])
    client.ready = True
    truth.publish()
    assert [one.done for event in client.events for one in event.transfers] == [19]
