"""How many connections one file gets: more while they pay, fewer when they do not.

Pure logic: bytes and time come in as arguments, the number that is wanted comes out. A file
begins with one connection. When that has brought bytes for a moment, there are eight, then
sixteen, as long as each step pays: the file's own rate grows by a tenth at least, and no more than
half of what it gains is taken from the engine's other files. A step that does not pay is taken
back and tried again later, each time after twice as long. Where the server says that it has too
many (429, 503, a refused connection), half of them go at once.

New connections bring nothing for a round trip or two. Where the server is far away the first ones
are therefore asked for at once, and what one alone brings is measured until they answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

AT_MOST = 16
"""Connections of one file, also where the setting says automatic."""

STEP = 8
"""Times as many connections after a step."""

SETTLE = 2.0
"""Seconds that new connections have to bring their first byte before all are measured anyhow."""

PAYS = 1.1
"""Times the file's rate after a step that pays."""

OTHERS_LOSS = 0.5
"""Part of a gain that other files may lose by it."""

FAR = 0.06
"""Seconds until a server's first answer from which on it is far away."""

TRY_AGAIN = 3.0
"""Seconds after which a step that did not pay is tried again, the first time."""

LONGEST_REST = 60.0
"""Seconds between two tries at most."""

ENOUGH = 0.8
"""Part of the rate at which a file can be hashed that is as good as all of it."""

CROWDED = 30.0
"""Seconds for which no connection is added after the server had too many."""


WAVE = 1.0
"""Seconds within which several refusals count as one."""


@dataclass(frozen=True)
class RateSample:
    """What came in so far.

    Attributes:
        now: seconds of a monotonic clock. `own`: bytes of this file; `all`: of all files.
        answered: connections that bring bytes. `asked`: those there are, answered or not.
        held_up: bytes wait for this machine, not it for them.
        hashing: bytes a second that can be hashed, beyond which a file is of no use sooner.
        answered_in: seconds between a request and its answer, at best.
    """

    now: float
    own: int
    all: int
    answered: int
    asked: int
    held_up: bool = False
    hashing: float = math.inf
    answered_in: float = 0.0


class ConnectionControl:
    """The control of one file.

    Attributes:
        wanted: how many connections there should be.
    """

    def __init__(self, most: int, measure: float) -> None:
        """`most` is the setting: 0 for automatic, else at most so many. `measure`: seconds over
        which a rate is measured, at least.
        """
        self._measure = measure
        self._most = min(most, AT_MOST) if most > 0 else AT_MOST
        self.wanted = 1
        self._before: tuple[int, float, float] | None = None
        self._changed: float | None = None
        self._from: RateSample | None = None
        self._alone: tuple[RateSample, RateSample] | None = None
        self._early = True
        self._rest_until = 0.0
        self._rest = TRY_AGAIN
        self._crowded_at = -WAVE

    @property
    def most(self) -> int:
        """How many there may ever be."""
        return self._most

    @property
    def was_crowded(self) -> bool:
        """Whether the server ever had too many."""
        return self._crowded_at > -WAVE

    def look(self, sample: RateSample) -> int:
        """Take in a sample (several a second); how many connections are wanted now."""
        if self._most == 1:
            return 1
        if self._changed is None:
            self._changed = sample.now
        if self._alone is not None:
            first, last = self._alone
            if sample.answered <= 1 or last is first:
                self._alone = first, sample
        if self._from is None:
            settled = sample.answered >= min(self.wanted, sample.asked) and sample.answered > 0
            if settled or (sample.now - self._changed >= SETTLE and sample.answered):
                self._from = sample
                self._begin_early(sample)
            return self.wanted
        seconds = sample.now - self._from.now
        if seconds < self._measure:
            return self.wanted
        own, total = _rates(self._from, sample)
        if self._alone is not None:
            self._before = (1, *_rates(*self._alone))
            self._alone = None
        if self._before is not None:
            self._judge(own, total, sample)
        if self._before is None and sample.now >= self._rest_until:
            self._step(own, total, sample)
        elif self._from is not None and seconds >= 5 * self._measure:
            self._from = sample  # what came long ago says nothing on the rate now
        return self.wanted

    def crowded(self, now: float, wait: float = 0.0) -> int:
        """The server had too many, and asks to wait so many seconds; how many are wanted now."""
        if now - self._crowded_at >= WAVE:  # several refused at once are told once
            self._crowded_at = now
            self.wanted = max(1, self.wanted // 2)
        self._settle(now)
        self._before = self._alone = None
        self._rest_until = max(self._rest_until, now + max(CROWDED, wait))
        return self.wanted

    def _begin_early(self, sample: RateSample) -> None:
        """Take the first step without a look at the rate, where that would take long."""
        early, self._early = self._early, False
        if early and self.wanted == 1 and sample.answered_in >= FAR:
            if sample.held_up or sample.now < self._rest_until:
                return
            self._alone = sample, sample
            self.wanted = min(self._most, STEP)
            self._settle(sample.now)

    def _judge(self, own: float, total: float, sample: RateSample) -> None:
        """Whether the last step paid; it is taken back where it did not."""
        assert self._before is not None
        before, own_before, total_before = self._before
        self._before = None
        gain = own - own_before
        grown = own >= own_before * PAYS and total - total_before >= gain * (1 - OTHERS_LOSS)
        if grown and not self._is_enough(own, sample):
            self._rest = TRY_AGAIN
            return
        self.wanted = before
        self._settle(sample.now)
        self._rest_until = sample.now + self._rest
        self._rest = min(2 * self._rest, LONGEST_REST)

    def _step(self, own: float, total: float, sample: RateSample) -> None:
        more = min(self._most, self.wanted * STEP)
        # Fewer at work than wanted: there is nothing more to hand out.
        if more == self.wanted or own <= 0 or sample.asked < self.wanted:
            return
        if self._is_enough(own, sample):
            return
        self._before = (self.wanted, own, total)
        self.wanted = more
        self._settle(sample.now)

    def _is_enough(self, own: float, sample: RateSample) -> bool:
        """Whether this machine is the limit, and no longer the network."""
        return sample.held_up or own >= ENOUGH * sample.hashing

    def _settle(self, now: float) -> None:
        self._changed, self._from = now, None


def _rates(first: RateSample, last: RateSample) -> tuple[float, float]:
    """Bytes a second of the file and of all files between two samples."""
    seconds = max(last.now - first.now, 1e-3)
    return (last.own - first.own) / seconds, (last.all - first.all) / seconds
