"""REFs from a text: a file that `--from` names, or standard input."""

from __future__ import annotations

import codecs
import sys

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.output import one_line, size_text
from flowtui.flow.errors import BadReference
from flowtui.flow.refs import Ref, lines_of, parse_refs

MOST_TEXT = 16 << 20
"""Bytes of one list of REFs that are read."""

MOST_REFS = 100_000
"""REFs of one list."""

STANDARD_INPUT = "-"


def read_refs(name: str, server: str) -> list[Ref]:
    """The REFs of a text file, one or more a line.

    Raises BadReference for what is none, with its line; CommandError where the text is not to be
    read, or is too long.
    """
    where = "standard input" if name == STANDARD_INPUT else one_line(name)
    try:
        if name == STANDARD_INPUT:
            body = sys.stdin.buffer.read(MOST_TEXT + 1) if sys.stdin is not None else b""
        else:
            with open(name, "rb") as file:
                body = file.read(MOST_TEXT + 1)
    except OSError as error:
        raise _unusable(f"cannot read {where}: {error.strerror}") from error
    if len(body) > MOST_TEXT:
        raise _unusable(f"{where} is longer than {size_text(MOST_TEXT)}; is it a list of REFs?")
    refs: list[Ref] = []
    for number, line in enumerate(_lines(body, where), 1):
        try:
            refs += parse_refs(line, server)
        except BadReference as error:
            raise BadReference(f"{where}, line {number:,}: {error.message}") from None
        if len(refs) > MOST_REFS:
            too_many = f"more than {MOST_REFS:,} REFs; split the list"
            raise _unusable(f"{where}, line {number:,}: {too_many}")
    return refs


def _lines(body: bytes, where: str) -> list[str]:
    """The lines of a text in UTF-8, or in UTF-16 that says so. Raises CommandError."""
    encoding = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        number = body.count(b"\n", 0, error.start) + 1
        raise _unusable(f"{where}, line {number:,}: not text in UTF-8; {_IS_IT_ONE}") from None
    lines = lines_of(text)
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise _unusable(f"{where}, line {number:,}: not text; {_IS_IT_ONE}")
    return lines


_IS_IT_ONE = "is it a list of REFs?"


def _unusable(message: str) -> CommandError:
    return CommandError(message, exit=Exit.USAGE, code="USAGE")
