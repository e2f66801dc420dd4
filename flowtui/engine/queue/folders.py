"""The target folders of the queue: whose the paths below them are, and what their logs are to say.

A folder is read when a path below it is first asked for, and forgotten once nothing goes there any
more. The engine's thread alone uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

from flowtui.engine.queue.queue import Queue
from flowtui.protocol.states import TransferState
from flowtui.system.clocks import Clock, since_boot
from flowtui.transfer.disk.downloads_log import LogEntry
from flowtui.transfer.disk.folder_record import FolderRecords
from flowtui.transfer.disk.names import number_of
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.disk.space import SpaceWatch
from flowtui.transfer.task import Elsewhere, Recorded

LOG_AGAIN = 5.0
"""Seconds until entries that a full disk did not take are tried again."""

POSTPONED = 10_000
"""Entries of a folder that are kept for that, at most."""


class TargetFolders:
    """What is known of each target folder, by its path.

    Attributes:
        records: what the folders say of their files; it may be used in any thread.
    """

    def __init__(
        self,
        queue: Queue,
        space: SpaceWatch,
        records: FolderRecords | None = None,
        *,
        links: bool = True,
        clock: Clock = since_boot,
    ) -> None:
        """`links`: whether files are taken from other places below the same folder."""
        self._clock = clock
        self._links = links
        self.records = records or FolderRecords()
        self._queue = queue
        self._space = space
        self._paths: dict[str, TargetPaths] = {}
        self._log: dict[str, list[LogEntry]] = {}
        self._postponed: dict[str, list[LogEntry]] = {}
        self._again_at = 0.0
        self._read_listeners: list[Callable[[str, TargetPaths], None]] = []

    def on_read(self, listener: Callable[[str, TargetPaths], None]) -> None:
        """Have `listener` called with every folder that is read, to claim the paths it needs."""
        self._read_listeners.append(listener)

    def paths(self, root: str) -> TargetPaths:
        """Whose the paths below `root` are. Raises OSError where the folder cannot be read."""
        paths = self._paths.get(root)
        if paths is None:
            paths = self._paths[root] = TargetPaths(Path(root))
            for transfer in self._queue.transfers.values():
                if transfer.root == root:
                    paths.claim(transfer.path, transfer.key, transfer.belongs_to)
            for listener in self._read_listeners:
                listener(root, paths)
            self.records.of(Path(root)).expect(dict(paths.recorded))
            self._log.setdefault(root, [])  # MD5SUMS may lack what an earlier run recorded
        return paths

    def recorded(self, root: str, path: str) -> Recorded | None:
        """What downloads.log says stands at `path`; None too where the folder was not read."""
        paths = self._paths.get(root)
        return paths.recorded.get(path) if paths is not None else None

    def elsewhere(self, root: str, path: str, key: str) -> tuple[Elsewhere, ...]:
        """Where else below `root` the file `key` was brought to, as downloads.log says."""
        paths = self._paths.get(root)
        if paths is None:
            return ()
        own = PurePosixPath(path)
        found = (
            Elsewhere(
                Path(root) / place,
                place,
                paths.recorded[place],
                moves=PurePosixPath(place).parent == own.parent
                and (number_of(PurePosixPath(place).name, own.name) or 1) > 1,
            )
            for place in paths.elsewhere(key, path)
            if not PurePosixPath(place).is_absolute() and ".." not in PurePosixPath(place).parts
        )
        return tuple(other for other in found if other.moves or self._links)

    def forget_unused(self) -> None:
        """Forget the folders that the queue has nothing for any more.

        They are read again when they are needed.
        """
        used = {transfer.root for transfer in self._queue.transfers.values()}
        for root in self._paths.keys() - used:
            del self._paths[root]
        self.records.keep_only(
            {Path(root) for root in used | self._log.keys() | self._postponed.keys()}
        )
        self._space.keep_only(used)  # else their disks are measured until the engine ends

    def log(self, root: str, entry: LogEntry) -> None:
        """Have an entry written into the downloads.log of `root`."""
        self._log.setdefault(root, []).append(entry)
        paths = self._paths.get(root)
        if paths is not None and entry.renamed_from:
            paths.renamed(entry.renamed_from, entry.key)
        if paths is not None and entry.status in (TransferState.DONE, TransferState.SKIPPED):
            paths.recorded[entry.path] = Recorded(
                entry.key, entry.size, entry.md5, entry.belongs_to, entry.mtime_ns
            )

    def log_again(self, root: str, entries: list[LogEntry]) -> None:
        """Keep entries that could not be written, until there are others or some seconds passed."""
        self._postponed[root] = (entries + self._postponed.get(root, []))[:POSTPONED]
        self._again_at = self._clock() + LOG_AGAIN

    def take_log(self, *, last: bool = False) -> dict[str, list[LogEntry]]:
        """The new entries by folder, to be written by whoever takes them.

        With `last` also what could not be written a moment ago.
        """
        taken, self._log = self._log, {}
        if self._postponed and (last or self._clock() >= self._again_at):
            postponed, self._postponed = self._postponed, {}
            for root, entries in postponed.items():
                taken[root] = entries + taken.get(root, [])
        return taken

    def log_due(self) -> float | None:
        """When entries are to be tried again, by the given clock; None where there are none."""
        return self._again_at if self._postponed else None
