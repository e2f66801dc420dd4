"""How many small files are worth fetching at once: it depends on how far away their server is.

Where it is far away, the time of a small file is a round trip, not the band's, so that several of
them run in the place of one other file. Where it is near, its time is that of this process, whose
threads do that in turn only, and more at once would only be in each other's way.
"""

from __future__ import annotations

SMALL_SHARE = 16
"""Small files that run in the place of one other, at most: 64 in the four places of the setting."""

FAR = 0.025 / SMALL_SHARE
"""Seconds of round trip for each small file that shares a place."""

OWN = 0.001
"""Seconds of this process's own time that a small file takes, about. Where answers take no longer,
two threads do all that can be done."""

LATELY = 16
"""Answers over which their usual time is smoothed."""


class Answers:
    """What is known of how long answers take."""

    def __init__(self) -> None:
        self._shortest = 0.0
        self._usual = 0.0

    def received(self, seconds: float) -> None:
        """An answer took so long."""
        self._shortest = min(seconds, self._shortest or seconds)
        self._usual += (seconds - self._usual) / (LATELY if self._usual else 1)

    @property
    def share(self) -> int:
        """How many small files run in one place: by the shortest, which no queue has lengthened."""
        return max(1, min(SMALL_SHARE, int(self._shortest / FAR)))

    def threads(self, places: int) -> int:
        """How many threads fetch small files in so many places."""
        threads = places * self.share
        return min(threads, 2 + int(self._usual / OWN)) if self._usual else threads
