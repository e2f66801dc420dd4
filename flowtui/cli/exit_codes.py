"""The exit statuses, in one table, and which error leads to which.

0    all files complete and verified   4    nothing found
1    some files failed                 5    not enough disk space
2    usage                             75   trouble that passes, and nothing else (EX_TEMPFAIL)
3    not signed in or refused          124  the time of `wait` is over
                                       130  interrupted; the same command resumes

75 is that of sysexits.h: the network, the server or the machine had trouble that ends by itself, so
that the same command may do later what it could not do now. All others need somebody.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from enum import IntEnum

from flowtui.flow.errors import (
    BadReference,
    FlowError,
    InsecureServer,
    NotFound,
    NotSignedIn,
    Refused,
)


class Exit(IntEnum):
    """What a command leaves with."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    NOTHING_FOUND = 4
    NO_ROOM = 5
    TRY_LATER = 75
    TIMED_OUT = 124
    INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on.

    Attributes:
        message: what happened and what to do, one line, for people.
        exit: what the command leaves with.
        code: a short name for programs.
    """

    def __init__(
        self, message: str, *, exit: Exit = Exit.SOME_FAILED, code: str = "FAILED"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit = exit
        self.code = code


class Interrupted(BaseException):
    """SIGINT, SIGTERM, SIGHUP or SIGUSR1: the user or the scheduler wants an end."""


_FULL = (errno.ENOSPC, errno.EDQUOT)

_BY_CODE = {
    "NO_SPACE": Exit.NO_ROOM,
    "UNAUTHENTICATED": Exit.NOT_ALLOWED,
    "FORBIDDEN": Exit.NOT_ALLOWED,
    "NOT_FOUND": Exit.NOTHING_FOUND,
}


_PASSING = frozenset(
    {"CONNECTION", "CUT", "STALLED", "TIMEOUT", "UNREACHABLE", "UNAVAILABLE", "RATE_LIMITED"}
    | {"NO_ANSWER", "THREADS", "TOO_MANY_OPEN"}
)
_PASSING_STATUS = {408, 425, 429, *range(500, 600)} - {501, 505}
"""HTTP statuses of trouble that passes. Source: RFC 9110, 15.5 and 15.6; RFC 6585; RFC 8470."""

_NEEDS_SOMEBODY = frozenset({"UNTRUSTED", "PROXY", "NO_SERVER"})
"""Codes of a server that cannot be talked to before something is set right."""


def is_passing(code: str) -> bool:
    """Whether a failure of this code may be none another time, with nothing changed here."""
    number = code.removeprefix("HTTP_")
    return code in _PASSING or (
        number != code and number.isdecimal() and int(number) in _PASSING_STATUS
    )


def exit_of_code(code: str) -> Exit:
    """The exit status when a transfer's failure has this code and nothing else went well."""
    return Exit.TRY_LATER if is_passing(code) else _BY_CODE.get(code, Exit.SOME_FAILED)


def exit_of_all(statuses: Iterable[Exit]) -> Exit:
    """The exit status of several failures beside what went well."""
    return Exit.TRY_LATER if set(statuses) == {Exit.TRY_LATER} else Exit.SOME_FAILED


def as_command_error(error: BaseException) -> CommandError | None:
    """`error` as one line and an exit status; None for what nobody expected."""
    if isinstance(error, CommandError):
        return error
    if isinstance(error, FlowError):
        return CommandError(error.message, exit=exit_of_flow(error), code=error.code)
    if isinstance(error, UnicodeEncodeError):
        return CommandError(
            f"the locale's encoding ({error.encoding}) lacks letters of a name; set PYTHONUTF8=1,"
            " or a UTF-8 locale such as LC_ALL=C.UTF-8",
            exit=Exit.USAGE,
            code="LOCALE",
        )
    if isinstance(error, OSError):
        full = error.errno in _FULL
        reason = error.strerror or str(error) or type(error).__name__
        where = f"{error.filename}: " if error.filename else ""
        exit = Exit.NO_ROOM if full else Exit.SOME_FAILED
        return CommandError(f"{where}{reason}", exit=exit, code="NO_SPACE" if full else "DISK")
    return _of_engine(error)


def _of_engine(error: BaseException) -> CommandError | None:
    """What the settings, the engine, its client and the credential store raise.

    Those modules are not light, and help needs none of them.
    """
    from flowtui.config import ConfigError
    from flowtui.daemon.errors import (
        EngineError,
        EngineGone,
        EngineNotRunning,
        EngineWithoutRoom,
    )
    from flowtui.flow.session.credentials import SaveError
    from flowtui.protocol.messages import RequestRefused

    if isinstance(error, ConfigError):
        return CommandError(str(error), exit=Exit.USAGE, code="SETTINGS")
    if isinstance(error, RequestRefused):
        return CommandError(error.message, exit=exit_of_code(error.code), code=error.code)
    if isinstance(error, EngineNotRunning):
        return CommandError(
            "the engine is not running; start it with `flowtui add REF` or `flowtui resume --all`",
            code="NOT_RUNNING",
        )
    if isinstance(error, EngineGone):
        return CommandError(
            f"the engine stopped during this command ({error}); run it again",
            exit=Exit.TRY_LATER,
            code="ENGINE_GONE",
        )
    cause = error.__cause__
    if isinstance(error, EngineWithoutRoom) or (
        isinstance(error, SaveError) and isinstance(cause, OSError) and cause.errno in _FULL
    ):
        return CommandError(str(error), exit=Exit.NO_ROOM, code="NO_SPACE")
    if isinstance(error, EngineError | SaveError):
        return CommandError(str(error), code="ENGINE" if isinstance(error, EngineError) else "KEEP")
    return None


def exit_of_flow(error: FlowError) -> Exit:
    """The exit status where Flow's API fails so."""
    if isinstance(error, NotSignedIn | Refused):
        return Exit.NOT_ALLOWED
    if isinstance(error, NotFound):
        return Exit.NOTHING_FOUND
    if isinstance(error, BadReference | InsecureServer):
        return Exit.USAGE
    is_passing = error.retryable and error.code not in _NEEDS_SOMEBODY
    return Exit.TRY_LATER if is_passing else Exit.SOME_FAILED
