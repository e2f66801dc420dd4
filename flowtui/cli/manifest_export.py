"""A manifest as a list for other programs: `aria2c -i` and `curl -K`. It never holds a token.

The token is in a file of its own, in the words of the same program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.cli.manifest_table import ManifestRow
from flowtui.text.redaction import has_secret_query

if TYPE_CHECKING:
    from flowtui.flow.remote_file import RemoteFile

ARIA2C, CURL = "aria2c", "curl"

_SAFE = re.compile(r"[!#-&(-;=?-\[\]_a-z~]+")
"""Addresses that no quotes, blanks or brackets of either program can be made of."""


def file_url(
    file: RemoteFile, absolute: Callable[[str], str], is_own: Callable[[str], bool]
) -> str | None:
    """The address of a file at Flow, which goes with the token; None where it has none.

    A signed link is as good as a token, and a link to elsewhere gets none: in place of either
    stands the file's own address, see docs/flow-api.md.
    """
    if file.is_record:
        return None
    url = absolute(file.url)
    if _SAFE.fullmatch(url) and is_own(url) and not has_secret_query(url):
        return url
    if file.data_id is None:
        return None
    id_, name = (quote(part, safe="") for part in (file.data_id, file.filename))
    return absolute(f"/downloads/{id_}/{name}")


def list_lines(kind: str, files: Sequence[tuple[str, ManifestRow]]) -> list[str]:
    """The lines of a list of addresses and rows, for `aria2c -i` or `curl -K`."""
    lines = ["# Made by flowtui manifest; the token is in a file of its own."]
    if kind == CURL:
        lines += ["globoff", "location", "fail", "create-dirs"]
    for url, row in files:
        if kind == CURL:
            # A name alone may be "-", which is standard output.
            path = row.path if "/" in row.path else f"./{row.path}"
            lines += [f"url = {_quoted(url)}", f"output = {_quoted(path)}"]
        else:
            lines += [url, f"  out={row.path}"]
            lines += [f"  checksum=md5={row.md5}"] if row.md5 else []
    return lines


def token_line(kind: str, authorization: str) -> str:
    """The header as a line of the program's configuration."""
    header = f"Authorization: {authorization}"
    return f"header = {_quoted(header)}" if kind == CURL else f"header={header}"


def _quoted(text: str) -> str:
    """A value in a configuration of curl."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def how_to(kind: str, listed: str, token: str | None) -> str:
    """The command that takes the list."""
    from shlex import quote as word

    if kind == CURL:
        return f"curl {f'-K {word(token)} ' if token else ''}-K {word(listed)}"
    conf = f"--conf-path={word(token)} " if token else ""
    return f"aria2c {conf}-c --auto-file-renaming=false -i {word(listed)}"
