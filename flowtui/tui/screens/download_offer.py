"""What the download dialog says and proposes of the files counted so far, and what it sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.protocol.messages import Batch
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.already_here import Already
from flowtui.tui.browser.count import Count

if TYPE_CHECKING:
    from flowtui.flow.remote_file import RemoteFile

MARGIN = 1.1
"""The guide's 10 % of room beyond the files' sizes."""

SHOWN_LEFT_OUT = 3
"""Left-out things that are named; the others are counted."""


class Way(StrEnum):
    """How files can be downloaded."""

    ONE_BY_ONE = "one-by-one"
    BULK = "bulk"


@dataclass(frozen=True)
class AsFound:
    """Files that are still being counted are to come to `folder`, each as it is found.

    Attributes:
        name: the selection's, fit to be drawn. `bulk_above`: see `Offer`.
    """

    name: str
    folder: Path
    count: Count
    bulk_above: int

    def batch(self, files: list[RemoteFile], as_archive: bool) -> Batch:
        """Some of the files."""
        return Batch(
            server=self.count.server,
            root=str(self.folder),
            name=self.name,
            files=tuple(files),
            bulk=as_archive,
            one_by_one_up_to=self.bulk_above,
        )


@dataclass(frozen=True)
class Offer:
    """What there is to download.

    Attributes:
        name: the selection's, fit to be drawn.
        count: its files; it may still go on.
        bulk_above: files up to which they are fetched one by one.
        already: what is known to be here.
    """

    name: str
    count: Count
    bulk_above: int
    already: Already = field(default_factory=Already)

    @property
    def is_looked_through(self) -> bool:
        """Whether it is known of all files whether they are here."""
        return self.count.ended and self.already.looked >= len(self.count.files)

    @property
    def new(self) -> int:
        """How many files are to come, as far as known."""
        return len(self.count.files) - self.already.known

    @property
    def ways(self) -> tuple[Way, ...]:
        """How the files can be downloaded; none while they are counted, and where there are none.

        A bulk job takes what has an id.
        """
        count = self.count
        if not count.ended or count.error or not count.files:
            return ()
        return (Way.ONE_BY_ONE, Way.BULK) if count.with_id else (Way.ONE_BY_ONE,)

    @property
    def proposed(self) -> Way | None:
        """The way that enter stands for."""
        if not self.ways:
            return None
        many = self.new > self.bulk_above
        return Way.BULK if many and Way.BULK in self.ways else Way.ONE_BY_ONE

    @property
    def can_start(self) -> bool:
        """Whether files can come before all are counted."""
        return not self.count.ended

    def as_found(self, folder: Path) -> AsFound:
        """All files, those that are still to be found too."""
        return AsFound(self.name, folder, self.count, self.bulk_above)

    @property
    def what(self) -> str:
        """The name, and how many files and bytes that is."""
        count = self.count
        files = len(count.files)
        what = self._numbers
        if count.unknown:
            what += f" ({count.unknown:,} of unknown size)"
        if count.error:
            what = f"Could not list the files: {printable(count.error)}"
        elif not count.ended:
            what += f" so far, {printable(count.waiting) if count.waiting else 'counting'} …"
        elif not files:
            what = "no files to download"
        return f"{self.name}\n{what}"

    @property
    def _numbers(self) -> str:
        """Files and bytes; what is here, and what is new, where something is."""
        count, already = self.count, self.already
        files, at_least = len(count.files), "at least " if count.unknown else ""
        parts = [f"{already.here:,} already here"] if already.here else []
        parts += [f"{already.queued:,} already in the queue"] if already.queued else []
        if not parts:
            size = quantities.size(count.bytes)
            return f"{quantities.counted(files, 'file')}, {at_least}{size}"
        if self.new or not self.is_looked_through:
            size = quantities.size(max(0, count.bytes - already.bytes))
            parts.append(f"{self.new:,} new, {at_least}{size}")
        return f"{quantities.counted(files, 'file')}: {', '.join(parts)}"

    @property
    def left_out(self) -> str:
        """What is left out and why, in a few lines."""
        named = self.count.left_out[:SHOWN_LEFT_OUT]
        lines = [
            f"left out: {printable(item.name[:200])}: {printable(item.why[:200])}" for item in named
        ]
        more = len(self.count.left_out) - len(named)
        if more > 0:
            lines.append(f"left out: {more:,} more")
        return "\n".join(lines)

    @property
    def why_proposed(self) -> str:
        """Why it is a bulk job that is proposed; else empty."""
        if self.proposed is not Way.BULK:
            return ""
        new = "new " if self.already.known else ""
        return f"More than {self.bulk_above:,} {new}files: Flow can pack them into one archive."

    @property
    def room(self) -> int:
        """Bytes that the disk should have."""
        return int(max(0, self.count.bytes - self.already.bytes) * MARGIN)

    def batch(self, folder: Path, way: Way) -> Batch:
        """The files on their way into a folder."""
        return Batch(
            server=self.count.server,
            root=str(folder),
            name=self.name,
            files=tuple(self.count.files),
            bulk=way is Way.BULK,
            # What was only proposed may be done one by one where little is missing.
            one_by_one_up_to=self.bulk_above if way == self.proposed else 0,
        )
