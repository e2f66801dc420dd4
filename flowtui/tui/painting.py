"""From what Textual would paint to what is written: by `screen_buffer`, only what differs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from rich.color import ColorSystem
from rich.segment import Segment
from textual import events
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.filter import LineFilter, Monochrome, NoColor
from textual.widgets import Input

from flowtui.tui.ascii_text import AsciiText
from flowtui.tui.readable import ReadableText
from flowtui.tui.screen_buffer import ScreenBuffer, Span
from flowtui.tui.terminal_kind import Terminfo, has_no_color, is_utf8, terminfo

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.screen import Screen


class Written(CompositorUpdate):
    """An update that is a terminal's sequences already."""

    def __init__(self, sequences: str) -> None:
        self._sequences = sequences

    def render_segments(self, console: Console) -> str:
        """See `CompositorUpdate`."""
        return self._sequences


class PaintedApp(App[None]):
    """An app that writes to the terminal only what is not on it.

    What else writes there, a program in front of a suspended app or a message to all users, is
    painted over when the terminal's size is told anew, after a suspension, or by `action_redraw`.

    Attributes:
        terminfo: what the terminal can do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.terminfo = terminfo()
        self._in_ascii: list[LineFilter] = []
        self._buffer = ScreenBuffer(self._codes, erases=self.terminfo.erases_in_color)

    def suit_terminal(self) -> None:
        """Use what the terminal has: no colours, or letters of ASCII only, where that is all."""
        if self.is_headless:
            self.no_color, self.terminfo = False, Terminfo()
            return
        self.no_color = has_no_color(os.environ, self.terminfo.colors)
        if not is_utf8(os.environ):
            self._in_ascii = [AsciiText()]

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and then what makes text readable on this terminal."""
        textuals = super().get_line_filters()
        if self.no_color:
            # Grey is a colour, too.
            textuals = [item for item in textuals if not isinstance(item, Monochrome)]
            return [*textuals, NoColor(), *self._in_ascii]
        return [*textuals, ReadableText(), *self._in_ascii]

    def _codes(self, segment: Segment) -> str:
        if segment.style is None:
            return ""
        system = self.console._color_system
        return segment.style._ansi or segment.style._make_ansi_codes(
            ColorSystem.TRUECOLOR if system is None else system
        )

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        driver = self._driver
        if self.is_headless or self._batch_count or driver is None or driver.is_inline:
            super()._display(screen, renderable)
            return
        if not isinstance(renderable, LayoutUpdate | ChopsUpdate):
            if renderable is not None:
                self._buffer.forget()
            super()._display(screen, renderable)
            return
        try:
            sequences = self._buffer.update(spans_of(renderable), self.size)
        except Exception as error:  # noqa: BLE001 - as Textual does where a widget cannot be drawn
            self._handle_exception(error)
            return
        at = self.screen.outer_size.clamp_offset(self.cursor_position)
        changed = sequences or at != self._previous_cursor_position
        super()._display(screen, cast("RenderableType", Written(sequences)) if changed else None)

    def write_sequence(self, sequence: str) -> None:
        """Write to the terminal what draws nothing there: its title, the bell."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    async def on_event(self, event: events.Event) -> None:
        """After a suspension or another size nothing is known of the terminal any more."""
        if isinstance(event, events.Resize | Driver.SignalResume):
            self.action_redraw()
        await super().on_event(event)

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Keep the cursor of a field still: one that blinks writes twice a second, for hours."""
        if isinstance(event.widget, Input):
            event.widget.cursor_blink = False

    def action_redraw(self) -> None:
        """Paint all of the screen again."""
        self._buffer.forget()
        if self.screen_stack:
            self.screen.refresh()


def spans_of(update: LayoutUpdate | ChopsUpdate) -> Iterator[Span]:
    """What an update draws, where; lines from top to bottom."""
    if isinstance(update, LayoutUpdate):
        x = update.region.x
        for y, strips in enumerate(update.strips, update.region.y):
            yield x, y, _joined(strips)
        return
    for y, first, after in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x > after or end <= first:
                continue
            if x >= first and end <= after:
                yield x, y, strip
            else:
                yield x, y, strip.crop(0, min(end, after) - x)


def _joined(strips: Iterable[Iterable[Segment]]) -> Iterator[Segment]:
    for strip in strips:
        yield from strip
