"""A view of lines, of which only those in sight are drawn."""

from __future__ import annotations

from textual.geometry import Region
from textual.scroll_view import ScrollView


class LineView(ScrollView):
    """What scrolls and draws single lines; what is on them is its children's to say."""

    @property
    def top(self) -> int:
        """The number of the first line in sight."""
        return int(self.scroll_offset.y)

    def draw_line(self, line: int) -> None:
        """Draw one line again, if it is in sight."""
        y = line - self.top
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def bring_into_sight(self, line: int, count: int = 1) -> None:
        """Scroll no further than needed for these lines; for the first, if not all fit."""
        top, height = self.top, max(1, self.size.height)
        wanted = top
        if line + count > top + height:
            wanted = line + count - height
        wanted = min(wanted, line)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)
