"""The search for files in a thread of its own: what it finds and says, taken by the main thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from flowtui.cli.exit_codes import CommandError
from flowtui.cli.output import Output
from flowtui.flow.remote_file import RemoteFile

if TYPE_CHECKING:
    from flowtui.cli.plan import Plan
    from flowtui.cli.selection import RequestedFiles
    from flowtui.protocol.feeding import Feeder

Search = Callable[[Output], Iterator[RemoteFile]]
"""Finds files, and says on an Output what it has to say."""


class Finding:
    """A search that goes on while its results are used.

    Attributes:
        is_over: all that was found, or was said, has been taken.
        error: what ended the search early, or None.
    """

    def __init__(self, search: Search, out: Output) -> None:
        self.is_over = False
        self.error: BaseException | None = None
        self._out = out
        self._search = search
        # Files, words to be said in their place between them, and None for the end.
        self._found: queue.SimpleQueue[RemoteFile | Callable[[], None] | None] = queue.SimpleQueue()
        self._ended: BaseException | None = None
        threading.Thread(target=self._run, name="find files", daemon=True).start()

    def take(self, timeout: float | None = 0.0) -> list[RemoteFile]:
        """What has been found since the last time; what was said meanwhile is printed.

        Waits up to `timeout` seconds for something, without end where that is None.
        """
        files: list[RemoteFile] = []
        while not self.is_over:
            try:
                item = self._found.get(timeout != 0.0 and not files, timeout)
            except queue.Empty:
                break
            if item is None:
                self.is_over, self.error = True, self._ended
            elif isinstance(item, RemoteFile):
                files.append(item)
            else:
                item()
        return files

    def _run(self) -> None:
        relay = _Relay(self._out, self._found.put)
        try:
            for file in self._search(relay):
                self._found.put(file)
        except BaseException as error:  # noqa: BLE001
            self._ended = error  # raised or told by who takes the files
        self._found.put(None)


class _Relay(Output):
    """Has all that is said printed by the thread that takes the files."""

    def __init__(self, out: Output, post: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(as_json=out.as_json)
        self._out = out
        self._post = post

    def say(self, text: str) -> None:
        self._post(lambda: self._out.say(text))

    def event(self, name: str, /, **fields: Any) -> None:
        self._post(lambda: self._out.event(name, **fields))

    def error(self, error: CommandError) -> None:
        self._post(lambda: self._out.error(error))


def feeder_of(finding: Finding, found: RequestedFiles, plan: Plan, wait: float = 0.0) -> Feeder:
    """What hands over the finds of a search, from the first on, which is waited for here.

    `wait`: seconds that each look for more may wait. Raises what ended a search that found nothing,
    and CommandError where there is nothing to find.
    """
    from flowtui.cli.selection import require_files
    from flowtui.protocol.feeding import Feeder

    first: list[RemoteFile] = []
    while not first and not finding.is_over:
        first += finding.take(timeout=1.0)
    if not first and finding.error is not None:
        raise finding.error
    if not first:
        require_files(found)

    def take_found() -> list[RemoteFile]:
        taken = first + ([] if first else finding.take(timeout=wait))
        first.clear()
        return taken

    return Feeder(take_found, lambda: finding.is_over and not first, plan.batch, plan.rule)
