"""What is typed into a filter, and whether a name fits: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

LOOSEST = 4
"""Letters of a name over which one typed letter may be spread, where it is matched loosely."""


@dataclass(frozen=True)
class Wanted:
    """A filter: all words must be in a name, in any order, capitals or not.

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
        return "" if self.inverted else max(self.words, key=len, default="")

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
        start = folded.find(word)
        if start >= 0:
            return list(range(start, start + len(word)))
        return _near(word, folded) if self.is_loose else None


EVERYTHING = Wanted()


def wanted_of(typed: str) -> Wanted:
    """The filter that somebody typed: words, with a `!` before them to hide what has them."""
    text = typed.strip().casefold()
    rest = text.removeprefix("!").strip()
    return Wanted(rest, inverted=rest != text and bool(rest))


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
