"""Finds the files of a selection, in a thread, and knows at any time how many there are so far."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowtui.text import quantities
from flowtui.tui.browser.fetching import words_of
from flowtui.tui.browser.selection import Selection, files_of

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.flow.walk.walk import LeftOut


class Count:
    """The files so far; read by the screen while the thread goes on.

    Attributes:
        files: what was found. `left_out`: what was passed over, and why.
        bytes: the sum of the known sizes. `unknown`: files without one.
        with_id: files that a bulk job can take.
        server: base URL, once the client is there. `error`: why it ended early, in words.
        waiting: why it waits, and how long, in words; or empty.
        ended: all is counted, or there was an error.
    """

    def __init__(
        self, client: Callable[[], FlowClient], selection: Selection, *, records: bool = False
    ) -> None:
        """`records`: with the records of runs."""
        self.files: list[RemoteFile] = []
        self.left_out: list[LeftOut] = []
        self.bytes = self.unknown = self.with_id = 0
        self.server = self.error = self.waiting = ""
        self.ended = False
        self._client = client
        self._selection = selection
        self._records = records
        self._stop = threading.Event()

    def stop(self) -> None:
        """Count no further."""
        self._stop.set()

    def run(self) -> None:
        """Count all; returns when that is done, or stopped."""
        try:
            client = self._client()
            self.server = client.server
            for file in files_of(
                client, self._selection, self.left_out.append, self._wait, records=self._records
            ):
                if self._stop.is_set():
                    return
                self._add(file)
        except Exception as error:  # noqa: BLE001
            # Shown in the dialog; what was found until then is not offered as if it were all.
            self.error = words_of(error)
        self.ended = True

    def _wait(self, why: str, seconds: float) -> None:
        self.waiting = quantities.waiting(why, seconds)

    def _add(self, file: RemoteFile) -> None:
        self.waiting = ""
        self.files.append(file)
        self.bytes += file.size or 0
        self.unknown += file.size is None
        self.with_id += file.data_id is not None
