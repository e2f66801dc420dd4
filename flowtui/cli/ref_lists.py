"""REFs, or a manifest, from a text: a file that `--from` names, or standard input."""

from __future__ import annotations

import codecs
import sys
from dataclasses import dataclass, field
from typing import BinaryIO

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.manifest_table import BadManifest, ManifestRow, is_header, read_manifest
from flowtui.cli.output import one_line, size_text
from flowtui.flow.errors import BadReference
from flowtui.flow.refs import Ref, lines_of, parse_refs

MOST_TEXT = 16 << 20
"""Bytes of one list of REFs that are read."""

MOST_MANIFEST = 128 << 20
"""Bytes of one manifest that are read."""

LONGEST_HEADER = 4096
"""Bytes of a manifest's first line that are looked at."""

MOST_REFS = 100_000
"""REFs of one list."""

STANDARD_INPUT = "-"


@dataclass
class RefList:
    """What a text names: REFs, or the files of a manifest, which its first line tells."""

    refs: list[Ref] = field(default_factory=list)
    rows: list[ManifestRow] | None = None


def read_list(name: str, server: str) -> RefList:
    """The REFs of a text file, one or more a line, or the rows of a manifest.

    Raises BadReference for what is none, with its line; CommandError where the text is not to be
    read, is too long, or a manifest that cannot be used.
    """
    where = "standard input" if name == STANDARD_INPUT else one_line(name)
    try:
        if name == STANDARD_INPUT:
            body = _read(sys.stdin.buffer) if sys.stdin is not None else b""
        else:
            with open(name, "rb") as file:
                body = _read(file)
    except OSError as error:
        raise _unusable(f"cannot read {where}: {error.strerror}") from error
    if _is_manifest(body):
        return RefList(rows=_rows(body, where))
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
    return RefList(refs)


def _read(file: BinaryIO) -> bytes:
    """A text and one byte more than it may have; a manifest may be longer than a list."""
    body = file.read(MOST_TEXT + 1)
    return body + file.read(MOST_MANIFEST - MOST_TEXT) if _is_manifest(body) else body


def _is_manifest(body: bytes) -> bool:
    first = body[:LONGEST_HEADER]
    encoding = "utf-16" if first.startswith(_UTF_16) else "utf-8"
    return is_header(first.decode(encoding, "replace").partition("\n")[0])


def _rows(body: bytes, where: str) -> list[ManifestRow]:
    if len(body) > MOST_MANIFEST:
        raise _unusable(f"{where} is longer than {size_text(MOST_MANIFEST)}; split the manifest")
    try:
        return read_manifest(_text(body, where).split("\n"))
    except BadManifest as error:
        raise _unusable(f"{where}, {error}") from None


def _text(body: bytes, where: str) -> str:
    """A text in UTF-8, or in UTF-16 that says so. Raises CommandError."""
    encoding = "utf-16" if body.startswith(_UTF_16) else "utf-8"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        number = body.count(b"\n", 0, error.start) + 1
        raise _unusable(f"{where}, line {number:,}: not text in UTF-8; {_IS_IT_ONE}") from None


def _lines(body: bytes, where: str) -> list[str]:
    """The lines of a text. Raises CommandError."""
    lines = lines_of(_text(body, where))
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            raise _unusable(f"{where}, line {number:,}: not text; {_IS_IT_ONE}")
    return lines


_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

_IS_IT_ONE = "is it a list of REFs?"


def _unusable(message: str) -> CommandError:
    return CommandError(message, exit=Exit.USAGE, code="USAGE")
