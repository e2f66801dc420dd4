"""Text that changes with every key, and seldom its height."""

from __future__ import annotations

from textual.visual import VisualType
from textual.widgets import Static


class SteadyText(Static):
    """A `Static` for which the screen is laid out anew only where it needs other lines than before.

    Laying out costs more than all else that a cursor key does. Its width is not its content's.
    """

    def update(self, content: VisualType = "", *, layout: bool = True) -> None:
        """See `Static.update`."""
        width, height = self.content_size
        super().update(content, layout=False)
        self.clear_cached_dimensions()
        if not layout or not self.is_attached:
            return
        needed = self.get_content_height(self.container_size, self.app.size, width)
        if not width or needed != height:
            self.refresh(layout=True)
