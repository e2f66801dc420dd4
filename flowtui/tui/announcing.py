"""Tells what is new to somebody who does not look: toasts, the bell, the terminal's title."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from textual.app import App

from flowtui.config import Notify, Settings
from flowtui.protocol.messages import Summary
from flowtui.text.printable import printable
from flowtui.tui import terminal_signals
from flowtui.tui.notices import Kind, News, Notice, Tally, Watch, look, tally
from flowtui.tui.queue_model import Delta, QueueModel

if TYPE_CHECKING:
    from flowtui.tui.painting import PaintedApp

LONG = 20
"""Seconds that a toast of something wrong stays."""

SEVERITY = {Kind.FAILED: "error", Kind.NEEDS_ROOM: "warning"}


class Announcing:
    """Shows notices as the settings say, and how far the queue is in the terminal's title."""

    def __init__(
        self,
        app: App[Any],
        write: Callable[[str], None],
        environment: Mapping[str, str],
        *,
        how: Notify,
        has_title: bool,
    ) -> None:
        """`write` writes sequences to the terminal, past what is drawn."""
        self._app, self._write, self._environment = app, write, environment
        self._how = how
        self._has_title = has_title and terminal_signals.has_title(environment)
        self._shows_progress = has_title and terminal_signals.shows_progress(environment)
        self._watch = Watch()
        self._title = self._progress = ""

    def begin(self) -> None:
        """Keep the title that the terminal has."""
        if self._has_title:
            self._write(terminal_signals.KEEP_TITLE)

    def end(self) -> None:
        """Give the terminal its title back."""
        if self._has_title:
            self._write(terminal_signals.TITLE_BACK)
        if self._progress:
            self._write(terminal_signals.NO_PROGRESS)

    def show(self, model: QueueModel, delta: Delta) -> None:
        """Tell what is new; not while the queue is still being sent whole."""
        if not model.is_whole:
            return
        now = tally(model.summary, model.bulk_jobs.values())
        needs_sign_in = bool(model.summary.needs_sign_in)
        news = News(now, tuple(delta.turned), tuple(delta.turned_jobs), needs_sign_in)
        self._watch, notices = look(self._watch, news)
        for notice in notices:
            self._tell(notice)
        self._show_how_far(now, model.summary)

    def _tell(self, notice: Notice) -> None:
        if self._how == Notify.OFF:
            return
        words = printable(notice.words)
        severity = SEVERITY.get(notice.kind, "information")
        if notice.kind != Kind.NEEDS_SIGN_IN:  # which has a dialog of its own
            timeout = LONG if notice.kind in SEVERITY else None
            self._app.notify(words, severity=severity, timeout=timeout, markup=False)  # type: ignore[arg-type]
        if self._how == Notify.BELL:
            self._write("\a")
        elif self._how == Notify.DESKTOP:
            self._write(terminal_signals.notification(f"flowtui: {words}", self._environment))

    def _show_how_far(self, now: Tally, summary: Summary) -> None:
        if self._has_title and (title := title_of(now, summary)) != self._title:
            self._title = title
            self._write(terminal_signals.title(title))
        if self._shows_progress:
            percent = percent_of(summary)
            sequence = (
                terminal_signals.progress(percent, is_wrong=bool(now.failed))
                if now.to_come and percent is not None
                else ""
            )
            if sequence != self._progress:
                self._progress = sequence
                self._write(sequence or terminal_signals.NO_PROGRESS)


def announcing(app: PaintedApp, settings: Settings) -> Announcing:
    """What tells the news of an app, on its terminal, as the settings say."""
    how, has_title = Notify(settings.notify), settings.terminal_title
    return Announcing(app, app.write_sequence, os.environ, how=how, has_title=has_title)


def percent_of(summary: Summary) -> int | None:
    """How much of the bytes is here, 0 to 100; None where nobody knows how many there are."""
    if not summary.total or summary.unknown_sizes:
        return None
    return min(100, 100 * summary.done // summary.total)


def title_of(now: Tally, summary: Summary) -> str:
    """The terminal's title: what matters most first, since tabs are narrow."""
    if summary.needs_sign_in:
        return "sign in: flowtui"
    if not now.to_come:
        return "flowtui"
    percent = percent_of(summary)
    far = f"{now.to_come:,} to come" if percent is None else f"{percent}%"
    return f"{far}: flowtui"
