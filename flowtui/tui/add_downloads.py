"""From what was selected to the queue: counted, asked how and where to, handed to the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from flowtui.protocol.messages import Added, Batch, Space
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.browser.selection import Selection
from flowtui.tui.context import AppContext
from flowtui.tui.engine_link import EngineLink
from flowtui.tui.found_downloads import FoundDownloads

if TYPE_CHECKING:
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.tui.screens.download_offer import AsFound


class AddDownloads:
    """Asks how a selection is to be downloaded, and queues it.

    Attributes:
        target: the folder that is proposed next.
    """

    def __init__(
        self,
        app: App[Any],
        context: AppContext,
        background: Background,
        link: EngineLink,
        target: Path,
    ) -> None:
        self._app = app
        self._context = context
        self._background = background
        self._link = link
        self._under_way: list[FoundDownloads] = []
        self.target = target

    @property
    def still_counted(self) -> list[str]:
        """The names of selections of which files are queued that are still being found."""
        self._under_way = [found for found in self._under_way if not found.is_over]
        return [found.name for found in self._under_way]

    def ask(self, selection: Selection, queued: Callable[[], None]) -> None:
        """Count the files and ask; `queued` is called once it is decided to download them."""
        from flowtui.tui.already_here import AlreadyHere
        from flowtui.tui.browser.count import Count
        from flowtui.tui.screens.download import DownloadDialog

        def answered(wanted: Batch | AsFound | None) -> None:
            if wanted is None:
                return
            queued()
            if isinstance(wanted, Batch):
                self._queue(wanted)
            else:
                self.target = wanted.folder
                self._under_way.append(FoundDownloads(self._app, self._link, wanted))

        dialog = DownloadDialog(
            selection.name,
            lambda records: Count(self._context.client, selection, records=records),
            self._background,
            target=self.target,
            bulk_above=self._context.settings.bulk_above,
            measure_space=self._measure_space,
            already=AlreadyHere(self._background.run, self._background.call_later, self._is_queued),
        )
        self._app.push_screen(dialog, answered)

    def _is_queued(self, folder: Path, file: RemoteFile) -> bool:
        """Whether a file is on its way to a folder."""
        model = self._link.model
        id_ = model.files.under_way(self._context.settings.base_url, file.key)
        row = model.transfers.get(id_) if id_ is not None else None
        return row is not None and row.root == str(folder)

    def _measure_space(self, folder: str, then: Callable[[Space], None]) -> None:
        self._link.call("check the free space", lambda engine: engine.space(folder), then)

    def _queue(self, batch: Batch) -> None:
        self.target = Path(batch.root)
        self._link.call(
            "queue the files",
            lambda engine: engine.add(batch),
            lambda added: self._app.notify(words_of(added, len(batch.files)), markup=False),
        )

    def ask_target(self) -> None:
        """Ask for another target folder, and keep it for later starts."""
        from flowtui.tui.screens.folder import TargetDialog

        self._app.push_screen(TargetDialog(self.target), self._set_target)

    def _set_target(self, folder: Path | None) -> None:
        if folder is None:
            return
        self.target = folder

        def save() -> None:
            from flowtui.config import ConfigError

            try:
                self._context.keep_target(str(folder))
            except (OSError, ConfigError) as error:
                self._background.call_later(self._not_saved, str(error))

        self._background.run(save, "save the target folder")

    def _not_saved(self, why: str) -> None:
        self._app.notify(
            printable(why),
            title="Could not save the target folder",
            severity="warning",
            markup=False,
        )


def words_of(added: Added, files: int) -> str:
    """What the engine made of a batch of so many files."""
    if added.bulk_id is not None:
        return f"Requested an archive of {quantities.counted(files, 'file')} from Flow."
    known = f" ({added.known:,} already in the queue)" if added.known else ""
    return f"Queued {quantities.counted(added.added, 'file')}{known}."
