"""How many bytes of a file are believed, whatever a server says or sends.

The one rule: Flow's size is what a file may have. Where Flow gives an md5 too, that decides in the
end, and the size may be a little out of date (`SLACK`). A file of which Flow gives no size may have
what the disk has room for, less the margin that all downloads leave; and no file is larger than the
disk it goes to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowtui.text import quantities
from flowtui.transfer.disk.space import MARGIN, Room
from flowtui.transfer.errors import BeyondSize

SLACK = 16 << 20
"""Bytes that a file of known md5 may have beyond Flow's size, or a hundredth of that."""


@dataclass(frozen=True)
class SizeBound:
    """How much of a file is taken.

    Attributes:
        total: bytes that the file may have by what a server says of it.
        sent: the offset in the file to which bytes are taken.
        why: in words, what these go by.
    """

    total: int
    sent: int
    why: str

    def check(self, total: int | None) -> None:
        """Raise BeyondSize for a length that cannot be the file's."""
        if total is not None and total > self.total:
            raise BeyondSize(
                f"size mismatch: {self.why}, the server says {total:,}; tell the file's owner"
            )

    def pieces(self, chunks: Iterator[bytes], start: int) -> Iterator[bytes]:
        """The bytes of an answer from `start`. Raises BeyondSize before one too many."""
        at = start
        for chunk in chunks:
            at += len(chunk)
            if at > self.sent:
                raise BeyondSize(
                    f"size mismatch: {self.why}, the server sends more than {self.sent:,}; tell"
                    " the file's owner"
                )
            yield chunk


def size_bound(
    size: int | None, start: int, room: Callable[[], Room | None], *, has_md5: bool
) -> SizeBound:
    """How much of a file is taken whose bytes before `start` are here.

    `size` is Flow's, `room` measures the disk, or gives None where it cannot be.
    """
    if size is not None:
        most = size + (max(SLACK, size // 100) if has_md5 else 0)
        return SizeBound(most, most, f"Flow says {size:,} bytes")
    found = room()
    if found is None:
        return SizeBound(1 << 63, 1 << 63, "Flow does not say how many bytes there are")
    free = int(found.free / MARGIN)
    return SizeBound(
        found.size,
        start + free,
        "Flow does not say how many bytes there are, and the disk has room for "
        f"{quantities.size(found.free)} of {quantities.size(found.size)}",
    )
