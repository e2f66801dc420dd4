"""What an answer with a good status is: the file, or a web page or error object in its place.

A label alone (Content-Type, Content-Encoding) proves nothing: a file whose length and md5 agree is
the file, and without an md5 the first bytes decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import httpx

from flowtui.flow.formats import container_kind, looks_like_page
from flowtui.text.printable import printable
from flowtui.transfer.errors import PermanentError
from flowtui.transfer.http.response import WORDS_AT_MOST, content_encoding, words_in

_HTML = ("text/html", "application/xhtml+xml")
_JSON = ("application/json", "application/problem+json")
_BLANK = b"\xef\xbb\xbf \t\r\n"


def label_of(response: httpx.Response, filename: str) -> str:
    """`page` or `JSON` where the server calls its answer so and the file's name does not; or empty.

    The live service's host answers unknown paths with its web app's page and 200.
    """
    kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
    name = filename.lower()
    if kind in _HTML and not name.endswith((".html", ".htm", ".xhtml")):
        return "page"
    if kind in _JSON and not name.endswith((".json", ".ipynb", ".geojson", ".jsonl")):
        return "JSON"
    return ""


def file_bytes(
    chunks: Iterator[bytes], label: str, *, resumed: bool, ranged: bool, differs: bool, md5: bool
) -> Iterator[bytes]:
    """The bytes of an answer, looked at where they may be no file.

    Args:
        chunks: the bytes as they come.
        label: see `label_of`.
        resumed: some bytes of the file are here already.
        ranged: it is a 206.
        differs: its length is told, and is another than was known.
        md5: Flow gives one.

    Raises PermanentError for a web page, or an error object.
    """
    if resumed and ranged:
        if label and differs:
            raise not_a_file(label)
        return chunks
    if not label and not (differs and resumed):
        return chunks
    if md5 and not resumed and not differs:
        return chunks  # it decides, at the end
    begin = next(chunks, b"")
    if not _is_as_labelled(label, begin):
        return chain((begin,), chunks)
    while len(begin) < WORDS_AT_MOST and (more := next(chunks, b"")):
        begin += more
    raise not_a_file(label, begin)


def is_packed_for_us(
    response: httpx.Response, label: str, filename: str, size: int | None, total: int | None
) -> bool:
    """Whether the bytes are packed for the way only, in spite of our asking for them plain.

    Servers also label stored .gz files as encoded: those are the very file. `size` is Flow's,
    `total` the answer's. Raises PermanentError for an encoding that cannot be undone.
    """
    encoding = content_encoding(response)
    if not encoding:
        return False
    if size is not None and total is not None:
        stored = total == size
    else:
        stored = container_kind(filename) is not None
    if stored:
        return False
    if encoding in ("gzip", "x-gzip", "deflate"):
        return True
    if label:
        raise not_a_file(label)
    raise PermanentError(
        f"the server compressed this file ({printable(encoding)[:20]}) although it was "
        "asked not to",
        code="ENCODED",
        retryable=True,
    )


def not_a_file(label: str, content: bytes = b"") -> PermanentError:
    """What is wrong with a good status for a web page or an error object."""
    if label == "JSON":
        words = f"the server sent JSON instead of the file{words_in(content)}"
    else:
        words = (
            "the server sent a web page instead of the file; the server's address may be wrong "
            "(Flow's own is https://app.flow.bio/api), or the session has ended"
        )
    return PermanentError(f"{words}; {ANYHOW}", code="NOT_A_FILE", retryable=True)


ANYHOW = "if it is the file, use --accept-any-type"


def _is_as_labelled(label: str, start: bytes) -> bool:
    start = start.lstrip(_BLANK)
    if label == "JSON":
        return start.startswith((b"{", b"["))
    return start.startswith(b"<") if label else looks_like_page(start)
