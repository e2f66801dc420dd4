"""What a worker is told to do of a transfer: the settings and the records that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flowtui.config import Settings
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import Transfer
from flowtui.system.descriptors import Shares
from flowtui.transfer.fetch.concurrency import AT_MOST
from flowtui.transfer.task import Elsewhere, Recorded, Task


@dataclass
class Tasks:
    """Makes the tasks, of settings that may change while the engine runs.

    Attributes:
        connections: per file at most, 0 for automatic.
        check_containers, on_change, link, accept_any_type, accept_broken: see `Settings`.
    """

    folders: TargetFolders
    shares: Shares
    connections: int
    check_containers: bool
    on_change: str
    link: str
    accept_any_type: int
    accept_broken: bool

    @classmethod
    def by(cls, settings: Settings, folders: TargetFolders, shares: Shares) -> Tasks:
        """They follow the settings, with descriptors for so much."""
        return cls(
            folders,
            shares,
            connections=settings.connections,
            check_containers=settings.check_containers,
            on_change=settings.on_change,
            link=settings.link,
            accept_any_type=settings.accept_any_type,
            accept_broken=settings.accept_broken,
        )

    def task(self, transfer: Transfer, jobs: int) -> Task:
        """What is to be done of a transfer that has its path, where so many files run at a time."""
        return Task(
            id=transfer.id,
            key=transfer.key,
            filename=transfer.filename,
            url=transfer.url,
            target=Path(transfer.root) / transfer.path,
            # An archive that is unpacked is not recorded.
            root=None if transfer.temporary else Path(transfer.root),
            size=transfer.expected,
            md5=transfer.md5,
            data_id=transfer.data_id,
            recorded=self._recorded(transfer),
            archive=transfer.bulk_id is not None,
            connections=self._connections(jobs),
            # What is unpacked is checked then, member by member.
            check_containers=self.check_containers and not transfer.temporary,
            on_change="replace" if transfer.reread else self.on_change,
            elsewhere=tuple(self._elsewhere(transfer)),
            foreign_before=self.folders.foreign_before(transfer),
            link=self.link,
            accept_broken=self.accept_broken,
            accept_any_type=bool(self.accept_any_type),
        )

    def _connections(self, jobs: int) -> int:
        """The setting, or fewer where there are not descriptors for so many."""
        most = self.shares.connections(self.shares.files(jobs))
        return self.connections if most >= AT_MOST else min(self.connections or most, most)

    def _recorded(self, transfer: Transfer) -> Recorded | None:
        recorded = self.folders.recorded(transfer.root, transfer.path)
        return _to_be_read(recorded) if recorded is not None and transfer.reread else recorded

    def _elsewhere(self, transfer: Transfer) -> Iterator[Elsewhere]:
        """Where else the file is, as far as is recorded."""
        for place in self.folders.elsewhere(transfer.root, transfer.path, transfer.key):
            read = transfer.reread
            yield replace(place, recorded=_to_be_read(place.recorded)) if read else place


def _to_be_read(recorded: Recorded) -> Recorded:
    """The record without what could tell that nobody has touched the file."""
    return replace(recorded, mtime_ns=None, logged=None)
