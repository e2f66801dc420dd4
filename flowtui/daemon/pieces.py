"""A batch in pieces that each fit a line of the protocol, and the answers to them as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from flowtui.protocol.messages import Added, Batch, RequestRefused, file_to_json
from flowtui.protocol.wire import MAX_LINE, encode
from flowtui.text.redaction import has_secret_query

PIECE = MAX_LINE >> 5
"""Bytes of a piece at most; the engine sees to other clients between two of them."""


def in_pieces(batch: Batch, most: int = PIECE) -> Iterator[Batch]:
    """The batch's files, in order, as batches of `most` bytes each, or of one file.

    Raises RequestRefused for a file that fits no line.
    """
    if batch.bulk:
        batch = without_links_of_members(batch)
    first = length = 0
    for number, file in enumerate(batch.files):
        size = len(encode(file_to_json(file)))
        if size > MAX_LINE // 2:
            raise RequestRefused(
                "TOO_LONG", f"{file.filename[:80]}: what Flow says of it is too long to queue it"
            )
        if length and length + size > most:
            yield replace(batch, files=batch.files[first:number])
            first, length = number, 0
        length += size
    yield replace(batch, files=batch.files[first:])


def without_links_of_members(batch: Batch) -> Batch:
    """A batch for an archive, which brings its files without their signed links.

    Those that come one by one after all get fresh ones by their ids.
    """
    files = tuple(
        replace(file, url="") if file.data_id is not None and has_secret_query(file.url) else file
        for file in batch.files
    )
    return replace(batch, files=files)


def first_piece(
    rows: Iterable[dict[str, Any]], most: int = PIECE
) -> tuple[list[dict[str, Any]], bool]:
    """The first rows, of `most` bytes or one row; and whether these are all."""
    piece: list[dict[str, Any]] = []
    length = 0
    for row in rows:
        length += len(encode(row))
        if piece and length > most:
            return piece, False
        piece.append(row)
    return piece, True


def joined(answers: Sequence[Added]) -> Added:
    """What became of a batch whose pieces came to this."""
    return Added(
        answers[0].batch_id,
        tuple(dict.fromkeys(id_ for answer in answers for id_ in answer.ids)),
        sum(answer.added for answer in answers),
        sum(answer.known for answer in answers),
        next((answer.bulk_id for answer in answers if answer.bulk_id is not None), None),
        sum(answer.apart for answer in answers),
    )
