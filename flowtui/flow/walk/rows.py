"""A record of Flow on its way to be a file that can be downloaded."""

from __future__ import annotations

from typing import NamedTuple

from flowtui.flow.models import Data
from flowtui.flow.remote_file import NOWHERE, Origin


class Row(NamedTuple):
    """A record, and what a `RemoteFile` has of where it is from and where it goes.

    Attributes:
        is_record: a record of the run `data.execution_id`, named by `data.filename`; see
            `run_records`.
        listed: whether a sample's list names it, and its run is to place it.
    """

    data: Data
    folder: tuple[str, ...]
    sample: str | None = None
    belongs_to: str = ""
    fileset: str = ""
    within: tuple[str, ...] = ()
    origin: Origin = NOWHERE
    listed: bool = False
    is_record: bool = False
