"""The queue in memory: every transfer with its state, and the sums that a client asks for.

All changes go through `Queue.change`, which keeps to the table of states, keeps the sums true
and remembers what must be stored and published. The engine's thread alone uses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from flowtui.flow.remote_file import NOWHERE, Origin
from flowtui.protocol.messages import Summary, TransferRow
from flowtui.protocol.schema import MOST, AbsolutePath, Count, Id, RelativePath
from flowtui.protocol.states import OVER, RUNNING, UNFINISHED, TransferState, check_transfer
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.task import Outcome

T = TypeVar("T")

HELD = (TransferState.QUEUED, TransferState.WAITING)
"""The states of what no worker has, and that is wanted."""


@dataclass(slots=True)
class Transfer:
    """One file on its way to one path; the fields are those of `protocol.messages.TransferRow`.

    Attributes:
        path: below `root`; empty until it has its place there.
        folder, within, url, data_id, belongs_to, fileset, origin: of the `RemoteFile`.
        expected: its size as Flow's records say, or None. `final`: another name it got at the end.
        occupied: how many names were found taken by foreign files.
        replaced, linked, renamed_from: see `Outcome`. `reread`: see `Batch`.
        temporary: it goes again once it has been used, as an archive that is unpacked. Not stored.
    """

    id: Id
    batch_id: Id
    key: str
    filename: str
    folder: tuple[str, ...]
    url: str
    root: AbsolutePath
    path: RelativePath
    server: str
    expected: Count | None = None
    md5: str | None = None
    data_id: str | None = None
    sample: str | None = None
    belongs_to: str = ""
    fileset: str = ""
    within: tuple[str, ...] = ()
    origin: Origin = NOWHERE
    bulk_id: Id | None = None
    state: TransferState = TransferState.QUEUED
    reason: str = ""
    code: str = ""
    retryable: bool = False
    size: Count | None = None
    done: Count = 0
    resumed_at: Count = 0
    verified_by: str = ""
    seconds: float = 0.0
    occupied: Count = 0
    replaced: str = ""
    linked: str = ""
    renamed_from: str = ""
    rate: float = 0.0
    connections: int = 0
    temporary: bool = False
    reread: bool = False

    @property
    def bytes_known(self) -> int:
        """Its size as far as anyone knows, at least what is here."""
        size = self.size if self.size is not None else self.expected
        return max(size or 0, self.done)

    @property
    def remaining(self) -> int:
        """Bytes still to come, as far as known."""
        return self.bytes_known - self.done

    def share_texts(self, same: dict[Any, Any]) -> None:
        """Have texts, folders and origins that others have too in memory once; `same` has those."""

        def share(value: T) -> T:
            kept: T = same.setdefault(value, value)
            return kept

        self.root, self.server = share(self.root), share(self.server)
        self.folder = share(tuple(map(share, self.folder)))
        self.within = share(tuple(map(share, self.within)))
        self.origin = share(self.origin)
        self.belongs_to, self.fileset = share(self.belongs_to), share(self.fileset)
        self.sample = share(self.sample)
        self.reason, self.code = share(self.reason), share(self.code)
        self.verified_by = share(self.verified_by)

    def entry(self, outcome: Outcome) -> downloads_log.LogEntry:
        """As downloads.log tells of its end; the outcome has what the file here is like."""
        return downloads_log.LogEntry(
            key=self.key,
            file_id=self.data_id or self.key,
            filename=self.filename,
            size=self.size,
            path=self.path,
            md5=outcome.md5,
            verified_by=self.verified_by,
            seconds=self.seconds,
            status=self.state.value,
            sample=self.sample or "",
            belongs_to=self.belongs_to,
            origin=self.origin,
            mtime_ns=outcome.mtime_ns,
            linked=outcome.linked,
            renamed_from=outcome.renamed_from,
            blocks=outcome.blocks,
            message=self.reason if self.state is TransferState.FAILED else "",
        )

    def row(self) -> TransferRow:
        """As clients see it."""
        size = self.size if self.size is not None else self.expected
        eta = self.remaining / self.rate if self.rate > 0 and size is not None else None
        return TransferRow(
            id=self.id,
            batch_id=self.batch_id,
            key=self.key,
            filename=self.filename,
            root=self.root,
            path=self.path or self.filename,  # people know it by its name until then
            state=self.state.value,
            reason=self.reason,
            code=self.code,
            retryable=self.retryable,
            size=size,
            done=self.done,
            rate=self.rate,
            eta=eta,
            resumed_at=self.resumed_at,
            md5=self.md5,
            verified_by=self.verified_by,
            sample=self.sample,
            server=self.server,
            bulk_id=self.bulk_id,
            connections=self.connections,
            seconds=self.seconds,
            belongs_to=self.belongs_to,
            origin=self.origin,
            occupied=self.occupied,
            replaced=self.replaced,
            linked=self.linked,
            renamed_from=self.renamed_from,
        )


_UNCOUNTED = frozenset({TransferState.FAILED, TransferState.CANCELLED})


@dataclass
class Queue:
    """The transfers by id, in the order in which they were added.

    Attributes:
        changed: ids whose latest state is to be published. `unsaved`: the same, to be stored.
        removed: ids that are gone since the last event.
        counts: how many are in each state. `left`: batch → bytes still to come, as known.
        roots: batch → its target folder.
        observers: called with every transfer that was added or changed, at once.
    """

    transfers: dict[int, Transfer] = field(default_factory=dict)
    unsaved: set[int] = field(default_factory=set)
    changed: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    counts: Counter[TransferState] = field(default_factory=Counter)
    left: Counter[int] = field(default_factory=Counter)
    roots: dict[int, str] = field(default_factory=dict)
    observers: list[Callable[[Transfer], None]] = field(default_factory=list)
    _place_listeners: list[Callable[[Transfer], None]] = field(default_factory=list)
    _end_listeners: list[Callable[[Transfer], None]] = field(default_factory=list)
    _by_target: dict[str, dict[str, int]] = field(default_factory=dict)
    _done: int = 0
    _total: int = 0
    _unknown: int = 0

    def add(self, transfer: Transfer) -> None:
        """Put a transfer at the end."""
        self.transfers[transfer.id] = transfer
        self.roots[transfer.batch_id] = transfer.root
        self._by_target.setdefault(transfer.root, {})[transfer.key] = transfer.id
        self._count(transfer, 1)
        self.unsaved.add(transfer.id)
        self.changed.add(transfer.id)
        for observe in self.observers:
            observe(transfer)

    def remove(self, transfer: Transfer) -> None:
        """Take a transfer out of the list."""
        self._count(transfer, -1)
        del self.transfers[transfer.id]
        below = self._by_target.get(transfer.root, {})
        if below.get(transfer.key) == transfer.id:
            del below[transfer.key]
        self.changed.discard(transfer.id)
        self.unsaved.discard(transfer.id)
        self.removed.add(transfer.id)

    def find(self, root: str, key: str) -> Transfer | None:
        """The transfer of the file `key` below `root`, if there is one."""
        found = self._by_target.get(root, {}).get(key)
        return self.transfers.get(found) if found is not None else None

    def change(self, transfer: Transfer, state: TransferState | None = None, **to: object) -> None:
        """Change a transfer, its state too if one is given. Raises states.WrongStep."""
        if state is not None and state is not transfer.state:
            check_transfer(transfer.state, state)
        self._count(transfer, -1)
        try:
            if state is not None:
                transfer.state = state
                if state not in RUNNING:
                    transfer.rate = 0.0
                    transfer.connections = 0
            for name, value in to.items():
                setattr(transfer, name, value)
        finally:
            self._count(transfer, 1)
        if state is not None or not to.keys() <= {"done", "rate", "connections"}:
            self.unsaved.add(transfer.id)
        self.changed.add(transfer.id)
        for observe in self.observers:
            observe(transfer)

    def on_ended(self, listener: Callable[[Transfer], None]) -> None:
        """Have `listener` called with every transfer that has ended, well or not."""
        self._end_listeners.append(listener)

    def on_placed(self, listener: Callable[[Transfer], None]) -> None:
        """Have `listener` called with every transfer that got its path after it was added."""
        self._place_listeners.append(listener)

    def place(self, transfer: Transfer, path: str) -> None:
        """Give a transfer its path."""
        self.change(transfer, path=path)
        for listener in self._place_listeners:
            listener(transfer)

    def announce_end(self, transfer: Transfer) -> None:
        """Tell that a transfer has ended; nobody is in the middle of changing it."""
        for listener in self._end_listeners:
            listener(transfer)

    def pick(self, ids: Iterable[int] | None) -> Iterator[Transfer]:
        """The transfers of these ids, each once, unknown ones passed over; all for None."""
        if ids is None:
            yield from list(self.transfers.values())
            return
        for id_ in dict.fromkeys(ids):
            if (found := self.transfers.get(id_)) is not None:
                yield found

    def above(self, id_: int) -> Iterator[Transfer]:
        """The transfers with higher ids, which are in the order of their ids."""
        return (transfer for transfer in self.transfers.values() if transfer.id > id_)

    def in_state(self, *states: TransferState) -> Iterator[Transfer]:
        """The transfers in one of these states, in order."""
        if any(self.counts[state] for state in states):
            yield from (t for t in list(self.transfers.values()) if t.state in states)

    def next_to_do(self, most: int) -> list[Transfer]:
        """The first `most` that have not ended well or by a cancel: running ones, then in order."""
        running = list(self.in_state(*RUNNING))
        rest = (
            t for t in self.transfers.values() if t.state not in OVER and t.state not in RUNNING
        )
        return [*running, *islice(rest, max(0, most - len(running)))][:most]

    def summary(self, rate: float, **more: object) -> Summary:
        """The sums; `more` are further fields of `protocol.messages.Summary`."""
        left = self._total - self._done
        return Summary(
            counts={state.value: n for state, n in self.counts.items() if n},
            done=min(self._done, MOST),
            total=min(self._total, MOST),
            unknown_sizes=self._unknown,
            rate=rate,
            eta=left / rate if rate > 0 else None,
            **more,  # type: ignore[arg-type]
        )

    def _count(self, transfer: Transfer, by: int) -> None:
        self.counts[transfer.state] += by
        if transfer.state in _UNCOUNTED:
            return
        if transfer.state in UNFINISHED:
            self.left[transfer.batch_id] += by * transfer.remaining
        self._done += by * transfer.done
        self._total += by * transfer.bytes_known
        if transfer.size is None and transfer.expected is None:
            self._unknown += by
