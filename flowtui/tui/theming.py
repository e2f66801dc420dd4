"""Has the app look as the settings and the terminal want it, and keeps a theme that is chosen."""

from __future__ import annotations

import os

from textual.theme import Theme

from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.context import AppContext
from flowtui.tui.painting import PaintedApp
from flowtui.tui.terminal_kind import has_few_colors
from flowtui.tui.theme import THEMES, theme_for


class Theming:
    """The app's theme. Sends no messages."""

    def __init__(self, app: PaintedApp, context: AppContext, background: Background) -> None:
        self._app, self._context, self._background = app, context, background
        self._current = ""

    def begin(self) -> None:
        """Choose the theme; from now on another one that is chosen is kept for the next start."""
        app = self._app
        for theme in THEMES:
            app.register_theme(theme)
        few = app.no_color or has_few_colors(os.environ, app.terminfo.colors)
        wanted = self._context.settings.theme
        self._current = theme_for(wanted, app.available_themes, os.environ, few_colors=few)
        app.theme = self._current
        app.theme_changed_signal.subscribe(app, self._changed, immediate=True)

    def _changed(self, theme: Theme) -> None:
        if theme.name == self._current:
            return
        self._current = theme.name

        def save() -> None:
            from flowtui.config import ConfigError

            try:
                self._context.keep_theme(theme.name)
            except (OSError, ConfigError) as error:
                self._background.call_later(self._not_saved, str(error))

        self._background.run(save, "save the theme")

    def _not_saved(self, why: str) -> None:
        self._app.notify(
            printable(why), title="Could not save the theme", severity="warning", markup=False
        )
