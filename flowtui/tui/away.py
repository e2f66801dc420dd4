"""What went on while no app was open: told once, when one is opened again.

An app keeps, in the state folder, which transfers had not ended when it last looked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowtui.protocol.messages import TransferRow
from flowtui.protocol.states import ENDED, GOOD, TransferState

if TYPE_CHECKING:
    from flowtui.config import Folders
    from flowtui.tui.queue_model import QueueModel

NAME = "app.json"

MOST_IDS = 2_000_000

MOST_RANGES = 20_000
"""Ranges of ids that are kept: beyond that the earliest are forgotten."""


@dataclass(frozen=True)
class Seen:
    """What an app has seen of the queue.

    Attributes:
        newest: the highest id of a transfer; ids grow.
        unended: those that had not ended.
    """

    newest: int
    unended: frozenset[int]


def seen_of(model: QueueModel) -> Seen:
    """What there is to see now."""
    rows = model.transfers.values()
    unended = frozenset(row.id for row in rows if row.state not in ENDED)
    return Seen(max(model.transfers, default=0), unended)


def ended_since(seen: Seen, rows: Iterable[TransferRow]) -> tuple[int, int]:
    """How many transfers came here, and how many failed, that had not when they were seen."""
    news = [row.state for row in rows if row.id > seen.newest or row.id in seen.unended]
    return sum(state in GOOD for state in news), news.count(TransferState.FAILED)


def in_words(done: int, failed: int) -> str:
    """`While you were away: 212 files done, 1 failed`; empty where nothing was."""
    if not done and not failed:
        return ""
    parts = [f"{done:,} {'file' if done == 1 else 'files'} done"] if done else []
    parts += [f"{failed:,} failed"] if failed else []
    return f"While you were away: {', '.join(parts)}"


def to_json(seen: Seen) -> dict[str, Any]:
    """As it is kept: ids mostly follow one another."""
    return {"newest": seen.newest, "unended": list(_ranges(sorted(seen.unended)))[-MOST_RANGES:]}


def from_json(kept: object) -> Seen | None:
    """What was kept; None where it is nothing of ours."""
    if not isinstance(kept, dict):
        return None
    newest, ranges = kept.get("newest"), kept.get("unended")
    if type(newest) is not int or not isinstance(ranges, list) or len(ranges) > MOST_RANGES:
        return None
    unended: set[int] = set()
    for pair in ranges:
        if not (isinstance(pair, list) and [type(end) for end in pair] == [int, int]):
            return None
        first, last = pair
        if not 0 < first <= last <= newest or len(unended) + last - first > MOST_IDS:
            return None
        unended.update(range(first, last + 1))
    return Seen(newest, frozenset(unended))


def _ranges(ids: list[int]) -> Iterator[list[int]]:
    """First and last of ids that follow one another."""
    at = 0
    while at < len(ids):
        end = at
        while end + 1 < len(ids) and ids[end + 1] == ids[end] + 1:
            end += 1
        yield [ids[at], ids[end]]
        at = end + 1


def load(folders: Folders) -> Seen | None:
    """What the last app has seen; None where nobody knows."""
    from flowtui.config import read_state

    return from_json(read_state(folders, NAME))


def save(folders: Folders, seen: Seen) -> None:
    """Keep it for the next app. Raises OSError, ConfigError."""
    from flowtui.config import write_state

    write_state(folders, NAME, to_json(seen))
