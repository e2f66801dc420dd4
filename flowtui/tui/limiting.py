"""The rate that all downloads together may have: asked for, set, and kept where that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import App

from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.context import AppContext
from flowtui.tui.engine_link import EngineLink

if TYPE_CHECKING:
    from flowtui.tui.screens.rate import RateWanted


class Limiting:
    """Asks for a limit, and has the engine keep to it."""

    def __init__(
        self, app: App[Any], context: AppContext, background: Background, link: EngineLink
    ) -> None:
        self._app, self._context = app, context
        self._background, self._link = background, link

    def ask(self) -> None:
        """Ask for the rate of all downloads together."""
        from flowtui.tui.screens.rate import RateDialog

        self._app.push_screen(RateDialog(self._link.model.summary.limit_rate), self._set)

    def _set(self, wanted: RateWanted | None) -> None:
        if wanted is None:
            return
        self._link.call(
            "limit the rate",
            lambda engine: engine.settings(limit_rate=wanted.rate),
            lambda _: self._app.notify(words_of(wanted), markup=False),
        )
        if wanted.is_kept:
            self._background.run(lambda: self._keep(wanted.rate), "save the rate limit")

    def _keep(self, rate: int) -> None:
        from flowtui.config import ConfigError

        try:
            self._context.keep_limit_rate(rate)
        except (OSError, ConfigError) as error:
            self._background.call_later(self._not_kept, str(error))

    def _not_kept(self, why: str) -> None:
        title = "Could not save the rate limit"
        self._app.notify(printable(why), title=title, severity="warning", markup=False)


def words_of(wanted: RateWanted) -> str:
    """What was set, and until when."""
    limit = f"Limit: {quantities.rate(wanted.rate)}" if wanted.rate else "No rate limit"
    return f"{limit}, {'saved in the settings' if wanted.is_kept else 'until the engine stops'}."
