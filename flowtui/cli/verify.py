"""`flowtui verify`: read again what was downloaded, and say what is not as it was recorded."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, counted, one_line, seconds_text, size_text

if TYPE_CHECKING:
    from flowtui.transfer.verify.recheck import Checked

SHOW_EVERY = 0.5
"""Seconds between two updates on how far it is, on a terminal."""


@click.command(short_help="Read downloaded files again and compare them.")
@click.argument("folders", metavar="[DIR]...", nargs=-1)
@click.option(
    "--repair",
    "repairs",
    is_flag=True,
    help="Fetch again what is wrong; of files above 16 MiB only the bad blocks.",
)
@server_option
@json_option
def verify(folders: tuple[str, ...], repairs: bool, server: str | None, as_json: bool) -> int:
    """Read all files that downloads.log of each DIR records, and compare their md5.

    Without DIR it is the target folder of the settings. Without --repair nothing is changed and
    nobody is asked. With it a file keeps its name and bytes until the new one is verified; what was
    in it and is no part of the new one is kept as NAME.old-DATE.

    \b
    Examples:
      flowtui verify /data/flow
      flowtui verify /data/flow --repair

    \b
    Exit status: 0 all files are as recorded (in the end), 1 some are changed, truncated, missing,
    unreadable or of unknown md5, 3 not signed in, 4 nothing was downloaded there, 130 interrupted.
    """
    from flowtui.config import absolute
    from flowtui.connect import read_settings
    from flowtui.transfer.verify import recheck

    out = Output(as_json=as_json)
    roots = [absolute(folder) for folder in folders]
    roots = list(dict.fromkeys(roots)) or [read_settings(None)[0].target()]
    recorded_folders = [recheck.RecordedFolder(root) for root in roots]
    for folder in recorded_folders:
        folder.read()
    # A folder within another may have the same file.
    files = {
        folder.root / path: (folder, path, recorded)
        for one in recorded_folders
        for folder, path, recorded in one.wanted()
    }
    if not files:
        named = ", ".join(one_line(str(root)) for root in roots)
        raise CommandError(
            f"no downloads.log with files in {named}", exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND"
        )
    began = time.monotonic()
    progress = _Progress(len(files))
    wrong: dict[Path, str] = {}
    for checked in recheck.check_all(list(files.values()), progress.took):
        _tell(checked, progress, out)
        if checked.state != recheck.OK:
            wrong[checked.path] = checked.state
    fetched, repaired, trouble = 0, 0, None
    mendable = [path for path, state in wrong.items() if state != recheck.UNKNOWN]
    if repairs:
        for link in filter(Path.is_symlink, mendable):
            why = "it is a link, and what it leads to is not flowtui's to replace"
            out.say(f"flowtui: not repaired: {one_line(str(link))}: {why}")
        mendable = [path for path in mendable if not path.is_symlink()]
    if repairs and mendable:
        from flowtui.cli.repair import Wrong, repair

        try:
            fetched = repair(
                [
                    Wrong(folder.root, path, recorded.key)
                    for folder, path, recorded in map(files.__getitem__, mendable)
                ],
                server,
                out,
            )
        except CommandError as error:
            trouble = error
        again = _Progress(len(mendable))
        for checked in recheck.check_all([files[path] for path in mendable], again.took):
            if checked.state == recheck.OK:
                repaired += 1
                del wrong[checked.path]
                out.say(f"flowtui: repaired: {one_line(str(checked.path))}")
            else:
                wrong[checked.path] = checked.state
            out.event("repair", path=str(checked.path), state=checked.state, size=checked.size,
                      md5=checked.md5, message=checked.why)  # fmt: skip
            again.count()
        again.clear()
    seconds = time.monotonic() - began
    counts = Counter(wrong.values())
    counts[recheck.OK] = len(files) - len(wrong)
    status = Exit.SOME_FAILED if wrong else Exit.OK
    if trouble is not None:
        status = trouble.exit
    told = [f"{counts[recheck.OK]:,} of {counted(len(files), 'file')} as recorded"]
    told += [f"{counts[state]:,} {state}" for state in sorted(counts) if state != recheck.OK]
    told += [f"{repaired:,} repaired with {size_text(fetched)} downloaded"] if repairs else []
    out.say(f"{', '.join(told)}; {size_text(progress.bytes)} read in {seconds_text(seconds)}")
    out.event(
        "summary",
        status=int(status),
        files=len(files),
        **{state: counts[state] for state in recheck.STATES},
        repaired=repaired,
        fetched=fetched,
        bytes=progress.bytes,
        seconds=round(seconds, 3),
    )
    if trouble is not None:
        out.error(trouble)
    elif wrong:
        message = f"{counted(len(wrong), 'file')} not as recorded"
        message += "" if repairs else "; use --repair to fetch what is wrong again"
        out.error(CommandError(message, exit=status, code="NOT_AS_RECORDED"))
    return status


def _tell(checked: Checked, progress: _Progress, out: Output) -> None:
    """Say what became of one file."""
    progress.count()
    if checked.state != "ok":
        progress.clear()
        why = f" ({checked.why})" if checked.why else ""
        out.say(f"flowtui: {checked.state}: {one_line(str(checked.path))}{why}")
    out.event("file", path=str(checked.path), state=checked.state, size=checked.size,
              md5=checked.md5, message=checked.why)  # fmt: skip


class _Progress:
    """A line on a terminal that says how far it is; nothing elsewhere.

    Attributes:
        bytes: how many were read.
    """

    def __init__(self, files: int) -> None:
        self.bytes = 0
        self._files = files
        self._done = 0
        self._shown = False
        self._at = time.monotonic()
        self._is_on = sys.stderr.isatty()
        self._lock = threading.Lock()

    def took(self, count: int) -> None:
        """Take note of bytes that were read, in whichever thread."""
        with self._lock:
            self.bytes += count
            self._show()

    def count(self) -> None:
        """Take note of a file that is read."""
        with self._lock:
            self._done += 1
            self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if self._is_on and now - self._at >= SHOW_EVERY:
            self._at, self._shown = now, True
            words = f"{self._done:,} of {self._files:,} files, {size_text(self.bytes)} read"
            _write(f"\r\x1b[K{words}")

    def clear(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._shown:
                _write("\r\x1b[K")
                self._shown = False


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
