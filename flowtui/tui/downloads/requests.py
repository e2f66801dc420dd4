"""What the panes of the queue want of the engine, as messages; the app passes them on."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.messages import BulkRow

Ids = tuple[int, ...] | None


class TransferAction(StrEnum):
    """What can be done with transfers."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    FORGET = "forget"

    @property
    def words(self) -> str:
        """The action as a verb: what could not be done."""
        return _TRANSFER_WORDS[self]

    def call(self, engine: EngineClient, ids: Ids) -> int:
        """Have the engine do it; for how many it did."""
        return _TRANSFER_CALLS[self](engine, ids)


_TRANSFER_WORDS = {
    TransferAction.PAUSE: "pause",
    TransferAction.RESUME: "resume",
    TransferAction.CANCEL: "cancel",
    TransferAction.RETRY: "retry",
    TransferAction.FORGET: "clear finished downloads",
}

_TRANSFER_CALLS: dict[TransferAction, Callable[[EngineClient, Ids], int]] = {
    TransferAction.PAUSE: lambda engine, ids: engine.pause(ids),
    TransferAction.RESUME: lambda engine, ids: engine.resume(ids),
    TransferAction.CANCEL: lambda engine, ids: engine.cancel(ids),
    TransferAction.RETRY: lambda engine, ids: engine.retry(ids),
    TransferAction.FORGET: lambda engine, ids: engine.forget(ids),
}


class BulkAction(StrEnum):
    """What can be done with bulk jobs; the values are the protocol's."""

    CANCEL = "cancel"
    RETRY = "retry"
    AGAIN = "again"
    ONE_BY_ONE = "one_by_one"
    FORGET = "forget"

    @property
    def words(self) -> str:
        """The action as a verb: what could not be done."""
        return _BULK_WORDS[self]


_BULK_WORDS = {
    BulkAction.CANCEL: "cancel the bulk job",
    BulkAction.RETRY: "retry the bulk job",
    BulkAction.AGAIN: "create the archive again",
    BulkAction.ONE_BY_ONE: "download the files one by one",
    BulkAction.FORGET: "forget the bulk job",
}


class TransferActionRequested(Message):
    """`action` is wanted for these transfers; None stands for all."""

    def __init__(self, action: TransferAction, ids: Ids) -> None:
        super().__init__()
        self.action = action
        self.ids = ids


class BulkActionRequested(Message):
    """`action` is wanted for this bulk job."""

    def __init__(self, action: BulkAction, job: BulkRow) -> None:
        super().__init__()
        self.action = action
        self.job = job


class VerifyRequested(Message):
    """What was downloaded is to be verified: of a batch, or all that is recorded in `root`.

    `what` says in words what that is. `server` is where it is from.
    """

    def __init__(self, what: str, root: str, batch_id: int | None, server: str) -> None:
        super().__init__()
        self.what = what
        self.root = root
        self.batch_id = batch_id
        self.server = server


class BulkFilesRequested(Message):
    """The files of this bulk job are to be shown."""

    def __init__(self, job: BulkRow) -> None:
        super().__init__()
        self.job = job
