"""Paths for transfers that have none yet, found by the thread of their folder: it may hang."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import HELD, Queue, Transfer
from flowtui.engine.queue.silence import SilentDisks
from flowtui.transfer.disk.paths import TargetPaths


class Placing:
    """The engine's thread alone uses it.

    Attributes:
        listener: told each wanted transfer whose path was found, or why it was not.
    """

    def __init__(
        self,
        queue: Queue,
        folders: TargetFolders,
        disks: SilentDisks,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        """`post` has the engine's thread call something, from any thread."""
        self.listener: Callable[[Transfer, BaseException | None], None] = lambda transfer, why: None
        self._queue = queue
        self._folders = folders
        self._disks = disks
        self._post = post

    def __contains__(self, transfer_id: int) -> bool:
        """Whether a path is being looked for."""
        return self._disks.is_placing(transfer_id)

    def wait(self, root: str, ids: Sequence[int], places: Future[dict[str, str]]) -> None:
        """Give these their paths once they are found: key → path."""
        if not ids:
            return
        self._disks.begin_placing(ids, root)
        places.add_done_callback(lambda done: self._post(lambda: self._on_placed(ids, done)))

    def find(self, transfer: Transfer) -> None:
        """Have a path found for a transfer, another one where it has one."""
        former, key, after = transfer.path, transfer.key, transfer.occupied

        def find(paths: TargetPaths) -> dict[str, str]:
            if former:
                paths.release(former, key)
            return {key: paths.assign_file(transfer, after=after)}

        self.wait(transfer.root, [transfer.id], self._folders.ask(transfer.root, find))

    def _on_placed(self, ids: Sequence[int], places: Future[dict[str, str]]) -> None:
        for transfer_id in ids:
            self._disks.end_placing(transfer_id)
            transfer = self._queue.transfers.get(transfer_id)
            if transfer is None:
                continue  # cancelled and forgotten meanwhile
            is_wanted = transfer.state in HELD
            if (error := places.exception()) is None:
                self._queue.place(transfer, places.result()[transfer.key])
            if is_wanted:  # else it is looked for again when it is resumed
                self.listener(transfer, error)
