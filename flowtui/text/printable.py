"""Text of the server made fit for a terminal.

Names, errors and descriptions come from other people. Drawn as they are they could move the
cursor, change colours or titles, or show one thing and mean another.
"""

from __future__ import annotations

import unicodedata

from flowtui.text.redaction import without_tokens

_STAND_IN = "\ufffd"

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: str) -> str:
    """`text` as it may be shown: on one line, without tokens, see `without_controls`."""
    return without_controls(without_tokens(text))


def without_controls(text: str) -> str:
    """`text` on one line, with a visible stand-in for what could change the terminal.

    Control characters (C0, C1, DEL), format characters (bidi controls, zero-width ones), line and
    paragraph separators, lone surrogates and unassigned code points are replaced one by one; tabs
    and line ends become a blank.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if c in "\t\r\n" else _STAND_IN if unicodedata.category(c) in _HIDDEN else c
        for c in text
    )
