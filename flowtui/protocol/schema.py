"""One schema for every record that comes from outside: the annotations of its dataclass.

What comes over the socket, and what the queue's files hold, is read by `read`: each field is of the
kind that is annotated, or the whole is refused in words that name the field. Unknown fields are a
newer version's and passed over; a missing one gets its default, or is refused where it has none.

    str, bool               these
    int                     a whole number that 64 bits hold; within `Annotated[int, range(…)]`
    float                   a finite number
    X | None                X, or null
    tuple[X, ...]           a list of X. `dict[str, X]`: an object
    Literal["a", "b"]       one of these. A StrEnum: one of its values
    Annotated[str, re, w]   text that the expression matches as a whole; `w` is it in words
    bytes                   nothing: such a field is never sent or stored, and has its default
    a dataclass             an object of its fields
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
import reprlib
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

T = TypeVar("T")

ID_LIMIT = 1 << 53
"""More than any id: what counts on from the highest stays a number that every JSON reader has."""

Id = Annotated[int, range(1, ID_LIMIT)]
"""Of a transfer, a batch or a bulk job."""

Count = Annotated[int, range(1 << 63)]
"""Bytes, or how many there are of something."""

AbsolutePath = Annotated[
    str, re.compile("/[^\0\ud800-\udc7f\udd00-\udfff]*", re.DOTALL), "an absolute path"
]
"""Of what the system takes: bytes that are no UTF-8 are U+DC80 to U+DCFF in Python."""

RelativePath = Annotated[
    str,
    re.compile(r"(?!/)(?!(?:.*/)?\.\.(?:/|\Z))[^\0]*", re.DOTALL),
    "a path that stays below its folder",
]

MOST = (1 << 63) - 1
"""The highest number that is kept and sent; sums of sizes end there."""


class WrongKind(ValueError):
    """A value that the schema does not have; the message names the field and says why."""


class _Wrong(Exception):
    """What was expected and what came, and on the way up where that is."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__()
        self.expected = expected
        self.value = value
        self.where = ""

    def __str__(self) -> str:
        where = self.where.removeprefix(".") or "it"
        if self.value is _MISSING:
            return f"{where} must be {self.expected}, but is missing"
        if "token" in where:
            return f"{where} must be {self.expected}"
        return f"{where} must be {self.expected}, not {_shown(self.value)}"


_MISSING = object()


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, dict) else reprlib.repr(value)


_Reader = Callable[[Any], Any]


def read(kind: type[T], value: object) -> T:
    """A record of this dataclass, from plain JSON values. Raises WrongKind."""
    try:
        return _reader(kind)(value)  # type: ignore[no-any-return, arg-type]
    except _Wrong as wrong:
        raise WrongKind(str(wrong)) from None
    except RecursionError:
        raise WrongKind("nested too deeply") from None


@cache
def _reader(kind: Any) -> _Reader:
    """What turns a JSON value into one of the annotated kind, or raises _Wrong."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _annotated(*arguments)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return _optional(_reader(inner))
    if origin is tuple:
        return _list_of(_reader(arguments[0]))
    if origin is dict:
        return _object_of(_reader(arguments[1]))
    if origin is Literal:
        return _one_of({choice: choice for choice in arguments})
    if dataclasses.is_dataclass(kind):
        assert isinstance(kind, type)
        return _record(kind)
    if issubclass(kind, enum.Enum):
        return _one_of({choice.value: choice for choice in kind})
    return _PLAIN[kind]


def _text(value: Any) -> str:
    if type(value) is not str:
        raise _Wrong("text", value)
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise _Wrong("true or false", value)
    return value


def _no_bytes(value: Any) -> bytes:
    raise _Wrong("left out", value)


def _number(value: Any) -> float:
    if type(value) is float and math.isfinite(value):
        return value
    if type(value) is not int or value not in _INT64:
        raise _Wrong("a finite number", value)
    return float(value)


_INT64 = range(-(1 << 63), 1 << 63)


def _whole(bounds: range) -> _Reader:
    low, high = bounds[0], bounds[-1]
    words = f"a whole number from {low:,} to {high:,}"

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _Wrong(words, value)
        return value

    return check


_PLAIN: dict[type, _Reader] = {
    str: _text, bool: _flag, float: _number, int: _whole(_INT64), bytes: _no_bytes
}  # fmt: skip


def _annotated(kind: Any, rule: Any, words: str = "") -> _Reader:
    if isinstance(rule, range):
        return _whole(rule)

    def check(value: Any) -> str:
        if type(value) is not str or not rule.fullmatch(value):
            raise _Wrong(words, value)
        return value

    return check


def _optional(inner: _Reader) -> _Reader:
    return lambda value: None if value is None else inner(value)


def _one_of(choices: dict[Any, Any]) -> _Reader:
    words = "one of " + ", ".join(map(str, choices))

    def check(value: Any) -> Any:
        if type(value) is not str or value not in choices:
            raise _Wrong(words, value)
        return choices[value]

    return check


def _list_of(inner: _Reader) -> _Reader:
    def check(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _Wrong("a list", value)
        found: list[Any] = []
        try:
            for item in value:
                found.append(inner(item))
        except _Wrong as wrong:
            wrong.where = f"[{len(found)}]{wrong.where}"
            raise
        return tuple(found)

    return check


def _object_of(inner: _Reader) -> _Reader:
    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _Wrong("an object", value)
        found: dict[str, Any] = {}
        for name, item in value.items():
            try:
                found[_text(name)] = inner(item)
            except _Wrong as wrong:
                wrong.where = f"[{reprlib.repr(name)}]{wrong.where}"
                raise
        return found

    return check


def _record(kind: type) -> _Reader:
    annotations = typing.get_type_hints(kind, include_extras=True)
    readers = {field.name: _reader(annotations[field.name]) for field in dataclasses.fields(kind)}
    needed = [
        field.name
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def check(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _Wrong("an object", value)
        given: dict[str, Any] = {}
        name = ""
        try:
            for name, inner in readers.items():
                if name in value:
                    given[name] = inner(value[name])
            for name in needed:
                if name not in given:
                    raise _Wrong("given", _MISSING)
        except _Wrong as wrong:
            wrong.where = f".{name}{wrong.where}"
            raise
        return kind(**given)

    return check
