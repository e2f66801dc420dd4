"""Files that are queued as they are found, while the rest of a selection is still counted."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App

from flowtui.protocol.feeding import PIECE_EVERY, BulkRule, Feeder
from flowtui.protocol.messages import Added, Batch
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.engine_link import EngineLink

if TYPE_CHECKING:
    from flowtui.daemon.client import EngineClient
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.tui.screens.download_offer import AsFound


class FoundDownloads:
    """Queues one selection, piece by piece and in one batch, until all of it is counted.

    By the rule of `get` (see `BulkRule`): at first no more files one by one than could be too few
    for an archive, and the rest as an archive where it is large.

    Attributes:
        name: the selection's. `is_over`: nothing more of it is to be queued.
    """

    def __init__(self, app: App[Any], link: EngineLink, wanted: AsFound) -> None:
        self.name = wanted.name
        self.is_over = False
        self._app = app
        self._link = link
        self._count = wanted.count
        rule = BulkRule("auto", wanted.bulk_above)
        self._feeder = Feeder(self._take, lambda: self._count.ended, wanted.batch, rule)
        self._taken = 0
        self._batch_id: int | None = None
        self._queued = 0
        self._is_asking = self._was_refused = False
        self._timer = app.set_interval(PIECE_EVERY, self._look)
        self._look()

    def _take(self) -> list[RemoteFile]:
        """What was found since the last time."""
        found = self._count.files[self._taken :]
        self._taken += len(found)
        return found

    def _look(self) -> None:
        """Queue what there is; one piece after the other."""
        if self._was_refused:
            self._count.stop()
            self._end()
            return
        if self._is_asking:
            return
        for batch in self._feeder.take():
            self._is_asking = True
            piece = replace(batch, continues=self._batch_id)
            self._link.call("queue the files", partial(self._add, piece), self._added)
        if self._feeder.is_over and not self._is_asking:
            self._end()

    def _add(self, piece: Batch, engine: EngineClient) -> Added:
        """To be called in the thread of the requests, which tells what goes wrong."""
        try:
            return engine.add(piece)
        except BaseException:
            self._was_refused = True
            raise

    def _added(self, added: Added) -> None:
        self._is_asking = False
        self._batch_id = self._batch_id or added.batch_id
        self._queued += added.added

    def _end(self) -> None:
        self._timer.stop()
        self.is_over = True
        if self._count.error:
            self._app.notify(
                f"{quantities.counted(self._queued, 'file')} queued; download it again for the"
                f" rest: {printable(self._count.error)}",
                title=f"Could not list all of {self.name}",
                severity="error",
                markup=False,
            )
        elif not self._was_refused:
            words = f"Queued {quantities.counted(self._taken, 'file')} of {self.name}."
            self._app.notify(words, markup=False)
