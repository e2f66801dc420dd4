"""What is worth a word to somebody who does not look: done, failed, needs you. Decisions only.

`announcing` shows them, with a bell if that is wanted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from flowtui.protocol.messages import BulkRow, Summary, TransferRow
from flowtui.protocol.states import BULK_ENDED, GOOD, PENDING_WORK, BulkState, TransferState


class Kind(StrEnum):
    """What a notice is about; each is told once until the queue is through."""

    FINISHED = "finished"
    FAILED = "failed"
    NEEDS_ROOM = "needs room"
    NEEDS_SIGN_IN = "needs sign-in"


@dataclass(frozen=True)
class Notice:
    """A line for a person, with nothing in it that has been made printable already."""

    kind: Kind
    words: str


@dataclass(frozen=True)
class Tally:
    """The queue in numbers.

    Attributes:
        to_come: transfers and bulk jobs that the engine has work for.
        paused: transfers that go on when they are told to.
        good: files that are here. `failed`: files that are not, and do not come.
    """

    to_come: int = 0
    paused: int = 0
    good: int = 0
    failed: int = 0


def tally(summary: Summary, jobs: Iterable[BulkRow]) -> Tally:
    """The queue in numbers, from its sums and its bulk jobs."""
    counts = summary.counts
    return Tally(
        to_come=sum(counts.get(state, 0) for state in PENDING_WORK)
        + sum(job.state not in BULK_ENDED for job in jobs),
        paused=counts.get(TransferState.PAUSED, 0),
        good=sum(summary.file_counts.get(state, 0) for state in GOOD),
        failed=summary.file_counts.get(TransferState.FAILED, 0),
    )


@dataclass(frozen=True)
class Watch:
    """What was seen and told so far.

    Attributes:
        quiet: the queue when nothing was left to do the last time, or when the watch began; None
            before that.
        told: what was told since.
    """

    quiet: Tally | None = None
    told: frozenset[Kind] = frozenset()


@dataclass(frozen=True)
class News:
    """The queue now, and which transfers and bulk jobs came to another state since the last."""

    now: Tally
    turned: tuple[TransferRow, ...] = ()
    turned_jobs: tuple[BulkRow, ...] = ()
    needs_sign_in: bool = False


def look(watch: Watch, news: News) -> tuple[Watch, list[Notice]]:
    """What to say of the news, and the watch as it goes on."""
    now = news.now
    if watch.quiet is None:
        watch = replace(watch, quiet=now)
    quiet = watch.quiet or now
    # What was forgotten or tried again meanwhile counts no more.
    quiet = replace(quiet, good=min(quiet.good, now.good), failed=min(quiet.failed, now.failed))
    if not now.to_come:
        good, failed = now.good - quiet.good, now.failed - quiet.failed
        is_through = (good or failed) and not now.paused
        notices = [Notice(Kind.FINISHED, _through(good, failed))] if is_through else []
        return Watch(quiet=now), notices
    notices = [notice for notice in _on_the_way(news) if notice.kind not in watch.told]
    told = watch.told | {notice.kind for notice in notices}
    if not news.needs_sign_in:
        told -= {Kind.NEEDS_SIGN_IN}  # a session that ends anew is told anew
    return Watch(quiet, told), notices


def _on_the_way(news: News) -> Iterable[Notice]:
    if news.needs_sign_in:
        yield Notice(Kind.NEEDS_SIGN_IN, "Sign in to continue the downloads")
    failed = [(row.filename, row.reason) for row in news.turned
              if row.state == TransferState.FAILED]  # fmt: skip
    failed += [(job.name, job.reason) for job in news.turned_jobs
               if job.state in (BulkState.FAILED, BulkState.EXPIRED)]  # fmt: skip
    if failed:
        name, reason = failed[0]
        others = f" (and {len(failed) - 1:,} more)" if len(failed) > 1 else ""
        yield Notice(Kind.FAILED, f"{name} failed{others}: {reason}".removesuffix(": "))
    for row in news.turned:
        if row.state == TransferState.WAITING and row.code == "NO_SPACE":
            yield Notice(Kind.NEEDS_ROOM, f"{row.filename} waits for room: {row.reason}")
            return


def _through(good: int, failed: int) -> str:
    here = f"{good:,} {'file' if good == 1 else 'files'}"
    if not failed:
        return f"Downloads finished: {here}"
    return f"Downloads ended: {here} here, {failed:,} failed"
