"""Subscribers: a snapshot first, then changes; the slow miss nothing and hold up nobody."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.engine.events import Publisher
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
    """The rows as they are, and a publisher that tells of them."""

    def __init__(self) -> None:
        self.rows: dict[int, int] = {}
        self.bulk: set[int] = set()
        self.publisher = Publisher()
        self.summaries = 0

    def publish(self, changed=(), removed=(), bulk=(), removed_bulk=()) -> bool:
        def summary() -> Summary:
            self.summaries += 1
            return Summary()

        return self.publisher.publish(
            changed=set(changed),
            removed=set(removed),
            bulk=set(bulk),
            removed_bulk=set(removed_bulk),
            summary=summary,
            row=lambda i: row(i, self.rows[i]) if i in self.rows else None,
            bulk_row=lambda i: BulkRow(i, 1, "b", "/", "pending") if i in self.bulk else None,
        )


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
    truth.publisher.add(clients[0], [], [])
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
                truth.publisher.add(clients[-1], truth.rows, truth.bulk)
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
    truth.publisher.add(client, truth.rows, [])
    truth.publish()
    assert [len(one.transfers) for one in client.events] == [SNAPSHOT_PIECE, SNAPSHOT_PIECE, 5]
    assert [one.reset for one in client.events] == [True, False, False]
    assert [one.last for one in client.events] == [False, False, True]
    assert client.rows == truth.rows


def test_an_empty_queue_is_a_snapshot_too():
    truth, client = Truth(), Client()
    truth.publisher.add(client, [], [])
    assert not truth.publish()
    assert [(one.reset, one.last, one.transfers) for one in client.events] == [(True, True, ())]


def test_no_news_is_no_event_and_sums_are_made_once_for_all():
    truth, clients = Truth(), [Client() for _ in range(3)]
    for one in clients:
        truth.publisher.add(one, [], [])
    truth.publish()
    assert truth.summaries == 1
    truth.publish()
    assert [len(one.events) for one in clients] == [1, 1, 1]
    assert truth.summaries == 1


def test_who_has_gone_is_told_nothing():
    truth, client = Truth(), Client()
    one = truth.publisher.add(client, [], [])
    truth.publish()
    assert (len(client.events), truth.summaries) == (1, 1)
    truth.publisher.discard(one)
    truth.rows[1] = 0
    truth.publish(changed=[1])
    assert (len(client.events), truth.summaries) == (1, 1)


def test_a_client_that_was_slow_gets_the_latest_only():
    truth, client = Truth(), Client()
    truth.publisher.add(client, [], [])
    truth.publish()
    client.ready = False
    for n in range(20):
        truth.rows[1] = n
        assert truth.publish(changed=[1])
    client.ready = True
    truth.publish()
    assert [one.done for event in client.events for one in event.transfers] == [19]
