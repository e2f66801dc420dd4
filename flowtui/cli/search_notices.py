"""What `find` and `ls` say beside what they list: what was left out, what could not be checked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import Exit, exit_of_flow
from flowtui.cli.output import Output, counted, one_line
from flowtui.text import quantities

if TYPE_CHECKING:
    from flowtui.flow.errors import FlowError
    from flowtui.flow.search.criteria import Kind
    from flowtui.flow.search.search_notices import Notice, Walking

NAMED = 5
"""Things left out for one and the same reason that are named; programs are told of each."""


class SearchNotices:
    """Says what searches tell, on stderr and as JSON events; what is the same only once.

    Attributes:
        is_whole: whether nothing is missing that should have been looked at.
        denied: whether all that is missing was refused. `passing`: whether all of it is missing by
            trouble that passes.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._said: set[str] = set()
        self._reasons: Counter[str] = Counter()
        self._last = ""
        self.is_whole = True
        self.denied = True
        self.passing = True

    def __call__(self, notice: Notice) -> None:
        """Say it."""
        from flowtui.flow.search import search_notices as notices

        if isinstance(notice, notices.Walking):
            self._say_once(_walking(notice))
        elif isinstance(notice, notices.LeftOut):
            self.left_out(notice.name, notice.error)
        elif isinstance(notice, notices.NotCovered):
            text = f"not searched: {notice.what} (this server has no list of them)"
            if self._say_once(text):
                self._out.event("not_covered", what=notice.what)
        elif isinstance(notice, notices.Unreadable):
            self.unreadable(noun_of(notice.kind), notice.count, notice.name)
        elif isinstance(notice, notices.Lacking):
            self.is_whole = self.denied = self.passing = False
            self._out.event("lacking", what=_row_kind(notice.kind), count=notice.count)
            what = counted(notice.count, noun_of(notice.kind))
            self._say_once(f"the server reports {what} more than it sent")
        elif isinstance(notice, notices.Unchecked):
            fields = dict(sorted(notice.fields.items()))
            self._out.event("unchecked", what=_row_kind(notice.kind), fields=fields)
            for field, count in fields.items():
                what = counted(count, noun_of(notice.kind))
                self._say_once(f"could not check the {field} of {what}: the server does not say")
        else:
            self._out.event("waiting", reason=notice.why, seconds=round(notice.seconds, 1))
            why = quantities.waiting(one_line(notice.why), notice.seconds)
            self._out.say(f"flowtui: {why}")

    def unreadable(self, noun: str, count: int, name: str = "") -> None:
        """Say that so many records could not be read, where there are any."""
        if not count:
            return
        self.is_whole = self.denied = self.passing = False
        records = counted(count, f"{noun} record")
        self._out.event("left_out", name=name, reason=f"cannot read {records}")
        where = f" of {one_line(name)}" if name else ""
        self._out.say(f"flowtui: left out {records}{where}: cannot read what the server sent")

    def failed(self, kind: Kind, error: FlowError) -> None:
        """Say that nothing of a kind could be searched."""
        self.left_out(str(kind), error)

    def end(self) -> None:
        """Say how many more were left out than were named."""
        for reason, count in self._reasons.items():
            if count > NAMED:
                self._out.say(f"flowtui: left out {count - NAMED:,} more: {reason}")

    @property
    def exit(self) -> Exit:
        """What to leave with where nothing was found."""
        if self.is_whole:
            return Exit.NOTHING_FOUND
        return Exit.NOT_ALLOWED if self.denied else self.exit_beside

    @property
    def exit_beside(self) -> Exit:
        """What to leave with where something was found."""
        if self.is_whole:
            return Exit.OK
        return Exit.TRY_LATER if self.passing else Exit.SOME_FAILED

    def left_out(self, name: str, error: FlowError) -> None:
        """Say that something could not be looked at."""
        from flowtui.flow.errors import Refused

        self.is_whole = False
        self.denied &= isinstance(error, Refused)
        self.passing &= exit_of_flow(error) is Exit.TRY_LATER
        self._out.event("left_out", name=name, reason=error.message)
        reason = one_line(error.message)
        self._reasons[reason] += 1
        if self._reasons[reason] <= NAMED:
            again = self._reasons[reason] > 1 and reason == self._last
            self._out.say(f"flowtui: left out {one_line(name)}: {'the same' if again else reason}")
        self._last = reason

    def _say_once(self, text: str) -> bool:
        """Whether it had not been said before."""
        if text in self._said:
            return False
        self._said.add(text)
        self._out.say(f"flowtui: {one_line(text)}")
        return True


def noun_of(kind: Kind) -> str:
    """What people call one of a kind."""
    return {"data": "file"}.get(str(kind), str(kind).removesuffix("s"))


def _row_kind(kind: Kind) -> str:
    """The `kind` of its rows."""
    return str(kind).removesuffix("s")


def _walking(notice: Walking) -> str:
    from flowtui.flow.errors import Refused

    why = "this server has no search"
    if isinstance(notice.error, Refused):
        why = f"the search was refused ({notice.error.message})"
    where = "your projects" if notice.mine else "all projects that you may see"
    return f"{why}; looking through {where}"
