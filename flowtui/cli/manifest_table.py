"""A manifest: files of Flow and their places as a table of tabs, written and read back exactly.

The first line names the columns, each further one is a file. In a value a backslash, a quote and
whatever could break a line or change a terminal are escaped (docs/manifests.md). What is read is
untrusted: every line is checked, and refused in words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flowtui.flow.refs import ref_of_key
from flowtui.flow.remote_file import RemoteFile
from flowtui.text.printable import printable
from flowtui.transfer.disk.names import safe_path, same_name

COLUMNS = ("ref", "path", "size", "md5", "project", "sample", "run", "pair")

MOST_ROWS = 500_000
"""Files of one manifest."""

LONGEST_LINE = 64 << 10
"""Characters of a line."""

LONGEST_PATH, DEEPEST = 4096, 128
"""Characters of a path, and its parts; no system takes more."""

LARGEST = (1 << 63) - 1
"""Bytes of a file."""


class BadManifest(Exception):
    """A manifest that cannot be used; the message says which line, and why."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """A file of a manifest.

    Attributes:
        ref: its `RemoteFile.key`. `path`: relative to the target folder.
        size, md5: as Flow has them, or None where that is not known.
        project, sample, run: names; empty where they are not known.
        pair: the same for files that were uploaded as a pair; else empty.
    """

    ref: str
    path: str
    size: int | None = None
    md5: str | None = None
    project: str = ""
    sample: str = ""
    run: str = ""
    pair: str = ""


def header() -> str:
    """The first line."""
    return "\t".join(COLUMNS)


def row_line(row: ManifestRow) -> str:
    """A file as a line, without its end."""
    size = "" if row.size is None else str(row.size)
    values = (row.ref, row.path, size, row.md5 or "", row.project, row.sample, row.run, row.pair)
    return "\t".join(map(escaped, values))


def is_header(line: str) -> bool:
    """Whether a text that begins with this line is a manifest."""
    cells = line.lstrip("\ufeff").rstrip("\r\n").split("\t")
    return cells[0] == "ref" and "path" in cells


def read_manifest(lines: Iterable[str]) -> list[ManifestRow]:
    """The rows of a manifest, each file once, whose first line is a header.

    Columns may stand in any order, and others beside them. Lines may end as on Windows, be empty,
    or be the header once more. Raises BadManifest.
    """
    columns: list[str] = []
    numbers: dict[str, int] = {}
    rows: dict[str, ManifestRow] = {}
    places = _Places()
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise BadManifest(f"line {number:,}: longer than {LONGEST_LINE:,} characters")
        text = line.rstrip("\r")
        if is_header(text):
            columns = _columns(text, number)
            continue
        if not text.strip():
            continue
        try:
            row = _row(text, columns)
            before = rows.get(row.ref)
            if before == row:
                continue
            if before is not None:
                raise BadManifest(f"{row.ref} is named on line {numbers[row.ref]:,}, too")
            places.take(row.path, number)
        except BadManifest as error:
            raise BadManifest(f"line {number:,}: {error}") from None
        if len(rows) >= MOST_ROWS:
            raise BadManifest(f"line {number:,}: more than {MOST_ROWS:,} files; split the manifest")
        rows[row.ref], numbers[row.ref] = row, number
    return list(rows.values())


def placed(file: RemoteFile, row: ManifestRow) -> RemoteFile:
    """The file at its place in a manifest.

    What Flow does not tell of it comes from there. Raises BadManifest where Flow has another file
    under the same REF by now.
    """
    for what, then, now in (("size", row.size, file.size), ("md5", row.md5, file.md5)):
        if then is not None and now is not None and then != now:
            raise BadManifest(
                f"changed on Flow since the manifest was made: its {what} is {now}, not {then}"
            )
    return replace(
        file.placed_at(row.path),
        size=row.size if file.size is None else file.size,
        md5=file.md5 or row.md5,
        sample=file.sample or row.sample or None,
        origin=replace(file.origin, project=file.origin.project or row.project),
    )


# Values


_SHORT = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_LONG = {text: letter for letter, text in _SHORT.items()}
_PLAIN = re.compile(r"[ !#-\[\]-~]*")
_ESCAPE = re.compile(r"\\(?:[\\tnr]|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def escaped(value: str) -> str:
    """A value as it stands between two tabs."""
    if _PLAIN.fullmatch(value):
        return value
    return "".join(map(_escaped_letter, value))


def _escaped_letter(letter: str) -> str:
    if letter in _SHORT:
        return _SHORT[letter]
    if letter != '"' and unicodedata.category(letter) not in _UNSEEN:
        return letter
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def unescaped(text: str) -> str:
    """The value that stands there. Raises BadManifest for a backslash that means nothing."""
    if "\\" not in text:
        return text
    pieces, at = [], 0
    while (start := text.find("\\", at)) >= 0:
        escape = _ESCAPE.match(text, start)
        if escape is None:
            what = printable(text[start : start + 10])
            raise BadManifest(f"{what!r}: a backslash is written as two")
        pieces += [text[at:start], _letter(escape[0])]
        at = escape.end()
    return "".join([*pieces, text[at:]])


def _letter(escape: str) -> str:
    if escape in _LONG:
        return _LONG[escape]
    try:
        return chr(int(escape[2:], 16))
    except (ValueError, OverflowError):
        raise BadManifest(f"{escape} is no character") from None


# Rows


def _columns(line: str, number: int) -> list[str]:
    columns = line.lstrip("\ufeff").split("\t")
    twice = [name for name in COLUMNS if columns.count(name) > 1]
    if twice:
        raise BadManifest(f"line {number:,}: two columns are called {twice[0]}")
    return columns


def _row(line: str, columns: Sequence[str]) -> ManifestRow:
    cells = line.split("\t")
    if len(cells) != len(columns):
        raise BadManifest(f"it has {len(cells):,} columns, the first line {len(columns):,}")
    given = {
        name: unescaped(cell) for name, cell in zip(columns, cells, strict=True) if name in COLUMNS
    }
    return ManifestRow(
        ref=_ref(given["ref"]),
        path=_path(given["path"]),
        size=_size(given.get("size", "")),
        md5=_md5(given.get("md5", "")),
        project=given.get("project", ""),
        sample=given.get("sample", ""),
        run=given.get("run", ""),
        pair=given.get("pair", ""),
    )


def _ref(text: str) -> str:
    ref = ref_of_key(text)
    rest = text.split("/")[1:]
    is_file = len(rest) == 1 if text.startswith("data/") else len(rest) > 1
    fit = rest[:1] == [printable(ref.id)] if ref else False
    steps = {"", ".", ".."} & set(rest)
    if not (is_file and fit) or steps or len(text) > LONGEST_PATH:
        raise BadManifest(f"{_shown(text)} names no file; use data/789 or execution/456/path")
    return text


def _path(text: str) -> str:
    if not text:
        raise BadManifest("it has no path")
    if text.startswith("/"):
        raise BadManifest(f"{_shown(text)} is an absolute path; use one below the target folder")
    if len(text) > LONGEST_PATH or text.count("/") >= DEEPEST:
        raise BadManifest(f"{_shown(text)} is too long for a path")
    parts = tuple(unicodedata.normalize("NFC", text).split("/"))
    if ".." in parts:
        raise BadManifest(f"{_shown(text)} leads out of the target folder")
    # A path that `get` gives is the same when it is made safe once more.
    for given, safe in zip(parts, safe_path(parts[:-1], parts[-1]), strict=True):
        if given != safe:
            raise BadManifest(
                f"{_shown(text)} is no path that flowtui writes to; name it {_shown(safe)} there"
            )
    return text


def _size(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= LARGEST):
        raise BadManifest(f"{_shown(text)} is no size in bytes")
    return int(text)


def _md5(text: str) -> str | None:
    if text and not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise BadManifest(f"{_shown(text)} is no md5; it has 32 hexadecimal digits")
    return text.lower() or None


def _shown(text: str) -> str:
    return repr(printable(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"))


MOST_SHOWN = 120
"""Characters of a value in a message."""


class _Places:
    """The paths of a manifest, of which no two may meet on any file system."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}
        self._folders: dict[str, int] = {}

    def take(self, path: str, number: int) -> None:
        """Note the path on a line. Raises BadManifest where another line has its place."""
        name = same_name(path)
        other = self._files.get(name, self._folders.get(name))
        if other is not None:
            raise BadManifest(f"{_shown(path)} is taken by line {other:,}")
        self._files[name] = number
        above = name
        while "/" in above:
            above = above.rpartition("/")[0]
            if above in self._files:
                raise BadManifest(
                    f"{_shown(above)} is a file on line {self._files[above]:,}, and a folder here"
                )
            if above in self._folders:
                break  # and so are all above it
            self._folders[above] = number
