"""What is kept on the disk of the address of a file: a signed link lets in whoever reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flowtui.flow.remote_file import RemoteFile
from flowtui.text.redaction import has_secret_query, without_known


def kept_link(url: str, data_id: str | None) -> str:
    """What a later engine needs of a link: nothing, where Flow gives a fresh one by the data's id.

    The signed link of anything else is kept (in files of mode 0600), since nothing else leads to
    it; without our own token, which goes to the service's own addresses as a header.
    """
    if data_id is not None and has_secret_query(url):
        return ""
    return without_known(url)


def without_signed_links(files: Iterable[RemoteFile]) -> tuple[RemoteFile, ...]:
    """These as they may be kept on the disk."""
    return tuple(
        file if (link := kept_link(file.url, file.data_id)) == file.url else replace(file, url=link)
        for file in files
    )
