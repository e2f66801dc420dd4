"""The header of a BAM or SAM file (SAM specification, 1.3 and 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from flowtui.peek.kinds import Kind
from flowtui.peek.plain import decoded, text_lines
from flowtui.peek.view import MOST_ROWS, View, lines, table

_MOST_TEXT = 1 << 26


def bam(data: bytes, *, is_whole: bool) -> View | None:
    """The header of unpacked BAM data; None where more of it is needed to tell."""
    if len(data) < 8:
        return View(Kind.BAM, notes=("The file ends inside its header.",)) if is_whole else None
    (size,) = struct.unpack_from("<i", data, 4)
    if not 0 <= size <= _MOST_TEXT:
        return View(Kind.BAM, notes=("Its header is broken: it gives an impossible length.",))
    if len(data) < 12 + size:
        return of_text(Kind.BAM, text_lines(data[8:], is_whole=False), "", is_cut=True)
    text = data[8 : 8 + size].rstrip(b"\0")
    (count,) = struct.unpack_from("<i", data, 8 + size)
    names, is_cut = _references(data, 12 + size, count)
    return of_text(Kind.BAM, text_lines(text, is_whole=True), f"{max(0, count):,}", names, is_cut)


def sam(data: bytes, *, is_whole: bool) -> View:
    """The header of a SAM file, and its first alignments."""
    found = text_lines(data, is_whole=is_whole)
    head = [line for line in found if line.startswith("@")]
    view = of_text(Kind.SAM, head, "")
    body = lines("Alignments", (line for line in found if not line.startswith("@")))
    return View(view.kind, view.facts, (*view.sections, body), view.notes)


def _references(data: bytes, at: int, count: int) -> tuple[list[tuple[str, str]], bool]:
    """Names and lengths of the references, and whether some are missing."""
    found: list[tuple[str, str]] = []
    while len(found) < min(count, MOST_ROWS):
        if len(data) < at + 4:
            return found, True
        (size,) = struct.unpack_from("<i", data, at)
        if not 0 < size < 1 << 16 or len(data) < at + 8 + size:
            return found, True
        (length,) = struct.unpack_from("<i", data, at + 4 + size)
        found.append((decoded(data[at + 4 : at + 3 + size]), f"{length:,}"))
        at += 8 + size
    return found, False


def of_text(
    kind: Kind,
    head: Sequence[str],
    count: str,
    references: Sequence[tuple[str, str]] = (),
    is_cut: bool = False,
) -> View:
    """The view of a header's lines; `references` where they are known apart from these."""
    fields = [_fields(line) for line in head if not line.startswith("@CO")]
    facts = []
    for kind_, values in fields:
        if kind_ == "@HD":
            facts.append(("sorted", values.get("SO", "not said")))
    named = references or [(values.get("SN", ""), _thousands(values.get("LN", "")))
                           for kind_, values in fields if kind_ == "@SQ"]  # fmt: skip
    facts.append(("references", count or f"{len(named):,}"))
    samples = dict.fromkeys(values["SM"] for kind_, values in fields
                            if kind_ == "@RG" and "SM" in values)  # fmt: skip
    if samples:
        facts.append(("samples", ", ".join(list(samples)[:20])))
    programs = [(values.get("PN") or values.get("ID", ""), values.get("VN", ""),
                 values.get("CL", "")) for kind_, values in fields if kind_ == "@PG"]  # fmt: skip
    groups = [(values.get("ID", ""), values.get("SM", ""), values.get("LB", ""),
               values.get("PL", "")) for kind_, values in fields if kind_ == "@RG"]  # fmt: skip
    sections = [
        table("Programs", ("program", "version", "command"), programs),
        table("Read groups", ("id", "sample", "library", "platform"), groups),
        table("References", ("name", "length"), named),
    ]
    rest = [line for line in head if line.startswith("@CO")]
    shown = [*(section for section in sections if section.rows)]
    comments = (lines("Comments", rest),) if rest else ()
    notes = ("The header is longer than what was read; the rest is not shown.",) if is_cut else ()
    return View(kind, tuple(facts), (*shown, *comments), notes)


def _fields(line: str) -> tuple[str, dict[str, str]]:
    kind, *parts = line.split("\t", 40)
    pairs = (part.partition(":") for part in parts)
    return kind, {name: value for name, _, value in pairs}


def _thousands(text: str) -> str:
    return f"{int(text):,}" if text.isascii() and text.isdecimal() and len(text) < 19 else text
