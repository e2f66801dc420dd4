"""The parts of a walk: asked for side by side, taken in order, and what follows where some fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flowtui.flow.errors import FAILING, FlowError
from flowtui.flow.refs import Ref
from flowtui.flow.walk.lookahead import Lookahead
from flowtui.flow.walk.rows import Row

if TYPE_CHECKING:
    from flowtui.flow.walk.runs import ListedOutputs

SEVERAL = 3
"""Parts that fail one after the other: from then on it is taken for the server's trouble."""

FIRST_WAIT, LONGEST_WAIT, PATIENCE = 2.0, 60.0, 900.0
"""Seconds: between two tries of a server in trouble at first and at most, and in all."""


@dataclass(frozen=True)
class Answer:
    """What a part is made of.

    Attributes:
        rows: read when the part's turn has come.
        unreadable: how many more records came that could not be read.
        name: what a person calls the part, where that was not known before.
    """

    rows: Iterable[Row] = field(default_factory=list)
    unreadable: int = 0
    name: str = ""


@dataclass(frozen=True)
class Part:
    """What one or a few questions tell: a sample's files, an execution's outputs, one file.

    Attributes:
        ref: what was asked for that it belongs to. `is_ref`: whether it is that itself.
            `is_last`: whether it is the last of that.
        ask: asks the questions; called in a thread. Raises FlowError.
        kind: what its records are called.
        outputs: a sample's are kept there, for the runs of the project that place them;
            `only_listed`: whether a run's others are not wanted.
    """

    ref: Ref
    name: str
    ask: Callable[[], Answer]
    kind: str = "file"
    is_ref: bool = False
    is_last: bool = False
    outputs: ListedOutputs | None = None
    only_listed: bool = False

    def answer(self) -> Answer | FlowError:
        """What comes of asking."""
        try:
            return self.ask()
        except FlowError as error:
            return error


class Askable(Protocol):
    """What can be asked, once more too."""

    def answer(self) -> Any:
        """What comes of asking; a FlowError where nothing does. Called in a thread."""


A = TypeVar("A", bound=Askable)


def in_order(
    parts: Iterable[A], lookahead: Lookahead, wait: Callable[[str, float], None]
) -> Iterator[tuple[A, Any]]:
    """Each part with what came of it, in order, but for what failed while the server was away.

    One or two that fail are their own trouble: they are given with their errors. Where SEVERAL do
    in a row, `wait` (why, seconds) is called before each further try, and once the server answers
    again those that failed are asked once more. After PATIENCE seconds of that the error is raised.
    """
    failed: list[tuple[A, FlowError]] = []
    recoveries = 0
    waited = 0.0  # seconds, since the server last answered
    was_away = False

    def asked(item: tuple[int, A]) -> tuple[int, A, Any]:
        return *item, item[1].answer()

    def settled() -> Iterator[tuple[A, Any]]:
        for part, error in failed:
            yield part, part.answer() if was_away else error

    # Whether a part was asked before the server came back is told by the count at its start.
    started = ((recoveries, part) for part in parts)
    for era, part, first_answer in lookahead.map(asked, started):
        answer = first_answer
        if isinstance(answer, FAILING) and era < recoveries:
            answer = part.answer()
        if isinstance(answer, FAILING) and len(failed) >= SEVERAL - 1:
            seconds = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (len(failed) + 1 - SEVERAL))
            if waited + seconds > PATIENCE:
                raise answer
            waited += seconds
            wait(answer.message, seconds)
            answer = part.answer()
        if isinstance(answer, FAILING):
            failed.append((part, answer))
            continue
        was_away = waited > 0.0
        if was_away:
            recoveries, waited = recoveries + 1, 0.0
        yield from settled()
        failed.clear()
        yield part, answer
    was_away = waited > 0.0
    yield from settled()
