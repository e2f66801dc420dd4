"""Has an app tell what it missed, and keep what it saw. See `away` for what counts."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flowtui.config import ConfigError
from flowtui.tui import away
from flowtui.tui.away import Seen
from flowtui.tui.context import AppContext
from flowtui.tui.queue_model import QueueModel

KEEP_EVERY = 30.0
"""Seconds after which what was seen is kept, should the app not live to its end."""

LAST = 0.5
"""Seconds that the app's end may be held up by a slow disk."""


class Returning:
    """Knows what was seen the last time. Runs on the screen's thread."""

    def __init__(
        self,
        context: AppContext,
        run: Callable[[Callable[[], None], str], None],
        call_later: Callable[..., None],
        tell: Callable[[str], None],
    ) -> None:
        """`run`, `call_later`: see `Background`. `tell` is called with words for a person."""
        self._context, self._run, self._call_later, self._tell = context, run, call_later, tell
        self._before: Seen | None = None
        self._is_loaded = self._is_told = False
        self._model: QueueModel | None = None
        self._kept: Seen | None = None

    def begin(self) -> None:
        """Look what was seen."""

        def load() -> None:
            seen = self._context.seen_before()
            self._call_later(self._loaded, seen)

        self._run(load, "what was seen")

    def _loaded(self, seen: Seen | None) -> None:
        self._before, self._is_loaded = seen, True
        self._tell_once()

    def show(self, model: QueueModel) -> None:
        """The queue is now so."""
        if model.is_whole:
            self._model = model
            self._tell_once()

    def _tell_once(self) -> None:
        if self._model is None or not self._is_loaded or self._is_told:
            return
        self._is_told = True
        if self._before is not None:
            words = away.in_words(*away.ended_since(self._before, self._model.transfers.values()))
            if words:
                self._tell(words)

    def keep(self) -> None:
        """Keep what is seen, in a thread."""
        seen = self._news()
        if seen is not None:
            self._run(lambda: self._save(seen), "keep what was seen")

    def end(self) -> None:
        """Keep what was seen in the end; a disk that does not answer is not waited for long."""
        seen = self._news()
        if seen is None:
            return
        saving = threading.Thread(target=self._save, args=(seen,), name="last look", daemon=True)
        saving.start()
        saving.join(LAST)

    def _news(self) -> Seen | None:
        """What is seen, where that is not what was kept; nothing before all was told."""
        if not self._is_told or self._model is None:
            return None
        seen = away.seen_of(self._model)
        return seen if seen != self._kept else None

    def _save(self, seen: Seen) -> None:
        try:
            self._context.keep_seen(seen)
        except (OSError, ConfigError):
            return  # then the next app tells more than is new; who writes the state says why
        self._kept = seen
