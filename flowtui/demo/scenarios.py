"""The turns that the life of a bulk job may take on this server, chosen when it is started.

Several may be chosen at once; `docs/demo.md` tells what each is good for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response

from flowtui.demo.service import Refusal, forbidden, not_found

MOST_FILES = 40
"""That one job may have with `too-large` or `too-many`."""


class Turn(StrEnum):
    """A turn; the first words of its line in `TURNS` are for people."""

    NONE = "none"
    FORBIDDEN = "forbidden"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"
    SLOW = "slow"
    TROUBLED = "troubled"
    FAILING = "failing"
    FAILING_ONCE = "failing-once"
    EXPIRING = "expiring"
    EXPIRED_ONCE = "expired-once"
    CUT_ONCE = "cut-once"
    TAR = "tar"
    FLAT = "flat"
    MISSING = "missing"
    DAMAGED = "damaged"
    HOSTILE = "hostile"


TURNS: dict[Turn, str] = {
    Turn.NONE: "there are no bulk downloads (404)",
    Turn.FORBIDDEN: "no bulk downloads for this kind of token (403)",
    Turn.TOO_LARGE: f"413 for more than {MOST_FILES} files",
    Turn.TOO_MANY: f"422, in words, for more than {MOST_FILES} files",
    Turn.SLOW: "a job takes ten minutes",
    Turn.TROUBLED: "every second look at a job is answered with 503 and Retry-After",
    Turn.FAILING: "every job fails",
    Turn.FAILING_ONCE: "the first job fails",
    Turn.EXPIRING: "archives go a minute after they are ready",
    Turn.EXPIRED_ONCE: "the first archive has gone when it is fetched (410)",
    Turn.CUT_ONCE: "the first archive goes while it is fetched (half of it, then 410)",
    Turn.TAR: "archives are tar.gz (as in the live dialect)",
    Turn.FLAT: "all members in one folder, named <id>_<name>",
    Turn.MISSING: "the archive lacks its second file",
    Turn.DAMAGED: "one byte of the archive's first file is wrong",
    Turn.HOSTILE: "the archive holds a path that leads outside",
}
"""Each turn in words."""

SLOW_SECONDS = 600.0
EXPIRING_SECONDS = 60.0


@dataclass(frozen=True)
class Turns:
    """What was chosen."""

    chosen: frozenset[Turn] = frozenset()

    def has(self, turn: Turn) -> bool:
        """Whether this one was."""
        return turn in self.chosen

    def refuse(self, files: int) -> None:
        """Raise Refusal where a job of so many files is not taken."""
        if self.has(Turn.NONE):
            raise not_found()
        if self.has(Turn.FORBIDDEN):
            raise forbidden("Token not authorised for this endpoint")
        if files > MOST_FILES and self.has(Turn.TOO_LARGE):
            raise Refusal(413, "TOO_LARGE", "Request entity too large")
        if files > MOST_FILES and self.has(Turn.TOO_MANY):
            words = f"Cannot request more than {MOST_FILES} files"
            raise Refusal(422, "VALIDATION_ERROR", words)

    def fails(self, number: int) -> bool:
        """Whether the `number`th job fails, counted from 0."""
        return self.has(Turn.FAILING) or (number == 0 and self.has(Turn.FAILING_ONCE))

    def trouble(self, look: int) -> Response | None:
        """What the `look`th poll of a job, counted from 0, is answered with instead."""
        if self.has(Turn.TROUBLED) and look % 2 == 0:
            return Response("busy", 503, {"Retry-After": "1"}, "text/plain")
        return None

    def cuts(self, number: int, request: Request) -> bool:
        """Whether the `number`th archive goes in the middle of this request for it."""
        return number == 0 and self.has(Turn.CUT_ONCE) and request.method == "GET"


NO_TURNS = Turns()


def turns_of(names: Iterable[str]) -> Turns:
    """The turns of these names. Raises ValueError."""
    return Turns(frozenset(Turn(name) for name in names))
