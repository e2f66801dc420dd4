"""The line of sums below the table: files, bytes, rate, time left, room, and a small graph."""

from __future__ import annotations

import time
from collections import deque

from rich.text import Text
from textual.widget import Widget

from flowtui.protocol.messages import Summary
from flowtui.protocol.states import GOOD, TransferState
from flowtui.text import quantities

SAMPLE_EVERY = 1.0
"""Seconds between two columns of the graph."""

SAMPLES = 30
"""Columns of the graph at most."""

LEVELS = "▁▂▃▄▅▆▇█"


class TotalsLine(Widget):
    """Shows the sums of the queue. Sends no messages."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._summary = Summary()
        self._rates: deque[float] = deque(maxlen=SAMPLES)
        self._sampled = 0.0

    def show(self, summary: Summary) -> None:
        """Draw these sums."""
        self._summary = summary
        now = time.monotonic()
        if now - self._sampled >= SAMPLE_EVERY and (summary.rate or any(self._rates)):
            self._sampled = now
            self._rates.append(summary.rate)
        self.refresh()

    def render(self) -> Text:
        """The sums as far as there is room, and the graph in what is left."""
        width = self.size.width
        parts = words_of(self._summary)
        while len(parts) > 1 and sum(len(part) + 3 for part in parts) > width:
            parts.pop()
        line = Text(" " + "   ".join(parts), no_wrap=True, overflow="ellipsis")
        if failed := self._summary.file_counts.get(TransferState.FAILED):
            line.highlight_words([f"{failed:,} failed"], "bold")
        room = width - line.cell_len - 3
        if room >= 8:
            drawn = graph(list(self._rates)[-room:])
            line.append(" " * (width - line.cell_len - len(drawn) - 1) + drawn, "dim")
        return line


def words_of(summary: Summary) -> list[str]:
    """The sums, what matters most first."""
    counts = summary.file_counts
    files = sum(counts.values()) - counts.get(TransferState.CANCELLED, 0)
    here = sum(counts.get(state, 0) for state in GOOD)
    at_least = "at least " if summary.unknown_sizes else ""
    parts = [f"{here:,}/{files:,} files"]
    if counts.get(TransferState.FAILED):
        parts[0] += f", {counts[TransferState.FAILED]:,} failed"
    parts.append(f"{quantities.size(summary.done)} of {at_least}{quantities.size(summary.total)}")
    if summary.rate:
        parts.append(quantities.rate(summary.rate))
    if summary.limit_rate:
        parts.append(f"limit {quantities.rate(summary.limit_rate)}")
    if summary.rate and summary.eta is not None:
        parts.append(f"{quantities.duration(summary.eta)} left")
    if summary.connections:
        parts.append(f"{quantities.counted(summary.connections, 'connection')} a file")
    if summary.free is not None:
        parts.append(f"{quantities.size(summary.free)} free")
    return parts


def graph(rates: list[float]) -> str:
    """The rates as columns, the highest of them eight eighths high; nothing is a blank."""
    highest = max(rates, default=0.0)
    if highest <= 0:
        return ""
    return "".join(
        " " if rate <= 0 else LEVELS[min(7, int(8 * rate / highest - 1e-9))] for rate in rates
    )
