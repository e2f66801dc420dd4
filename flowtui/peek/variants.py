"""The header and the first variants of a VCF; the header of a BCF (VCF specification, 1 and 6)."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from flowtui.peek.kinds import Kind
from flowtui.peek.plain import text_lines
from flowtui.peek.view import View, lines, more_columns, table

_META = re.compile(r"##(\w{1,40})=<(.{0,2000})>\s*")
_PAIR = re.compile(r'(\w{1,40})=("[^"]{0,1000}"|[^,"]{0,1000})')
_FIXED = 9
"""Columns before those of the samples."""

_MOST_HEADER = 1 << 26


def vcf(data: bytes, *, is_whole: bool) -> View:
    """The header and the first variants."""
    return _view(Kind.VCF, text_lines(data, is_whole=is_whole))


def bcf(data: bytes, *, is_whole: bool) -> View | None:
    """The header of unpacked BCF data; None where more is needed."""
    if len(data) < 9:
        note = "The file ends inside its header."
        return View(Kind.BCF, notes=(note,)) if is_whole else None
    (size,) = struct.unpack_from("<I", data, 5)
    if size > _MOST_HEADER:
        return View(Kind.BCF, notes=("Its header is broken: it gives an impossible length.",))
    is_here = len(data) >= 9 + size
    return _view(Kind.BCF, text_lines(data[9 : 9 + size].rstrip(b"\0"), is_whole=is_here))


def _view(kind: Kind, found: Sequence[str]) -> View:
    meta = [line for line in found if line.startswith("##")]
    heads = next((line for line in found if line.startswith("#CHROM")), "").lstrip("#").split("\t")
    rows = [line.split("\t", 2000) for line in found if line and not line.startswith("#")]
    samples = heads[_FIXED:]
    plain = [line[2:].partition("=") for line in meta if "=<" not in line]
    facts = [(name, value) for name, _, value in plain
             if name in ("fileformat", "source", "reference", "fileDate")]  # fmt: skip
    contigs = sum(line.startswith("##contig=") for line in meta)
    facts += [("contigs", f"{contigs:,}"), ("samples", f"{len(samples):,}")]
    declared = [(found_[1], *_described(found_[2])) for line in meta
                if (found_ := _META.fullmatch(line[:2100])) and found_[1] != "contig"]  # fmt: skip
    sections = (
        table("Variants", heads, rows),
        lines("Samples", samples[:100]),
        table("Fields", ("kind", "id", "type", "description"), declared),
    )
    shown = tuple(part for part in sections if (part.rows if hasattr(part, "rows") else part.lines))
    return View(kind, tuple(facts), shown, more_columns(heads))


def _described(text: str) -> tuple[str, str, str]:
    values = {name: value.strip('"') for name, value in _PAIR.findall(text)}
    return values.get("ID", ""), values.get("Type", ""), values.get("Description", "")
