"""The queue's sums: whatever happens to its transfers, they are what a recount gives."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flowtui.config import Settings
from flowtui.engine.engine import Engine
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.protocol.messages import Batch
from flowtui.protocol.states import TRANSFER_STEPS, UNFINISHED, TransferState, WrongStep

T = TransferState


def transfer(id_: int, batch: int = 1, **more) -> Transfer:
    fields = {
        "batch_id": batch, "key": f"data/{id_}", "filename": f"f{id_}", "folder": ("data",),
        "url": f"/downloads/{id_}/f{id_}", "root": f"/to/{batch}", "path": f"data/f{id_}",
        "server": "https://flow.test",
    }  # fmt: skip
    return Transfer(id=id_, **{**fields, **more})


sizes = st.none() | st.integers(0, 1000)


class Recount(RuleBasedStateMachine):
    """Adds, changes and removes; after each step everything is counted again."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.last = 0
        self.told: dict[int, object] = {}

    def one(self, data) -> Transfer:
        return self.queue.transfers[data.draw(st.sampled_from(sorted(self.queue.transfers)))]

    @rule(batch=st.integers(1, 3), expected=sizes, done=st.integers(0, 1000))
    def add(self, batch, expected, done):
        self.last += 1
        self.queue.add(transfer(self.last, batch, expected=expected, done=done))

    @precondition(lambda self: self.queue.transfers)
    @rule(
        data=st.data(),
        state=st.none() | st.sampled_from(T),
        to=st.fixed_dictionaries(
            {},
            optional={
                "size": sizes,
                "expected": sizes,
                "done": st.integers(0, 1000),
                "reason": st.text(max_size=3),
                "rate": st.floats(0, 100),
            },
        ),
    )
    def change(self, data, state, to):
        one = self.one(data)
        before = one.state
        if state is None or state is before or state in TRANSFER_STEPS[before]:
            self.queue.change(one, state, **to)
            assert one.state is (state or before)
            assert all(getattr(one, name) == value or name == "rate" for name, value in to.items())
        else:
            with pytest.raises(WrongStep):
                self.queue.change(one, state, **to)
            assert one.state is before

    @precondition(lambda self: self.queue.transfers)
    @rule(data=st.data())
    def remove(self, data):
        one = self.one(data)
        self.queue.remove(one)
        assert self.queue.find(one.root, one.key) is None

    @rule()
    def tell(self):
        """What a client knows after each event is what is there."""
        queue = self.queue
        for id_ in queue.changed:
            self.told[id_] = queue.transfers[id_].row()
        for id_ in queue.removed:
            self.told.pop(id_, None)
        queue.changed.clear()
        queue.removed.clear()
        assert self.told == {one.id: one.row() for one in queue.transfers.values()}

    @invariant()
    def sums_are_a_recount(self):
        queue = self.queue
        there = list(queue.transfers.values())
        counted = [one for one in there if one.state not in (T.FAILED, T.CANCELLED)]
        summary = queue.summary(10.0)
        assert summary.counts == Counter(one.state.value for one in there)
        assert summary.done == sum(one.done for one in counted)
        assert summary.total == sum(
            max((one.size if one.size is not None else one.expected) or 0, one.done)
            for one in counted
        )
        assert summary.unknown_sizes == sum(
            one.size is None and one.expected is None for one in counted
        )
        assert summary.eta == (summary.total - summary.done) / 10.0
        assert summary.total >= summary.done
        left: Counter[int] = Counter()
        for one in there:
            if one.state in UNFINISHED:
                left[one.batch_id] += one.bytes_known - one.done
        assert {k: n for k, n in queue.left.items() if n} == {k: n for k, n in left.items() if n}

    @invariant()
    def what_is_there_is_found(self):
        queue = self.queue
        for one in queue.transfers.values():
            assert queue.find(one.root, one.key) is one
        assert queue.unsaved <= set(queue.transfers)
        assert queue.changed <= set(queue.transfers)
        assert not queue.removed & set(queue.transfers)


TestRecount = Recount.TestCase
TestRecount.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_only_what_is_worth_it_is_saved():
    queue = Queue()
    one = transfer(1)
    queue.add(one)
    queue.change(one, T.ACTIVE)
    queue.unsaved.clear()
    queue.change(one, done=5, rate=3.0, connections=2)
    assert queue.unsaved == set()
    assert queue.changed == {1}
    queue.change(one, size=10)
    assert queue.unsaved == {1}


def test_a_transfer_that_rests_has_no_rate():
    queue = Queue()
    one = transfer(1, size=100, done=50)
    queue.add(one)
    queue.change(one, T.ACTIVE, rate=10.0, connections=4)
    assert (one.row().rate, one.row().eta) == (10.0, 5.0)
    queue.change(one, T.PAUSED)
    assert (one.row().rate, one.row().eta, one.row().connections) == (0.0, None, 0)


def test_picking_passes_unknown_ids_over_and_keeps_the_order():
    queue = Queue()
    for n in (1, 2, 3):
        queue.add(transfer(n))
    assert [one.id for one in queue.pick(None)] == [1, 2, 3]
    assert [one.id for one in queue.pick([3, 99, 1])] == [3, 1]
    queue.change(queue.transfers[2], T.PAUSED)
    assert [one.id for one in queue.in_state(T.QUEUED)] == [1, 3]
    assert list(queue.in_state(T.DONE)) == []


def test_one_may_be_removed_while_they_are_gone_through():
    queue = Queue()
    for n in (1, 2, 3):
        queue.add(transfer(n))
    for one in queue.pick(None):
        queue.remove(one)
    assert queue.transfers == {}
    assert queue.removed == {1, 2, 3}


def test_what_many_transfers_have_in_common_is_in_memory_once(tmp_path):
    """100,000 files took the engine 490 MB: 4.6 KB each, most of it texts that are the same."""
    origin = {"project": "A project of some name", "execution": "123", "pipeline": "RNA-seq"}
    count = 400
    files = [
        {
            "key": f"data/9{n:08d}",
            "filename": f"sample_{n}_R1.fastq.gz",
            "url": f"/downloads/9{n:08d}/sample_{n}_R1.fastq.gz",
            "folder": ["samples", f"sample {n // 2}"],
            "size": 4_096_000 + n,
            "md5": f"{n:032x}",
            "data_id": f"9{n:08d}",
            "sample": f"sample {n // 2}",
            "belongs_to": f"sample/{n // 2}",
            "fileset": f"s{n // 2}",
            "origin": origin,
        }
        for n in range(count)
    ]
    text = json.dumps({"server": "http://s", "root": str(tmp_path), "name": "", "files": files})
    del files
    made = Engine(Settings(), make_service=cast(Any, None))

    def memory_of(name: str) -> int:
        """What a batch of them takes that is like the others but for its names."""
        batch = text.replace("sample_", f"{name}_").replace("data/", f"{name}/")
        gc.collect()
        tracemalloc.start()
        try:
            made._add(Batch.from_json(json.loads(batch)))
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    # A table of the process that grows meanwhile (of interned texts, say) counts whole in one
    # of them: the least of a few is what the transfers themselves take.
    memory_of("warm")
    taken = min(memory_of(name) for name in ("one", "two", "three"))
    made.stop()
    assert taken / count < 2_500, f"{taken / count:.0f} bytes each"
