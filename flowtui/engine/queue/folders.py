"""The target folders of the queue: whose the paths below them are, and what their logs are to say.

A folder is read when a path below it is first asked for, and forgotten once nothing goes there any
more. What has to look at its disk is asked of it, and answered later, by a thread of that folder
(see `Lanes`), which alone gives paths. The engine's thread alone uses all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.workers.lanes import Lanes
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.states import GOOD
from flowtui.system.clocks import Clock, since_boot
from flowtui.transfer.disk.downloads_log import LogEntry
from flowtui.transfer.disk.folder_record import FolderRecords
from flowtui.transfer.disk.names import number_of
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.disk.space import SpaceWatch
from flowtui.transfer.task import Elsewhere, Recorded

T = TypeVar("T")

LOG_AGAIN = 5.0
"""Seconds until entries that a full disk did not take are tried again."""

POSTPONED = 10_000
"""Entries of a folder that are kept for that, at most."""


@dataclass
class _Folder:
    """A target folder, which is read in a thread of its own.

    Attributes:
        claims: `(path, key, belongs_to)` of what the queue had for it before it was read.
        paths: whose the paths are; None until it was read. `failed`: it could not be read.
        is_logged: what was recorded before was handed on, as MD5SUMS may lack it.
    """

    root: Path
    claims: list[tuple[str, str, str]]
    paths: TargetPaths | None = None
    failed: bool = False
    is_logged: bool = False

    def read(self, records: FolderRecords) -> TargetPaths:
        """Whose the paths are. Raises OSError where the folder cannot be read."""
        if self.paths is not None:
            return self.paths
        try:
            paths = TargetPaths(self.root)
        except OSError:
            self.failed = True
            raise
        for path, key, belongs_to in self.claims:
            paths.claim(path, key, belongs_to)
        records.of(self.root).expect(dict(paths.recorded))
        self.claims, self.paths = [], paths
        return paths


Claims = Callable[[str], Iterable[tuple[str, str, str]]]
"""Gives what else has its paths below a folder: `(path, key, belongs_to)`."""


class TargetFolders:
    """What is known of each target folder, by its path.

    Attributes:
        records: what the folders say of their files; it may be used in any thread.
    """

    def __init__(
        self,
        queue: Queue,
        space: SpaceWatch,
        lanes: Lanes,
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
        self._lanes = lanes
        self._folders: dict[str, _Folder] = {}
        self._log: dict[str, list[LogEntry]] = {}
        self._postponed: dict[str, list[LogEntry]] = {}
        self._again_at = 0.0
        self._claims: list[Claims] = []

    def on_read(self, claims: Claims) -> None:
        """Have `claims` asked of every folder that is read."""
        self._claims.append(claims)

    def ask(self, root: str, question: Callable[[TargetPaths], T]) -> Future[T]:
        """Have the folder's thread call `question`, which may look at the disk; its answer.

        OSError where the folder cannot be read.
        """
        folder = self._folder(root)
        return self._lanes.do("paths", root, lambda: question(folder.read(self.records)))

    def tell(self, root: str, news: Callable[[TargetPaths], object]) -> None:
        """Have the folder's thread call `news`, in its turn; passed over where nothing is known."""
        folder = self._folders.get(root)
        if folder is None:
            return

        def call() -> None:
            if folder.paths is not None:
                news(folder.paths)

        self._lanes.post("paths", root, call)

    def place(self, root: str, files: Sequence[RemoteFile]) -> Future[dict[str, str]]:
        """Key → path below `root`, for each of these files; OSError as for `ask`."""
        return self.ask(root, lambda paths: paths.assign_all(files))

    def _folder(self, root: str) -> _Folder:
        folder = self._folders.get(root)
        if folder is None or folder.failed:
            of_queue = (
                (transfer.path, transfer.key, transfer.belongs_to)
                for transfer in self._queue.transfers.values()
                if transfer.root == root and transfer.path
            )
            more = (claim for claims in self._claims for claim in claims(root))
            folder = self._folders[root] = _Folder(Path(root), [*of_queue, *more])
        return folder

    def _paths(self, root: str) -> TargetPaths | None:
        folder = self._folders.get(root)
        return folder.paths if folder is not None else None

    def recorded(self, root: str, path: str) -> Recorded | None:
        """What downloads.log says stands at `path`; None too where the folder was not read."""
        paths = self._paths(root)
        return paths.recorded.get(path) if paths is not None else None

    def elsewhere(self, root: str, path: str, key: str) -> tuple[Elsewhere, ...]:
        """Where else below `root` the file `key` was brought to, as downloads.log says."""
        paths = self._paths(root)
        return () if paths is None else self.elsewhere_in(paths, path, key)

    def elsewhere_in(self, paths: TargetPaths, path: str, key: str) -> tuple[Elsewhere, ...]:
        """The same, of a folder that was read; it may be called in any thread."""
        own = PurePosixPath(path)
        found = (
            Elsewhere(
                paths.root / place,
                place,
                paths.recorded[place],
                moves=PurePosixPath(place).parent == own.parent
                and (number_of(PurePosixPath(place).name, own.name) or 1) > 1,
            )
            for place in paths.elsewhere(key, path)
            if not PurePosixPath(place).is_absolute() and ".." not in PurePosixPath(place).parts
        )
        return tuple(other for other in found if other.moves or self._links)

    def foreign_before(self, transfer: Transfer) -> dict[int, str]:
        """See `TargetPaths.foreign_before`."""
        paths = self._paths(transfer.root)
        if paths is None or transfer.temporary:
            return {}
        return paths.foreign_before(
            transfer.path, transfer.folder, transfer.filename, transfer.fileset
        )

    def forget_unused(self) -> None:
        """Forget the folders that the queue has nothing for any more.

        They are read again when they are needed.
        """
        used = {transfer.root for transfer in self._queue.transfers.values()}
        for root in self._folders.keys() - used:
            del self._folders[root]
        self.records.keep_only(
            {Path(root) for root in used | self._log.keys() | self._postponed.keys()}
        )
        self._space.keep_only(used)  # else their disks are measured until the engine ends

    def log(self, root: str, entry: LogEntry) -> None:
        """Have an entry written into the downloads.log of `root`."""
        self._log.setdefault(root, []).append(entry)
        paths = self._paths(root)
        if entry.renamed_from:
            self.tell(root, lambda paths: paths.renamed(entry.renamed_from, entry.key))
        if paths is not None and entry.status in GOOD:
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
        for root, folder in self._folders.items():
            if folder.paths is not None and not folder.is_logged:
                folder.is_logged = True
                self._log.setdefault(root, [])  # MD5SUMS may lack what an earlier run recorded
        taken, self._log = self._log, {}
        if self._postponed and (last or self._clock() >= self._again_at):
            postponed, self._postponed = self._postponed, {}
            for root, entries in postponed.items():
                taken[root] = entries + taken.get(root, [])
        return taken

    def log_due(self) -> float | None:
        """When entries are to be tried again, by the given clock; None where there are none."""
        return self._again_at if self._postponed else None
