"""The line on top: who is signed in where, what is marked, how the engine is."""

from __future__ import annotations

from urllib.parse import urlsplit

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from flowtui.text.printable import printable


class HeaderLine(Widget):
    """Shows account, server, marks and engine in one line. Sends no messages.

    Attributes:
        account: words on who is signed in. `server`: base URL.
        marked: words on what is marked, or empty. `engine`: words on the engine.
    """

    account: reactive[str] = reactive("")
    server: reactive[str] = reactive("")
    marked: reactive[str] = reactive("")
    engine: reactive[str] = reactive("engine: starting")

    def render(self) -> Text:
        """The line, what matters least left out where it is narrow."""
        width = self.size.width
        host = urlsplit(self.server).netloc
        left = f" flowtui  {self.account[:60]} @ {host}" if self.account else f" flowtui  {host}"
        right = [part for part in (self.marked, self.engine) if part]
        while right and len(left) + sum(len(part) + 3 for part in right) > width:
            right.pop()
        end = "   ".join(right) + " "
        gap = max(1, width - len(left) - len(end))
        return Text(printable(left) + " " * gap + printable(end), no_wrap=True, overflow="ellipsis")
