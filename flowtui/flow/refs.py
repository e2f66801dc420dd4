"""References: what people type or paste to name something on Flow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from flowtui.flow.errors import BadReference
from flowtui.text.printable import printable, without_controls


class RefKind(StrEnum):
    """What a reference names."""

    PROJECT = "project"
    SAMPLE = "sample"
    DATA = "data"
    EXECUTION = "execution"


@dataclass(frozen=True, slots=True)
class Ref:
    """A thing on Flow; `path` names an output inside an execution."""

    kind: RefKind
    id: str
    path: str | None = None

    def __str__(self) -> str:
        return f"{self.kind.value}/{self.id}" + (f"/{self.path}" if self.path else "")


def ref_of_key(key: str) -> Ref | None:
    """What is asked for to find the file of this key (`RemoteFile.key`) again; None for none."""
    kind, _, rest = key.partition("/")
    id_ = rest.partition("/")[0]
    found = {"data": RefKind.DATA, "execution": RefKind.EXECUTION, "record": RefKind.EXECUTION}
    return Ref(found[kind], id_) if id_ and kind in found else None


_KINDS = {
    "project": RefKind.PROJECT,
    "projects": RefKind.PROJECT,
    "sample": RefKind.SAMPLE,
    "samples": RefKind.SAMPLE,
    "data": RefKind.DATA,
    "execution": RefKind.EXECUTION,
    "executions": RefKind.EXECUTION,
    "download": RefKind.DATA,
    "downloads": RefKind.DATA,
}

_DOWNLOADS = ("download", "downloads")
"""What a file's own address has in place of its kind: `downloads/<id>/<name>`; the name is left."""

_HOW = "use project/12, sample/34, data/789, execution/456, execution/456/path/of/output or a link"


def parse_ref(text: str, server: str) -> Ref:
    """The reference in `text`: `sample/34`, or a web or download link of the same server.

    Download links are of any of the forms that people copy: `<base>/downloads/<id>/<name>`,
    `…/api/downloads/…`, `…/files/downloads/…`, `https://files.flow.bio/downloads/…`
    (docs/flow-api.md, Files). Raises BadReference, whose message says how to write one.
    """
    given = _bare(text)
    path, link = given, "://" in given
    if link:
        path = _path_of_link(given, server)
    parts = [unquote(part) if link else part for part in path.strip("/").split("/")]
    kind = _KINDS.get(parts[0].lower())
    if kind is None or len(parts) < 2 or not all(map(_is_name, parts)):
        raise BadReference(f"{_shown(given)} is not a reference; {_HOW}")
    id_, rest = parts[1], "/".join(parts[2:])
    if not rest or parts[0].lower() in _DOWNLOADS:
        return Ref(kind, id_)
    if kind is not RefKind.EXECUTION:
        raise BadReference(f"{_shown(given)}: a {kind.value} takes no path; {_HOW}")
    return Ref(kind, id_, rest)


def parse_refs(text: str, server: str) -> list[Ref]:
    """The references in a text, one or several of them on a line.

    What follows a `#` that begins a line, or stands after a blank, is a comment. What stands around
    references in tables, letters and Markdown is passed over: commas, quotes, brackets, the mark of
    a list. A line that is one reference with blanks in its path stays one. Raises BadReference.
    """
    return [ref for line in lines_of(text) for ref in _refs_in(line, server)]


def lines_of(text: str) -> list[str]:
    """The lines as editors count them."""
    return re.split(r"\r\n|\n|\r", text)


def _refs_in(line: str, server: str) -> list[Ref]:
    told = _COMMENT.sub("", line.lstrip(_BLANKS))
    told = _MARKDOWN_LINK.sub(r" \1 ", _LIST_MARK.sub("", told)).strip(_BLANKS)
    words = [word for piece in _BETWEEN.split(told) for word in piece.split()]
    bare = [word for word in map(_bare, words) if word]
    if len(bare) > 1 and all(map(_looks_like_ref, bare)):
        return [parse_ref(word, server) for word in bare]
    return [parse_ref(told, server)] if _bare(told) else []


_BLANKS = " \t\r\n\0\xa0\u200b\ufeff"
"""What no reference begins or ends with; a byte order mark is among it."""

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")

_MARKDOWN_LINK = re.compile(r"\[[^\]\[]{0,200}\]\(<?(https?://[^)\s>]+)>?\)")

_LIST_MARK = re.compile(r"^[-*•]\s+")

_BETWEEN = re.compile(rf"[,;]\s*(?=[\"'<(]?(?:https?://|(?:{'|'.join(_KINDS)})/))", re.IGNORECASE)
"""A comma between two references."""

_PAIRS = tuple(zip("<\"'`([“‘«", ">\"'`)]”’»", strict=True))

_MOST_SHOWN = 120

LONGEST = 8192
"""Characters of a reference that may have something around it: an address is no longer."""


def _bare(text: str) -> str:
    """A reference without what stands around it: quotes, brackets, a comma after it.

    A path may end with a bracket; only one that has no other half is none of it.
    """
    before = text if len(text) > LONGEST else None
    while text != before:
        before = text
        text = text.strip(_BLANKS).strip().rstrip(",;")
        for start, end in _PAIRS:
            if len(text) > 1 and text[0] == start and text[-1] == end:
                text = text[1:-1]
            elif text.endswith(end) and (start == end or text.count(start) < text.count(end)):
                text = text[:-1]
            elif text.startswith(start):
                text = text[1:]
    return text


def _looks_like_ref(word: str) -> bool:
    return "://" in word or ("/" in word and word.partition("/")[0].lower() in _KINDS)


def _shown(text: str) -> str:
    """A reference in a message; of a very long one its beginning."""
    return repr(printable(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"))


def _is_name(part: str) -> bool:
    """Whether this can be an id or a part of a path: no step up, nothing hidden."""
    return part not in ("", ".", "..") and without_controls(part) == part


def _path_of_link(link: str, server: str) -> str:
    try:
        given, ours = urlsplit(link), urlsplit(server)
        same = _service(given.hostname) == _service(ours.hostname) and _port(given) == _port(ours)
    except ValueError:
        raise BadReference(f"{_shown(link)} is not a valid link; {_HOW}") from None
    if given.scheme not in ("http", "https") or not same:
        raise BadReference(
            f"{_shown(link)} is not a link to {printable(ours.netloc)}; "
            "choose its server with --server"
        )
    # A page of the web app is at the base without its `/api`, a record at the base itself.
    base = ours.path.rstrip("/")
    path = given.path
    for start in (base, base.removesuffix("/api")):
        if start and path.startswith(start + "/"):
            path = path[len(start) :]
            break
    for start in ("/api/", "/files/"):
        path = path.removeprefix(start[:-1]) if path.startswith(start) else path
    return path


_HOSTS = ("api.flow.bio", "app.flow.bio", "files.flow.bio", "flow.bio")


def _service(host: str | None) -> str:
    """Flow's own service has several names."""
    return "flow.bio" if host in _HOSTS else (host or "")


def _port(url: SplitResult) -> int | None:
    """The port, or None for the usual one, whichever of http and https was written."""
    return None if url.port in (80, 443) else url.port
