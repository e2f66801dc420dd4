"""What comes from outside: every field of the kind that is annotated, or refused in words."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import types
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.queue.queue import Transfer
from flowtui.flow.remote_file import Origin, RemoteFile
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    Recheck,
    Space,
    Status,
    Summary,
    TransferRow,
)
from flowtui.protocol.requests import REQUESTS
from flowtui.protocol.schema import MOST, WrongKind, read
from flowtui.transfer.task import FileResult

FILE = {"key": "data/1", "filename": "a", "url": "/a"}
BATCH = {"server": "s", "root": "/to", "name": "n", "files": [FILE]}
TRANSFER = {
    "id": 1, "batch_id": 1, "key": "k", "filename": "f", "folder": [], "url": "u", "root": "/to",
    "path": "data/f", "server": "s", "state": "queued",
}  # fmt: skip
JOB = {
    "id": 1, "batch_id": 1, "name": "n", "root": "/to", "server": "s", "data_ids": ["1"],
    "bytes": 0, "created": 0, "state": "pending",
}  # fmt: skip

GOOD: list[tuple[type, dict[str, Any]]] = [
    (RemoteFile, FILE),
    (Origin, {}),
    (Batch, BATCH),
    (Transfer, TRANSFER),
    (BulkJobRecord, JOB),
    (FileResult, {"state": "done"}),
    (TransferRow, TRANSFER),
    (BulkRow, JOB),
    (BulkFileRow, {**FILE, "path": "f", "state": "done"}),
    (Summary, {}),
    (Changes, {"summary": {}}),
    (Status, {"summary": {}}),
    (Added, {"batch_id": 1, "ids": [1], "added": 1, "known": 0}),
    (Space, {"free": 1, "promised": 1}),
    (REQUESTS["add"], {"batch": BATCH}),
    (REQUESTS["pause"], {}),
    (REQUESTS["bulk"], {"bulk_ids": [1], "action": "cancel"}),
    (REQUESTS["bulk_files"], {"bulk_id": 1}),
    (REQUESTS["status"], {}),
    (REQUESTS["verify"], {"root": "/to"}),
    (REQUESTS["verified"], {"recheck_id": 1}),
    (REQUESTS["verify_end"], {"recheck_id": 1}),
    (Recheck, {"state": "reading"}),
    (REQUESTS["space"], {"path": "/to"}),
    (REQUESTS["sign_in"], {"server": "https://x", "token": "T"}),
    (REQUESTS["settings"], {}),
    (REQUESTS["stop"], {}),
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 2)
    | st.sampled_from([MOST, MOST + 1, -MOST - 2, 1 << 53])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["/to", "../x", "/", "cancel", "done", "a/..", "a\0"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def conforms(value: Any, kind: Any) -> bool:
    """Whether a value is of the annotated kind; written without the schema."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        inner, rule = arguments[0], arguments[1]
        if not conforms(value, inner):
            return False
        return value in rule if isinstance(rule, range) else bool(rule.fullmatch(value))
    if origin in (typing.Union, types.UnionType):
        return any(conforms(value, argument) for argument in arguments)
    if origin is tuple:
        return type(value) is tuple and all(conforms(item, arguments[0]) for item in value)
    if origin is dict:
        return type(value) is dict and all(
            type(key) is str and conforms(item, arguments[1]) for key, item in value.items()
        )
    if origin is typing.Literal:
        return value in arguments
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return type(value) is kind and all(
            conforms(getattr(value, field.name), hints[field.name])
            for field in dataclasses.fields(kind)
        )
    if kind is float:
        return type(value) is float and math.isfinite(value)
    if kind is int:
        return type(value) is int and abs(value) <= 1 << 63
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return isinstance(value, kind)
    return type(value) is kind


FIELDS = [(kind, good, field.name) for kind, good in GOOD for field in dataclasses.fields(kind)]


@given(st.sampled_from(FIELDS), json_values)
@settings(max_examples=200, deadline=None)
def test_any_value_in_any_field_is_of_the_right_kind_or_refused_in_words(
    field: tuple[type, dict[str, Any], str], value: Any
) -> None:
    kind, good, name = field
    given_ = json.loads(json.dumps({**good, name: value}))
    try:
        record = read(kind, given_)
    except WrongKind as error:
        assert str(error).startswith(name)
        assert " must be " in str(error)
        assert len(str(error)) < 500
        assert conforms(read(kind, good), kind)
    else:
        assert conforms(record, kind)
        if hasattr(record, "to_json"):
            assert read(kind, json.loads(json.dumps(record.to_json()))) == record


@given(json_values)
def test_any_value_for_a_whole_record_is_one_or_refused(value: Any) -> None:
    for kind, _ in GOOD:
        try:
            assert conforms(read(kind, value), kind)
        except WrongKind as error:
            assert " must be " in str(error)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"one_by_one_up_to": "x"}, "one_by_one_up_to must be a whole number from 0 to"),
        ({"one_by_one_up_to": math.inf}, "one_by_one_up_to must be a whole number from 0 to"),
        ({"files": [FILE, {**FILE, "size": "x"}]}, r"files\[1\]\.size must be a whole number"),
        ({"files": [{**FILE, "origin": {"run": 5}}]}, r"files\[0\]\.origin\.run must be text"),
        ({"files": 5}, "files must be a list, not 5"),
        ({"root": "here"}, "root must be an absolute path, not 'here'"),
        ({"continues": 0}, "continues must be a whole number from 1 to"),
        ({"unpack": "yes"}, "unpack must be true or false, not 'yes'"),
        ({"name": 5}, "name must be text, not 5"),
        ({"files": [[["x" * 1000] * 1000] * 1000]}, r"files\[0\] must be an object, not a list"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_is_told_by_its_field(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongKind, match=words) as caught:
        Batch.from_json({**BATCH, **wrong})
    assert len(str(caught.value)) < 300


def test_a_token_is_not_repeated() -> None:
    for token in ("secret\n", 5):
        with pytest.raises(WrongKind) as caught:
            read(REQUESTS["sign_in"], {"server": "https://x", "token": token})
        assert str(caught.value) == "token must be a token"


def test_what_is_missing_is_told_and_what_is_new_passed_over() -> None:
    with pytest.raises(WrongKind, match="server must be given, but is missing"):
        Batch.from_json({})
    assert Batch.from_json({**BATCH, "new": [1]}) == Batch.from_json(BATCH)
    assert Summary.from_json({}) == Summary()


def test_a_whole_number_will_do_where_a_fraction_is_meant() -> None:
    rate = Summary.from_json({"rate": 5}).rate
    assert (rate, type(rate)) == (5.0, float)
