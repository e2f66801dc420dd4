"""The order of the table's lines, after whatever the engine tells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowtui.protocol.messages import BulkRow, Changes, Summary, TransferRow
from flowtui.protocol.states import TransferState
from flowtui.tui.queue_model import Delta, QueueModel, group_of

STATES = [state.value for state in TransferState]


def row(id_: int, state: str = "queued", **more: object) -> TransferRow:
    fields = {"key": f"data/{id_}", "filename": f"f{id_}", "root": "/to", "path": f"data/f{id_}"}
    return TransferRow(id=id_, batch_id=1, state=state, **{**fields, **more})  # type: ignore[arg-type]


def told(model: QueueModel, *rows: TransferRow, **more: object) -> Delta:
    delta = Delta()
    model.apply(Changes(Summary(), transfers=rows, **more), delta)  # type: ignore[arg-type]
    return delta


def ids(model: QueueModel) -> list[int]:
    found = [model.at(line) for line in range(len(model))]
    return [one.id for one in found if one is not None]


def test_running_first_then_to_come_then_failed_then_here() -> None:
    model = QueueModel()
    told(
        model,
        row(1, "done"), row(2, "failed"), row(3, "queued"), row(4, "active"), row(5, "paused"),
        row(6, "verifying"), row(7, "waiting"), row(8, "cancelled"), row(9, "skipped"),
    )  # fmt: skip
    assert ids(model) == [4, 6, 3, 5, 7, 2, 1, 8, 9]


def test_progress_moves_no_line_and_a_change_of_group_does() -> None:
    model = QueueModel()
    told(model, row(1, "active"), row(2))
    delta = told(model, row(1, "active", done=5))
    assert (delta.changed, delta.moved) == ({1}, False)
    assert told(model, row(1, "done")).moved
    assert ids(model) == [2, 1]


def test_a_snapshot_replaces_everything() -> None:
    model = QueueModel()
    told(model, row(1), row(2), bulk_jobs=(BulkRow(1, 1, "a", "/to", "pending"),))
    delta = told(model, row(7), reset=True)
    assert ids(model) == [7] and not model.bulk_jobs
    assert delta.moved and delta.bulk


def test_what_is_gone_is_gone() -> None:
    model = QueueModel()
    told(model, row(1), row(2, "done"), bulk_jobs=(BulkRow(1, 1, "a", "/to", "done"),))
    delta = told(model, removed=(2, 99), removed_bulk=(1, 99))
    assert ids(model) == [1] and not model.bulk_jobs and delta.moved and delta.bulk


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(1, 12), st.sampled_from(STATES)),
            st.tuples(st.integers(1, 12), st.none()),
        )
    )
)
def test_lines_and_ids_fit_each_other_after_any_history(
    history: list[tuple[int, str | None]],
) -> None:
    model = QueueModel()
    known: dict[int, str] = {}
    for id_, state in history:
        if state is None:
            told(model, removed=(id_,))
            known.pop(id_, None)
        else:
            told(model, row(id_, state))
            known[id_] = state
    assert ids(model) == sorted(known, key=lambda one: (group_of(known[one]), one))
    assert all(model.line_of(one) == line for line, one in enumerate(ids(model)))
    assert model.at(len(known)) is None and model.at(-1) is None and model.line_of(99) is None
