"""What a search has to say beside what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flowtui.flow.errors import FlowError
from flowtui.flow.search.criteria import Kind


@dataclass(frozen=True)
class Walking:
    """The server cannot search, so that all there is has to be looked at, which takes longer.

    Attributes:
        error: what it answered. `mine`: whether only what the user owns is looked at.
    """

    error: FlowError
    mine: bool


@dataclass(frozen=True)
class LeftOut:
    """A part could not be looked at: a sample's files, a run's outputs, a page of a list."""

    name: str
    error: FlowError


@dataclass(frozen=True)
class NotCovered:
    """Something was not looked at since the server has no list of it. `what`: in words."""

    what: str


@dataclass(frozen=True)
class Unreadable:
    """So many records could not be read. `name`: of what, where it is not the search itself."""

    kind: Kind
    name: str
    count: int


@dataclass(frozen=True)
class Lacking:
    """The server counts so many more than it sent."""

    kind: Kind
    count: int


@dataclass(frozen=True)
class Unchecked:
    """What was found does not tell of these fields, so that nobody here could check them.

    Attributes:
        fields: the name of each, and of how many of the found it is so.
    """

    kind: Kind
    fields: Mapping[str, int]


@dataclass(frozen=True)
class Waiting:
    """Nothing is asked for so many seconds, and why."""

    why: str
    seconds: float


Notice = Walking | LeftOut | NotCovered | Unreadable | Lacking | Unchecked | Waiting

Notify = Callable[[Notice], None]
"""Takes a notice; called from any thread."""


def tell_nobody(notice: Notice) -> None:
    """Pass over a notice."""
