"""How many of the files that are being counted are in a folder already, or in the queue for it.

What is here is what the folder's `downloads.log` has, and is there in the size that Flow tells. It
is looked for in a thread, piece by piece as files are found; nobody waits for a disk that hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.tui.recorded_files import LogReader

if TYPE_CHECKING:
    from flowtui.flow.remote_file import RemoteFile

PIECE = 2000
"""Files that are looked for before the result is shown."""


@dataclass(frozen=True)
class Already:
    """What was found so far.

    Attributes:
        looked: for how many of the files, the first ones.
        here, queued: how many of these are here, and in the queue. `bytes`: theirs, as known.
    """

    looked: int = 0
    here: int = 0
    queued: int = 0
    bytes: int = 0

    @property
    def known(self) -> int:
        """How many need not be queued."""
        return self.here + self.queued


class AlreadyHere:
    """Looks for one list of files in one folder after the other. The screen's thread asks it.

    Attributes:
        now: what is known of the latest list and folder.
    """

    def __init__(
        self,
        run: Callable[[Callable[[], None], str], None],
        call_later: Callable[..., None],
        is_queued: Callable[[Path, RemoteFile], bool],
    ) -> None:
        """`run`, `call_later`: see `Background`. `is_queued`: whether a file is on its way."""
        self.now = Already()
        self._run, self._call_later, self._is_queued = run, call_later, is_queued
        self._reader = LogReader()
        self._asked: tuple[Path, object] | None = None
        self._is_looking = False

    def look(self, folder: Path, files: Sequence[RemoteFile]) -> None:
        """Look for the next of these, which are the same as the last time, or more of them."""
        if self._asked is None or self._asked[0] != folder or self._asked[1] is not files:
            # A thread that hangs keeps its reader.
            self._asked, self.now, self._is_looking = (folder, files), Already(), False
            self._reader = LogReader()
        piece = files[self.now.looked : self.now.looked + PIECE]
        if not piece or self._is_looking:
            return
        self._is_looking = True
        asked, reader = self._asked, self._reader

        def work() -> None:
            try:
                here = reader.these_are_here(folder, {file.key: file.size for file in piece})
            except OSError:
                here = set()  # the engine, which writes the log, says what is wrong with it
            self._call_later(self._looked, asked, folder, files, piece, here)

        self._run(work, "look what is here")

    def _looked(
        self,
        asked: object,
        folder: Path,
        files: Sequence[RemoteFile],
        piece: Sequence[RemoteFile],
        here: set[str],
    ) -> None:
        if asked is not self._asked:
            return  # another folder was typed meanwhile
        self._is_looking = False
        found = [file for file in piece if file.key in here]
        queued = [file for file in piece if self._is_queued(folder, file)]
        known = {file.key: file.size or 0 for file in (*found, *queued)}
        on_its_way = {file.key for file in queued}
        self.now = replace(
            self.now,
            looked=self.now.looked + len(piece),
            here=self.now.here + len(known) - len(on_its_way),
            queued=self.now.queued + len(on_its_way),
            bytes=self.now.bytes + sum(known.values()),
        )
        self.look(folder, files)
