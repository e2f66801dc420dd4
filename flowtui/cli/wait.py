"""`flowtui wait`: until what is in the background queue has ended."""

from __future__ import annotations

import re
import threading
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import json_option, quiet_option
from flowtui.cli.output import Output, counted, one_line
from flowtui.protocol.states import BULK_ENDED, ENDED, GOOD, BulkState, TransferState
from flowtui.text import quantities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.messages import BulkRow, Changes, TransferRow

NAMED = 3

LONGEST = 365 * 86400
"""Seconds of the longest timeout."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _timeout(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)", value.strip().lower())
    if match is None:
        raise click.BadParameter("use seconds, or a time such as 30m, 4h, 1d")
    return min(float(match[1]) * _UNITS[match[2]], LONGEST)


@click.command(short_help="Wait until background downloads have ended.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that is in the queue; the default.")
@click.option(
    "--timeout", callback=_timeout, metavar="TIME", help="Wait so long at most: 90, 30m, 4h, 1d."
)
@json_option
@quiet_option
def wait(
    ids: tuple[str, ...], everything: bool, timeout: float | None, as_json: bool, quiet: bool
) -> int:
    """Wait until the transfers and bulk jobs of these IDs have ended, or all of the queue.

    IDs are those of `flowtui status`; b1 is a bulk job. What waits for a sign-in or for room is
    told, and waited for; what is paused is not. An engine that is not running is started, and
    resumes its queue. Nothing is stopped when the time is over.

    \b
    Examples:
      flowtui add project/12 && flowtui wait && ./analyse.sh
      flowtui wait b1 --timeout 4h

    \b
    Exit status: 0 all are complete, 1 some failed, were cancelled or are paused, 4 not in the
    queue, 124 the time is over.
    """
    from flowtui.cli.queue import parsed_ids
    from flowtui.daemon.connect import connect_engine

    if ids and everything:
        raise click.UsageError("name IDs, or use --all")
    transfers, jobs = parsed_ids(ids, with_jobs=True)
    out = Output(as_json=as_json, quiet=quiet)
    waiting = Waiting(set(transfers), set(jobs), everything=not ids)
    with closing(connect_engine(start=True)) as engine:
        ended_in_time = _follow(engine, waiting, timeout, out)
    out.event("waited", timed_out=not ended_in_time, **waiting.counts())
    error = waiting.error() if ended_in_time else _timed_out(waiting)
    if error is not None:
        raise error
    out.say(f"{counted(waiting.number(), 'download')} ended, all complete")
    return Exit.OK


def _follow(engine: EngineClient, waiting: Waiting, timeout: float | None, out: Output) -> bool:
    """Take what changes until all has ended; False where the time was over first."""
    from flowtui.daemon.errors import EngineGone

    over = threading.Event()

    def end() -> None:
        over.set()
        engine.close()

    timer = threading.Timer(timeout, end) if timeout is not None else None
    if timer is not None:
        timer.daemon = True
        timer.start()
    try:
        for changes in engine.events():
            waiting.take(changes)
            if changes.last and waiting.is_over():
                return True
            if over.is_set():  # before there was a stream to hang up
                return False
            for text in waiting.news():
                out.say(f"flowtui: {text}")
    except EngineGone:
        if not over.is_set():
            raise
    finally:
        if timer is not None:
            timer.cancel()
    return False


def _timed_out(waiting: Waiting) -> CommandError:
    left = counted(len(waiting.unfinished()), "download")
    message = f"{left} had not ended when the time was over; see `flowtui status`"
    return CommandError(message, exit=Exit.TIMED_OUT, code="TIMED_OUT")


@dataclass
class Waiting:
    """What is waited for, as far as the engine has told.

    Attributes:
        transfers, jobs: ids; of all that there is where it is for `everything`.
    """

    transfers: set[int]
    jobs: set[int]
    everything: bool = False
    _rows: dict[int, TransferRow] = field(default_factory=dict)
    _bulk: dict[int, BulkRow] = field(default_factory=dict)
    _going_on: dict[int, TransferRow] = field(default_factory=dict)  # of `_rows`: not ended
    _reasons: dict[str, bool] = field(default_factory=dict)  # why something waits; is it told?

    def take(self, changes: Changes) -> None:
        """Take note of what changed. What is taken off the list keeps the state that it had."""
        for row in changes.transfers:
            if self.everything or row.id in self.transfers:
                self._rows[row.id] = row
                if row.state in ENDED:
                    self._going_on.pop(row.id, None)
                else:
                    self._going_on[row.id] = row
                if row.state == TransferState.WAITING:
                    self._reasons.setdefault(row.reason, False)
        for job in changes.bulk_jobs:
            if self.everything or job.id in self.jobs:
                self._bulk[job.id] = job
        for id_ in changes.removed:
            if self._going_on.pop(id_, None) is not None:
                del self._rows[id_]
        if changes.last:
            self._check_known(changes)

    def _check_known(self, changes: Changes) -> None:
        unknown = [str(id_) for id_ in sorted(self.transfers - self._rows.keys())]
        unknown += [f"b{id_}" for id_ in sorted(self.jobs - self._bulk.keys())]
        if unknown:
            message = f"not in the queue: {', '.join(unknown)}; see `flowtui status`"
            raise CommandError(message, exit=Exit.NOTHING_FOUND, code="NOT_FOUND")

    def unfinished(self) -> list[TransferRow | BulkRow]:
        """What has not ended."""
        jobs = [job for job in self._bulk.values() if job.state not in BULK_ENDED]
        return [*self._going_on.values(), *jobs]

    def is_over(self) -> bool:
        """Whether nothing goes on any more by itself."""
        # Asked after every event: of a long queue the first that is not paused is enough.
        return all(job.state in BULK_ENDED for job in self._bulk.values()) and all(
            row.state == TransferState.PAUSED for row in self._going_on.values()
        )

    def news(self) -> Iterator[str]:
        """Why something waits for a person, each reason once."""
        for reason, is_told in list(self._reasons.items()):
            if not is_told:
                self._reasons[reason] = True
                yield f"waiting: {one_line(reason)}"

    def number(self) -> int:
        """Transfers and bulk jobs."""
        return len(self._rows) + len(self._bulk)

    def counts(self) -> dict[str, object]:
        """State → how many transfers, and bulk jobs."""
        return {
            "transfers": dict(Counter(str(row.state) for row in self._rows.values())),
            "bulk": dict(Counter(str(job.state) for job in self._bulk.values())),
        }

    def error(self) -> CommandError | None:
        """What did not end well; None where all did."""
        if paused := self.unfinished():
            number = counted(len(paused), "download")
            message = f"{number} paused; continue with `flowtui resume --all`"
            return CommandError(message, code="PAUSED")
        bad = [f"{row.path} ({row.reason or row.state})" for row in self._rows.values()
               if row.state not in GOOD]  # fmt: skip
        bad += [f"b{job.id} ({job.reason or job.state})" for job in self._bulk.values()
                if job.state != BulkState.DONE]  # fmt: skip
        if not bad:
            return None
        named = quantities.named([one_line(text) for text in bad], NAMED)
        message = f"{len(bad):,} not complete: {named}; try `flowtui retry --all`"
        return CommandError(message, code="FAILED")
