"""Patterns for paths, as rclone and .gitignore have them, matched in bounded time.

`*.bam` is compared with the file's own name; a pattern with a slash with the end of the path, from
a folder on; one that begins with a slash with the whole path; `results/` is all in a folder of that
name. `*` and `?` stay within one folder, `**` goes through any number of them; `{a,b}`, `[a-z]`,
`[!a-z]` and `[^a-z]` are as in a shell; a backslash takes its magic from what follows.

A pattern becomes an automaton, whose sets of states are numbers, made as they are met: each
character of a path costs one look-up, whatever the pattern.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

LONGEST = 1024
"""Characters of a pattern."""

DEEPEST = 8
"""Braces within braces."""

_MOST_KEPT = 4096
"""Steps that an automaton remembers."""

Fits = Callable[[str], bool]
"""Whether a character is one of those that a step of a pattern takes."""


class BadPattern(ValueError):
    """A pattern that cannot be read; the message says why."""


@dataclass(frozen=True)
class Pattern:
    """A pattern: see the module.

    Attributes:
        text: as it was written.
    """

    text: str
    _by_name: bool
    _ignore_case: bool
    _automaton: _Automaton

    def fits(self, path: str) -> bool:
        """Whether the path of a file fits; folders are divided by slashes."""
        path = normal(path, ignore_case=self._ignore_case)
        return self._automaton.takes(path.rpartition("/")[2] if self._by_name else path)


def compile_pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    """The pattern in `text`. Raises BadPattern."""
    if len(text) > LONGEST:
        raise BadPattern(f"a pattern has at most {LONGEST:,} characters")
    pattern = normal(text, ignore_case=ignore_case)
    if not pattern.strip("/"):
        raise BadPattern(f"{text!r} names nothing; * is all files")
    by_name = "/" not in pattern
    if pattern.endswith("/"):
        pattern += "**"
    if pattern.startswith("/"):
        pattern = pattern.lstrip("/")
    elif not by_name:
        pattern = f"**/{pattern}"
    return Pattern(text, by_name, ignore_case, _Automaton.of(pattern))


def normal(text: str, *, ignore_case: bool = False) -> str:
    """Text in the one form in which it is compared: composed, and of one case if that is ignored.

    Systems differ in how they write an é.
    """
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.casefold()) if ignore_case else composed


def _is_any(character: str) -> bool:
    return True


def _is_within(character: str) -> bool:
    return character != "/"


@dataclass
class _Automaton:
    """States in a row; a set of them is a number with their bits.

    Attributes:
        steps: state → what takes it to the next one.
        jumps: state → states that it is as well, without a character.
        start: the states before the first character. `end`: the bit of the last state.
    """

    steps: list[tuple[Fits, int] | None] = field(default_factory=lambda: [None])
    jumps: list[list[int]] = field(default_factory=lambda: [[]])
    start: int = 0
    end: int = 0
    _known: dict[tuple[int, str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, pattern: str) -> _Automaton:
        """That of a pattern. Raises BadPattern."""
        made = cls()
        reader = _Reader(pattern, made)
        last = reader.sequence(0, depth=0)
        made.start, made.end = made.closure(1), 1 << last
        return made

    def state(self) -> int:
        """A new state."""
        self.steps.append(None)
        self.jumps.append([])
        return len(self.steps) - 1

    def step(self, before: int, fits: Fits) -> int:
        """A new state behind `before`, for one character."""
        after = self.state()
        self.steps[before] = (fits, after)
        return after

    def closure(self, states: int) -> int:
        """These states, and all that they are as well."""
        left = states
        while left:
            lowest = left & -left
            left ^= lowest
            for other in self.jumps[lowest.bit_length() - 1]:
                if not states >> other & 1:
                    states |= 1 << other
                    left |= 1 << other
        return states

    def takes(self, text: str) -> bool:
        """Whether it goes through all of `text` to its end."""
        states, known = self.start, self._known
        for character in text:
            after = known.get((states, character))
            if after is None:
                after = self._after(states, character)
            if not after:
                return False
            states = after
        return bool(states & self.end)

    def _after(self, states: int, character: str) -> int:
        after, left = 0, states
        while left:
            lowest = left & -left
            left ^= lowest
            step = self.steps[lowest.bit_length() - 1]
            if step is not None and step[0](character):
                after |= 1 << step[1]
        after = self.closure(after)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[states, character] = after
        return after


class _Reader:
    """Reads a pattern into an automaton."""

    def __init__(self, text: str, automaton: _Automaton) -> None:
        self._text = text
        self._at = 0
        self._made = automaton

    def sequence(self, state: int, *, depth: int) -> int:
        """What stands up to the end, or to the comma or bracket of a brace; its last state."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if depth and character in ",}":
                break
            self._at += 1
            state = self._one(character, state, depth)
        return state

    def _one(self, character: str, state: int, depth: int) -> int:
        if character == "*":
            return self._star(state)
        if character == "?":
            return self._made.step(state, _is_within)
        if character == "[":
            return self._made.step(state, self._class())
        if character == "{":
            return self._braces(state, depth + 1)
        if character == "\\":
            if self._at == len(self._text):
                raise BadPattern(f"{self._text!r} ends with a backslash")
            character = self._text[self._at]
            self._at += 1
        return self._made.step(state, character.__eq__)

    def _star(self, state: int) -> int:
        """`*`, `**`, or `**/` at the beginning of a folder, which is any number of folders."""
        at_beginning = self._at == 1 or self._text[self._at - 2] == "/"
        begun = self._at
        while self._text[self._at : self._at + 1] == "*":
            self._at += 1
        is_any = self._at > begun
        loop, after = self._made.state(), self._made.state()
        self._made.jumps[state].append(loop)
        self._made.steps[loop] = (_is_any if is_any else _is_within, loop)
        if is_any and at_beginning and self._text[self._at : self._at + 1] == "/":
            self._at += 1
            self._made.jumps[state].append(after)
            behind = self._made.state()
            self._made.jumps[loop].append(behind)
            self._made.steps[behind] = ("/".__eq__, after)
            return after
        self._made.jumps[loop].append(after)
        return after

    def _braces(self, state: int, depth: int) -> int:
        if depth > DEEPEST:
            raise BadPattern(f"{self._text!r} has more than {DEEPEST} braces within each other")
        after = self._made.state()
        while True:
            begin = self._made.state()
            self._made.jumps[state].append(begin)
            self._made.jumps[self.sequence(begin, depth=depth)].append(after)
            if self._at == len(self._text):
                raise BadPattern(f"{self._text!r} has a {{ without its }}; write \\{{ for the sign")
            self._at += 1
            if self._text[self._at - 1] == "}":
                return after

    def _class(self) -> Fits:
        negated = self._text[self._at : self._at + 1] in ("!", "^")
        self._at += negated
        singles, ranges = set[str](), list[tuple[str, str]]()
        is_first = True
        while (character := self._member()) != "]" or is_first:
            is_first = False
            if self._text[self._at : self._at + 1] == "-" and self._text[
                self._at + 1 : self._at + 2
            ] not in ("]", ""):
                self._at += 1
                ranges.append((character, self._member()))
            else:
                singles.add(character)

        def fits(character: str) -> bool:
            found = character in singles or any(low <= character <= high for low, high in ranges)
            return character != "/" and found != negated

        return fits

    def _member(self) -> str:
        if self._at == len(self._text):
            raise BadPattern(f"{self._text!r} has a [ without its ]; write \\[ for the sign")
        character = self._text[self._at]
        self._at += 1
        if character == "\\" and self._at < len(self._text):
            self._at += 1
            return self._text[self._at - 1]
        return character
