"""What the scheduler asks of the bulk jobs, so that neither needs the other's module."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class BulkSide(Protocol):
    """What the scheduler asks of the bulk jobs."""

    def is_unpacked(self, bulk_id: int | None) -> bool:
        """Whether this job's archive goes when it is unpacked."""

    def reserved(self, batch_id: int) -> int:
        """Bytes that a batch's jobs will write beside its transfers."""

    def claims(self, root: str) -> Iterable[tuple[str, str]]:
        """Paths below a root that are kept for files of bulk jobs, with their keys."""


class NoBulk:
    """An engine without bulk jobs."""

    def is_unpacked(self, bulk_id: int | None) -> bool:
        """See `BulkSide`."""
        return False

    def reserved(self, batch_id: int) -> int:
        """See `BulkSide`."""
        return 0

    def claims(self, root: str) -> Iterable[tuple[str, str]]:
        """See `BulkSide`."""
        return ()
