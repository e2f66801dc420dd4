"""What a check finds, and the checks of a report: asked side by side, each in bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from flowtui.crash_report import scrub


class Status(StrEnum):
    """How a check went: `WARN` works, or works in part; `FAIL` keeps something from working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """A line of the report.

    Attributes:
        name: what was looked at, the same in every report.
        text: what was found. `remedy`: what to do about it; empty where all is well.
    """

    name: str
    status: Status
    text: str
    remedy: str = ""


def ok(name: str, text: str) -> Check:
    """All is well."""
    return Check(name, Status.OK, text)


def warn(name: str, text: str, remedy: str) -> Check:
    """It works, but not as well as it could."""
    return Check(name, Status.WARN, text, remedy)


def fail(name: str, text: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, Status.FAIL, text, remedy)


def parted(message: str, remedy: str) -> tuple[str, str]:
    """What happened, and what to do, of a message that says both; `remedy` where it does not."""
    what, _, told = message.partition("; ")
    return what, told or remedy


@dataclass(frozen=True)
class Question:
    """Some checks that are made one after the other.

    Attributes:
        name: of the check that stands for all of them where they fail to come.
        ask: makes them.
        remedy: what to do where there is no answer.
        seconds: how long that may take.
    """

    name: str
    ask: Callable[[], Sequence[Check]]
    remedy: str
    seconds: float = 10.0


@dataclass
class _Asked:
    question: Question
    checks: list[Check] = field(default_factory=list)
    is_there: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            self.checks = list(self.question.ask())
        except Exception as error:  # noqa: BLE001 - what nobody expected is what is to be told
            said = scrub(f"{type(error).__name__}: {error}")
            self.checks = [fail(self.question.name, said, self.question.remedy)]
        self.is_there.set()


def ask_all(
    questions: Sequence[Question], clock: Callable[[], float] = time.monotonic
) -> Iterator[Check]:
    """The checks of all questions in their order, each as soon as those before it are there.

    They are asked at the same time, in threads that are left behind where they do not come back.
    """
    began = clock()
    asked = [_Asked(question) for question in questions]
    for each in asked:
        name = f"check {each.question.name}"
        threading.Thread(target=each.run, name=name, daemon=True).start()
    for each in asked:
        left = began + each.question.seconds - clock()
        if each.is_there.wait(max(0.0, left)):
            yield from each.checks
        else:
            text = f"no answer within {each.question.seconds:g} s"
            yield fail(each.question.name, text, each.question.remedy)
