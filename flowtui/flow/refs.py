"""References: what people type or paste to name something on Flow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, unquote, urlsplit

from flowtui.flow.errors import BadReference
from flowtui.text.printable import printable


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


_KINDS = {
    "project": RefKind.PROJECT,
    "projects": RefKind.PROJECT,
    "sample": RefKind.SAMPLE,
    "samples": RefKind.SAMPLE,
    "data": RefKind.DATA,
    "execution": RefKind.EXECUTION,
    "executions": RefKind.EXECUTION,
}

_HOW = "use project/12, sample/34, data/789, execution/456 or execution/456/path/of/output"


def parse_ref(text: str, server: str) -> Ref:
    """The reference in `text`: `sample/34`, or a web link of the same server.

    Raises BadReference, whose message says how to write one.
    """
    given = text.strip()
    path, link = given, "://" in given
    if link:
        path = _path_of_link(given, server)
    parts = [unquote(part) if link else part for part in path.strip("/").split("/")]
    kind = _KINDS.get(parts[0].lower())
    if kind is None or len(parts) < 2 or not all(map(_is_name, parts)):
        raise BadReference(f"{printable(given)!r} is not a reference; {_HOW}")
    id_, rest = parts[1], "/".join(parts[2:])
    if not rest:
        return Ref(kind, id_)
    if kind is not RefKind.EXECUTION:
        raise BadReference(f"{kind.value}/{printable(id_)} takes no path; {_HOW}")
    return Ref(kind, id_, rest)


def _is_name(part: str) -> bool:
    """Whether this can be an id or a part of a path: no step up, nothing hidden."""
    return part not in ("", ".", "..") and printable(part) == part


def _path_of_link(link: str, server: str) -> str:
    try:
        given, ours = urlsplit(link), urlsplit(server)
        same = _service(given.hostname) == _service(ours.hostname) and _port(given) == _port(ours)
    except ValueError:
        raise BadReference(f"{printable(link)!r} is not a valid link; {_HOW}") from None
    if given.scheme not in ("http", "https") or not same:
        raise BadReference(
            f"{printable(link)!r} is not a link to {printable(ours.netloc)}; "
            "choose its server with --server"
        )
    # A page of the web app is at the base without its `/api`, a record at the base itself.
    base = ours.path.rstrip("/")
    for start in (base, base.removesuffix("/api")):
        if start and given.path.startswith(start + "/"):
            return given.path[len(start) :]
    return given.path


def _service(host: str | None) -> str:
    """Flow's own service has two names."""
    return "flow.bio" if host in ("api.flow.bio", "app.flow.bio") else (host or "")


def _port(url: SplitResult) -> int | None:
    """The port, or None for the usual one, whichever of http and https was written."""
    return None if url.port in (80, 443) else url.port
