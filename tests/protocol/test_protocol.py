"""What engine and clients say: every message comes through as it was, and newer ones too."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkRow,
    Changes,
    Message,
    Space,
    Status,
    Summary,
    TransferRow,
)
from flowtui.protocol.schema import WrongKind
from flowtui.protocol.wire import ProtocolError, decode, encode

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=6)
numbers = st.integers(0, (1 << 63) - 1)
ids = st.integers(1, (1 << 53) - 1)
floats = st.floats(0, 1e15)
none = st.none()


def some(one):
    return st.lists(one, max_size=2).map(tuple)


files = st.builds(
    RemoteFile, key=texts, filename=texts, url=texts, folder=some(texts), size=none | numbers,
    md5=none | texts, data_id=none | texts, sample=none | texts,
)  # fmt: skip
batches = st.builds(
    Batch, server=texts, root=st.just("/to"), name=texts, files=some(files), bulk=st.booleans()
)
transfers = st.builds(
    TransferRow, id=ids, batch_id=ids, key=texts, filename=texts, root=texts, path=texts,
    state=texts, reason=texts, code=texts, retryable=st.booleans(), size=none | numbers,
    done=numbers, rate=floats, eta=none | floats, resumed_at=numbers, md5=none | texts,
    verified_by=texts, sample=none | texts, server=texts, bulk_id=none | ids,
    connections=numbers, seconds=floats,
)  # fmt: skip
bulk_rows = st.builds(
    BulkRow, id=ids, batch_id=ids, name=texts, root=texts, state=texts, reason=texts,
    code=texts, files=numbers, bytes=numbers, progress=none | floats, created=floats,
    expires=none | floats, job_id=texts, transfer_id=none | ids, server=texts,
)  # fmt: skip
summaries = st.builds(
    Summary, counts=st.dictionaries(texts, numbers, max_size=2), done=numbers, total=numbers,
    unknown_sizes=numbers, rate=floats, eta=none | floats, root=texts, free=none | numbers,
    needs_sign_in=some(texts), limit_rate=numbers, jobs=numbers,
)  # fmt: skip
changes = st.builds(
    Changes, summary=summaries, transfers=some(transfers), bulk_jobs=some(bulk_rows),
    removed=some(ids), removed_bulk=some(ids), reset=st.booleans(), last=st.booleans(),
)  # fmt: skip
added = st.builds(
    Added, batch_id=ids, ids=some(ids), added=numbers, known=numbers,
    bulk_id=none | ids,
)  # fmt: skip
spaces = st.builds(Space, free=numbers, promised=numbers)
statuses = st.builds(
    Status, summary=summaries, transfers=some(transfers), bulk_jobs=some(bulk_rows)
)

messages = st.one_of(batches, transfers, bulk_rows, summaries, changes, added, spaces, statuses)


@given(messages)
@settings(max_examples=100, deadline=None)
def test_every_message_comes_through_as_it_was(message: Message):
    line = encode(message.to_json())
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert type(message).from_json(decode(line)) == message


def with_news(value, name: str = ""):
    """A message of a later version: every record in it has a field that we do not know."""
    if isinstance(value, list):
        return [with_news(one) for one in value]
    if not isinstance(value, dict) or name in ("counts", "file_counts"):
        return value
    return {**{key: with_news(one, key) for key, one in value.items()}, "new": [1]}


@given(messages)
@settings(max_examples=50, deadline=None)
def test_fields_that_we_do_not_know_are_passed_over(message: Message):
    later = with_news(json.loads(encode(message.to_json())))
    assert "new" in later
    assert type(message).from_json(decode(encode(later))) == message


@pytest.mark.parametrize("kind", [Batch, TransferRow, BulkRow, Changes, Added, Space, Status])
def test_a_message_without_what_it_needs_is_refused(kind: type[Message]):
    with pytest.raises(WrongKind, match="but is missing"):
        kind.from_json({})


GOOD = {"key": "data/1", "filename": "a", "url": "/downloads/1/a"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": 5}, {"filename": None}, {"url": ["x"]}, {"folder": "data"}, {"folder": [1]},
        {"folder": None}, {"size": "5"}, {"size": -1}, {"size": 1.5}, {"size": True},
        {"size": 1 << 63}, {"md5": 5}, {"data_id": 5}, {"sample": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_batch_with_a_file_that_is_none_is_refused(wrong: dict):
    """Here, at the door, so that the queue never holds what cannot be stored or fetched."""
    whole = {"server": "s", "root": "/to", "name": "n"}
    assert Batch.from_json({**whole, "files": [GOOD]}).files == (RemoteFile(**GOOD),)
    with pytest.raises(WrongKind):
        Batch.from_json({**whole, "files": [{**GOOD, **wrong}]})


@pytest.mark.parametrize(
    "wrong",
    [{"server": 1}, {"root": None}, {"name": []}, {"files": {}}, {"files": "x"}, {"files": [1]}],
    ids=str,
)
def test_a_batch_of_other_kinds_of_values_is_refused(wrong: dict):
    with pytest.raises(WrongKind):
        Batch.from_json({"server": "s", "root": "/to", "name": "n", "files": [GOOD], **wrong})


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"rubbish\n", b"[]\n", b"5\n", b'"x"\n', b"\xff\xfe\n", b'{"a": \n', b"[" * 99_999,
     b'{"a":' * 99_999],
    ids=lambda line: repr(line[:12]),
)  # fmt: skip
def test_what_is_no_message_is_refused_in_words(line: bytes):
    with pytest.raises(ProtocolError):
        decode(line)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_refused(line: bytes):
    try:
        assert isinstance(decode(line), dict)
    except ProtocolError as error:
        assert len(str(error)) < 400
