"""`flowtui log`: what came to a folder when, from where, and how it was verified."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.filter_options import since as since_option
from flowtui.cli.options import json_option
from flowtui.cli.output import Output, one_line, size_text
from flowtui.cli.patterns import BadPattern, Pattern, compile_pattern

STATUSES = ("done", "skipped", "failed")

_TEXTS = ("md5", "verified_by", "message", "project", "sample", "belongs_to", "execution", "run",
          "pipeline", "pipeline_version", "process", "linked", "renamed_from")  # fmt: skip


@click.command(short_help="Show what was downloaded to a folder, and when.")
@click.argument("folder", metavar="[DIR]", required=False)
@click.option(
    "--since", callback=since_option, metavar="DATE", help="Since a date, or 30d, 4w, 6m, 1y."
)
@click.option(
    "--status", "statuses", type=click.Choice(STATUSES), multiple=True, help="Only these."
)
@click.option(
    "--include", metavar="GLOB", multiple=True, help="Only paths that match, see docs/choosing.md."
)
@json_option
def log(
    folder: str | None,
    since: datetime | None,
    statuses: tuple[str, ...],
    include: tuple[str, ...],
    as_json: bool,
) -> int:
    """Show the lines of downloads.log in DIR, the oldest first: what came when, and from where.

    DIR is download_dir in the settings, else ./downloads. Nothing is read but the log; `flowtui
    verify` reads the files.

    \b
    Examples:
      flowtui log /data/flow --since 7d
      flowtui log --status failed
      flowtui log /data/flow --include '*.bam' --json

    \b
    Exit status: 0 shown, 2 usage, 4 nothing of that is in the log.
    """
    from flowtui.config import absolute
    from flowtui.connect import read_settings
    from flowtui.transfer.disk.downloads_log import entries

    out = Output(as_json=as_json, is_listing=True)
    root = absolute(folder) if folder else read_settings(None)[0].target()
    patterns = [_pattern(text) for text in include]
    is_empty = True
    for fields in entries(root):
        logged = _logged(fields)
        if logged is not None and _is_wanted(logged, since, statuses, patterns):
            is_empty = False
            _show(logged, root, out)
    if is_empty:
        message = f"nothing of that is recorded in {one_line(str(root))}/downloads.log"
        raise CommandError(message, exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND")
    return Exit.OK


def _pattern(text: str) -> Pattern:
    try:
        return compile_pattern(text)
    except BadPattern as error:
        raise click.UsageError(f"--include: {error}") from None


@dataclass(frozen=True)
class Logged:
    """A line of the log, of which each field is of its kind.

    Attributes:
        time: when the file ended. `path`: below the folder. `more`: what else is text.
    """

    time: datetime
    path: str
    key: str
    status: str
    size: int | None
    seconds: float | None
    more: Mapping[str, str]


def _logged(fields: Mapping[str, object]) -> Logged | None:
    """A line as it can be shown; None where it does not say which file came when."""
    path, key, stamp, status = (fields.get(name) for name in ("path", "key", "timestamp", "status"))
    if not (isinstance(path, str) and isinstance(key, str) and isinstance(stamp, str)):
        return None
    try:
        time = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    size, seconds = fields.get("size"), fields.get("seconds")
    return Logged(
        time if time.tzinfo else time.replace(tzinfo=UTC),
        path,
        key,
        status if isinstance(status, str) else "",
        size if type(size) is int else None,
        float(seconds) if isinstance(seconds, int | float) and math.isfinite(seconds) else None,
        {name: text for name in _TEXTS if isinstance(text := fields.get(name), str) and text},
    )


def _is_wanted(
    logged: Logged, since: datetime | None, statuses: Sequence[str], patterns: Sequence[Pattern]
) -> bool:
    return (
        (since is None or logged.time >= since)
        and (not statuses or logged.status in statuses)
        and (not patterns or any(pattern.fits(logged.path) for pattern in patterns))
    )


def _show(logged: Logged, root: Path, out: Output) -> None:
    more = logged.more
    if out.as_json:
        out.event(
            "logged",
            time=logged.time.isoformat(timespec="milliseconds"),
            ref=logged.key,
            path=str(root / logged.path),
            status=logged.status,
            size=logged.size,
            seconds=logged.seconds,
            **{name: more.get(name) for name in _TEXTS},
        )
        return
    try:
        when = f"{logged.time.astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):  # a year that no calendar here has
        when = logged.time.isoformat(timespec="minutes")
    how = f"verified by {more['verified_by']}" if "verified_by" in more else ""
    words = "; ".join(filter(None, (how, more.get("message"))))
    text = f"{when}  {logged.status:<7}  {size_text(logged.size):>8}  {logged.key}  {logged.path}"
    out.line(_row(text, words))


def _row(text: str, words: str) -> str:
    """A row, and what there is to say of it."""
    from flowtui.text.printable import printable

    return printable(text) + (f"  ({one_line(words)})" if words else "")
