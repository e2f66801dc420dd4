"""From a file's name and a way to read ranges of it to what is inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flowtui.peek import alignments, archives, pages, plain, reads, tables, unpacking, variants
from flowtui.peek.kinds import Kind, kind_of
from flowtui.peek.view import View

MOST_FETCHED = 256 << 10
"""Bytes of a file that one look may fetch."""

FIRST = 64 << 10
"""Bytes that are enough for most: some hundred reads, the rows of a table on a few screens."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file, which may be fewer than were asked for.

    Attributes:
        total: the size of the file, or None where nobody knows.
    """

    data: bytes
    total: int | None


Read = Callable[[int, int], Piece]
"""Fetches so many bytes from an offset on; raises what its network has to say."""


class NotTheFile(Exception):
    """The server sent a web page where a file should be; the message is for people."""


def look(filename: str, read: Read) -> View:
    """What is inside a file. Fetches MOST_FETCHED at most. Raises NotTheFile, and what `read` does.

    Whatever the bytes are, it ends, in a time and a size that they do not choose.
    """
    piece = read(0, FIRST)
    start = piece.data
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _archive(piece, read)
    is_whole = piece.total is not None and len(start) >= piece.total
    view = _inside(filename, start, is_whole=is_whole, is_last=is_whole)
    if view is None:
        more = read(len(start), MOST_FETCHED - len(start))
        start += more.data
        total = more.total if more.total is not None else piece.total
        is_whole = total is not None and len(start) >= total
        view = _inside(filename, start, is_whole=is_whole, is_last=True)
        assert view is not None
    return view


def _inside(filename: str, start: bytes, *, is_whole: bool, is_last: bool) -> View | None:
    """What the first bytes show; None where more of them would show more that matters."""
    damage = ""
    data = start
    if start.startswith(unpacking.MAGIC):
        unpacked = unpacking.unpacked(start)
        data, damage = unpacked.data, unpacked.damage
        if is_whole and not unpacked.is_whole and not damage and len(data) < unpacking.MOST:
            damage = "The gzip data ends in the middle."
        is_whole = is_whole and unpacked.is_whole
        if damage and not data:
            return replace(plain.binary(start), notes=(damage,))
    kind = kind_of(filename, data)
    if (
        kind is Kind.PAGE
        and data is start
        and not filename.lower().endswith((".html", ".htm", ".xhtml"))
    ):
        raise NotTheFile("the server sent a web page instead of the file; sign in again")
    if not is_last and kind is Kind.PAGE:
        return None
    if not is_last and kind in (Kind.BAM, Kind.BCF):
        view = _of_kind(kind, filename, data, is_whole=False)
        return None if view is None or view.notes else view
    found = _of_kind(kind, filename, data, is_whole=is_whole)
    view = found or View(kind, notes=("The file ends inside its header.",))
    return replace(view, notes=(*view.notes, damage)) if damage else view


_LOOKS: dict[Kind, Callable[..., View | None]] = {
    Kind.FASTQ: reads.fastq,
    Kind.FASTA: reads.fasta,
    Kind.BAM: alignments.bam,
    Kind.SAM: alignments.sam,
    Kind.VCF: variants.vcf,
    Kind.BCF: variants.bcf,
    Kind.PAGE: pages.look,
    Kind.TEXT: plain.text,
}
"""Kind → what its first bytes, unpacked, show; None where more of them are needed to tell."""


def _of_kind(kind: Kind, filename: str, data: bytes, *, is_whole: bool) -> View | None:
    if kind is Kind.TABLE:
        return tables.look(filename, data, is_whole=is_whole)
    if kind is Kind.BINARY:
        return plain.binary(data)
    return _LOOKS[kind](data, is_whole=is_whole) if kind in _LOOKS else View(kind)


def _archive(piece: Piece, read: Read) -> View:
    total, start = piece.total, piece.data
    if total is None:
        return View(Kind.ZIP, notes=("The server does not say how long it is; its list is at the"
                                     " end.",))  # fmt: skip
    wanted = min(total, archives.TAIL)
    at = total - wanted
    tail = start[at:] if len(start) == total else read(at, wanted).data
    if len(tail) < wanted:
        return View(Kind.ZIP, notes=("The end of the archive could not be read.",))
    try:
        place = archives.directory_of(tail, total)
    except archives.NoDirectory as error:
        return View(Kind.ZIP, notes=(str(error),))
    if place.start >= at:
        found = tail[place.start - at : place.start - at + place.size]
    else:
        left = MOST_FETCHED - len(start) - len(tail)
        before = read(place.start, min(left, at - place.start))
        is_joined = place.start + len(before.data) == at
        found = (before.data + (tail if is_joined else b""))[: place.size]
    return archives.look(found, place)
