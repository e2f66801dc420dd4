"""What is typed into a filter, and whether a name fits: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

LOOSEST = 4
"""Letters of a name over which one typed letter may be spread, where it is matched loosely."""


@dataclass(frozen=True)
class Wanted:
    """A filter: all words must be in a name, in any order, capitals or not.

    A word with `*` or `?` in it is a pattern, which the whole name must fit.

    Attributes:
        text: what was typed, casefolded, without the `!` before it. Empty: everything fits.
        inverted: what has it in its name is hidden instead.
        is_loose: the letters of a word need only come in its order, near to each other (`lvr1` is
            in `liver_rep1`).
    """

    text: str = ""
    inverted: bool = False
    is_loose: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def words(self) -> list[str]:
        """The words, of which each must fit."""
        return self.text.split()

    @property
    def asked(self) -> str:
        """What a server is asked for that takes one part of a name; empty where it cannot help."""
        parts = [part for word in self.words for part in _ANY.split(word)]
        return "" if self.inverted else max(parts, key=len, default="")

    def loosely(self) -> Wanted:
        """The same, matched loosely."""
        return replace(self, is_loose=True)

    def fits(self, name: str) -> bool:
        """Whether a thing of this name is to be shown."""
        folded = name.casefold()
        return all(self._places(word, folded) is not None for word in self.words) != (
            self.inverted and bool(self.text)
        )

    def places(self, name: str) -> list[tuple[int, int]]:
        """The parts of `name` that fit, as start and end, in order, none over another."""
        folded = name.casefold()
        if self.inverted or len(folded) != len(name):
            return []
        lit: set[int] = set()
        for word in self.words:
            lit.update(self._places(word, folded) or ())
        return _parts(sorted(lit))

    def _places(self, word: str, folded: str) -> list[int] | None:
        if _ANY.search(word):
            return list(range(len(folded))) if _fits_pattern(word, folded) else None
        start = folded.find(word)
        if start >= 0:
            return list(range(start, start + len(word)))
        return _near(word, folded) if self.is_loose else None


EVERYTHING = Wanted()

_ANY = re.compile(r"[*?]")


def wanted_of(typed: str) -> Wanted:
    """The filter that somebody typed: words, with a `!` before them to hide what has them."""
    text = typed.strip().casefold()
    rest = text.removeprefix("!").strip()
    return Wanted(rest, inverted=rest != text and bool(rest))


def _fits_pattern(pattern: str, folded: str) -> bool:
    """Whether a name fits a pattern of `*` and `?`; in time that grows with their lengths only."""
    first, *rest = pattern.split("*")
    if not rest:
        return len(folded) == len(first) and _is_at(first, folded, 0)
    last = rest.pop()
    end = len(folded) - len(last)
    if end < len(first) or not (_is_at(first, folded, 0) and _is_at(last, folded, end)):
        return False
    at = len(first)
    for part in rest:
        found = (place for place in range(at, end - len(part) + 1) if _is_at(part, folded, place))
        at = next(found, end + 1) + len(part)
        if at > end:
            return False
    return True


def _is_at(part: str, folded: str, place: int) -> bool:
    """Whether `part` stands there, in which each `?` is any character."""
    if "?" not in part:
        return folded.startswith(part, place)
    there = folded[place : place + len(part)]
    return all(wanted in ("?", letter) for wanted, letter in zip(part, there, strict=True))


def _near(word: str, folded: str) -> list[int] | None:
    """Where the letters of `word` are in their order, as near to each other as the last allows."""
    at = -1
    for letter in word:
        at = folded.find(letter, at + 1)
        if at < 0:
            return None
    found = [at]
    for letter in reversed(word[:-1]):
        found.append(folded.rfind(letter, 0, found[-1]))
    found.reverse()
    return found if found[-1] - found[0] < LOOSEST * len(word) else None


def _parts(places: list[int]) -> list[tuple[int, int]]:
    parts: list[tuple[int, int]] = []
    for place in places:
        if parts and parts[-1][1] == place:
            parts[-1] = (parts[-1][0], place + 1)
        else:
            parts.append((place, place + 1))
    return parts
