"""The words that a server has for types, organisms and attributes, and which of them one means.

`/samples/types`, `/organisms`, `/samples/metadata` and `/data/types` (docs/flow-api.md, Search). A
search passes over what it does not know, so a word is looked up before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flowtui.flow.errors import BadReference, NotFound, NotOffered, Refused
from flowtui.flow.fields import parse_id_or_none, parse_label
from flowtui.text import quantities
from flowtui.text.printable import printable

SHOWN = 12
"""Words that are named where none of them was meant."""


@dataclass(frozen=True)
class Term:
    """A word of the server's: `id` as it is asked for, `names` as people call it."""

    id: str
    names: tuple[str, ...] = ()

    def is_called(self, text: str) -> bool:
        """Whether `text` is its id or one of its names, whatever the case and what is between."""
        return plain(text) in {plain(self.id), *(plain(name) for name in self.names)}

    def has(self, text: str) -> bool:
        """Whether `text` is a part of one of them."""
        return any(plain(text) in plain(word) for word in (self.id, *self.names))


def plain(text: str) -> str:
    """A text without case and what stands between its parts: `RNA-Seq` is `rna_seq`."""
    return "".join(character for character in text.casefold() if character not in " _-")


def terms(ask: Callable[[str], Any], path: str) -> tuple[Term, ...]:
    """The words of one of the server's lists; none where it has no such list. Raises FlowError."""
    try:
        rows = ask(path)
    except (NotFound, NotOffered, Refused):
        return ()
    found = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict):
            continue
        id_ = parse_id_or_none(row.get("identifier")) or parse_id_or_none(row.get("id"))
        names = (parse_label(row.get("name")), parse_label(row.get("latin_name")))
        if id_ is not None:
            found.append(Term(id_, tuple(name for name in names if name is not None)))
    return tuple(found)


def chosen(known: Sequence[Term], text: str, what: str) -> tuple[Term, ...]:
    """The words that `text` means: those called so, else those that have it as a part.

    Nothing where the server told no words. Raises BadReference where it has others only.
    """
    found = [term for term in known if term.is_called(text)]
    found = found or [term for term in known if term.has(text)]
    if known and not found:
        raise BadReference(f"this server has no {what} {printable(text)!r}; it has {_named(known)}")
    return tuple(found)


def attribute(known: Sequence[Term], text: str) -> Term:
    """The attribute that `text` means; `text` itself where the server told none.

    Raises BadReference where it has others only, or several that have `text` as a part.
    """
    found = chosen(known, text, "attribute")
    if len(found) > 1 and not found[0].is_called(text):
        raise BadReference(f"{printable(text)!r} is a part of several attributes: {_named(found)}")
    return found[0] if found else Term(text)


def _named(terms: Sequence[Term]) -> str:
    return quantities.named([printable(term.id) for term in terms], SHOWN)
