"""Which batches there is room for on their disks; the others are held until there is.

A batch is let through when all its bytes to come fit beside those that were promised to batches
before it, with a margin. The engine's thread alone uses it; time comes in as an argument.
"""

from __future__ import annotations

from collections import defaultdict

from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.protocol.states import TransferState
from flowtui.text import quantities
from flowtui.transfer.disk.space import MARGIN, SpaceWatch


def missing_bytes(to_come: int, promised: int, free: int) -> int:
    """Bytes that lack on a disk for a batch with so many to come; 0 where it fits."""
    if to_come <= 0:
        return 0
    return max(0, int((to_come + promised) * MARGIN) - free)


class Admission:
    """Lets batches through, and holds the transfers of those that do not fit."""

    def __init__(self, queue: Queue, space: SpaceWatch, retry_after: float) -> None:
        """`retry_after`: seconds until a batch that did not fit is measured again."""
        self._queue = queue
        self._space = space
        self._retry_after = retry_after
        self._admitted: set[int] = set()
        self._reserved: dict[int, int] = {}
        self._held: dict[int, list[int]] = defaultdict(list)
        self._recheck_at: dict[int, float] = {}

    def reserve(self, batch_id: int, size: int) -> None:
        """Count `size` bytes that will be written for a batch beside its transfers' own.

        They take the place of those that were reserved for it before.
        """
        if size > 0:
            self._reserved[batch_id] = size
        else:
            self._reserved.pop(batch_id, None)

    def admit(self, transfer: Transfer, now: float) -> bool:
        """Whether the transfer's batch has room; if not, the transfer is held until it has."""
        batch_id = transfer.batch_id
        if batch_id in self._admitted:
            return True
        room = self._space.room(transfer.root)
        if room is None and not self._space.is_known(transfer.root):
            self._hold(transfer, now)
            return False
        to_come = self._to_come(batch_id)
        missing = 0
        if room is not None and to_come > 0:
            missing = missing_bytes(to_come, self.promised(room.device, batch_id), room.free)
        if room is None or not missing:
            # Where the disk cannot be asked, the transfer itself will meet the error and say it.
            self._admitted.add(batch_id)
            return True
        self._hold(transfer, now)
        reason = (
            f"needs {quantities.size(missing)} more in {transfer.root} "
            f"({quantities.size(room.free)} free, {quantities.size(to_come)} to come)"
        )
        if transfer.state is not TransferState.WAITING or transfer.reason != reason:
            self._queue.change(transfer, TransferState.WAITING, reason=reason, code="NO_SPACE")
        return False

    def promised(self, device: int, but: int | None = None) -> int:
        """Bytes still to come to this file system by batches that were let through before."""
        total = 0
        for batch_id in self._admitted:
            to_come = self._to_come(batch_id)
            if batch_id == but or to_come <= 0:
                continue
            room = self._space.room(self._queue.roots.get(batch_id, ""))
            if room is not None and room.device == device:
                total += to_come
        return total

    def readmit(self, batch_id: int) -> None:
        """Measure a batch again before it goes on, because more of it has come."""
        self._admitted.discard(batch_id)

    def room_measured(self) -> None:
        """A folder's room is known now: all that is held is due."""
        for batch_id in self._recheck_at:
            self._recheck_at[batch_id] = 0.0

    def take_due(self, now: float) -> list[int]:
        """The transfers of batches that are to be measured again; they are held no more."""
        due: list[int] = []
        for batch_id, when in list(self._recheck_at.items()):
            if when <= now:
                del self._recheck_at[batch_id]
                due += self._held.pop(batch_id, [])
        return due

    def next(self) -> float | None:
        """When the next batch is due, or None."""
        return min(self._recheck_at.values(), default=None)

    def _hold(self, transfer: Transfer, now: float) -> None:
        self._held[transfer.batch_id].append(transfer.id)
        self._recheck_at[transfer.batch_id] = now + self._retry_after

    def _to_come(self, batch_id: int) -> int:
        return self._queue.left[batch_id] + self._reserved.get(batch_id, 0)
