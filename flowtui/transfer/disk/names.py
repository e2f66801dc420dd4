"""Names from the server made into names for a file system.

They are data: no `..`, no absolute path, no separator, no control character gets through, and no
name is longer than a file system takes. What was changed is changed the same way in every run.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

MAX_BYTES = 220
"""Of a name as UTF-8. File systems take 255; the rest is room for `~2`, `.part` and `.journal`."""

PART = ".part"
JOURNAL = ".part.journal"
LOCK = ".part.lock"

_OURS = (PART, JOURNAL, JOURNAL + "~", LOCK)
"""Endings that no file of the server may have: the last is a journal that is being renewed."""

_PLAIN = re.compile(r"[ !-.0-\[\]-~]*")
"""Names in ASCII, as most are, in which nothing is to be replaced."""

_BAD_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe_name(name: str) -> str:
    """One component of a path from a name of the server; never empty, `.` or `..`.

    Unicode is normalised to NFC, separators and what could change a terminal become `_`, and a
    name that ends as our own unfinished files do gets a `_` more.
    """
    text = name if _PLAIN.fullmatch(name) else _without_bad(name)
    text = text.strip()
    if not text.strip("._ "):
        text = "_" * max(1, len(text)) if len(text) < 8 else "_"
    if text.casefold().endswith(_OURS):
        text += "_"
    return _shortened(text, name)


def _without_bad(name: str) -> str:
    """A name in NFC, `_` for each separator and whatever could change a terminal."""
    return "".join(
        "_" if c in "/\\\x00" or unicodedata.category(c) in _BAD_CATEGORIES else c
        for c in unicodedata.normalize("NFC", name)
    )


def safe_path(folder: tuple[str, ...], filename: str) -> tuple[str, ...]:
    """The components of a relative path for `filename` inside `folder`.

    A folder's name is one component, whatever it holds; a file's name may be a path of its own
    (an output inside its execution), of which empty parts, `.` and `..` are dropped.
    """
    inside = [part for part in filename.split("/") if part.strip() not in ("", ".", "..")]
    return tuple(safe_name(part) for part in (*folder, *(inside or ["_"])))


def numbered(name: str, number: int) -> str:
    """The name of the `number`th file that wants `name`: `reads~2.fastq.gz` for the second."""
    if number < 2:
        return name
    stem, endings = split_endings(name)
    return f"{stem}~{number}{endings}"


def number_of(given: str, name: str) -> int | None:
    """Which number of `name` the name `given` is: 2 for `reads~2.fastq.gz`; None where none."""
    if given == name:
        return 1
    mark = given.rpartition("~")[2].partition(".")[0]
    if not (mark.isdecimal() and len(mark) < 9):
        return None
    return int(mark) if numbered(name, int(mark)) == given else None


def is_numbering(given: str, name: str) -> bool:
    """Whether `given` is `name`, or that name with a number."""
    return number_of(given, name) is not None


def split_endings(name: str) -> tuple[str, str]:
    """`reads_R1.fastq.gz` as `reads_R1` and `.fastq.gz`; at most two short endings count."""
    endings = ""
    stem = name
    for _ in range(2):
        head, dot, tail = stem.rpartition(".")
        if not (dot and head and 0 < len(tail) <= 10 and tail.isalnum()):
            break
        stem, endings = head, f".{tail}{endings}"
    return stem, endings


def same_name(path: str) -> str:
    """What two paths share that a file system takes for one where case or Unicode form is alike."""
    if path.isascii():
        return path.lower()
    # Canonical caseless matching (The Unicode Standard, D145).
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
    return unicodedata.normalize("NFC", folded.casefold())


def _shortened(text: str, original: str) -> str:
    if len(text.encode()) <= MAX_BYTES:
        return text
    mark = "~" + hashlib.sha256(original.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem, endings = split_endings(text)
    room = MAX_BYTES - len(mark) - len(endings.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip() + mark + endings


def fitting(name: str, ending: str) -> str:
    """A name cut so that an ending of ours fits behind it."""
    room = LONGEST - len(ending.encode())
    return name.encode()[:room].decode("utf-8", "ignore")


LONGEST = 255
"""Bytes of a name that file systems take."""
