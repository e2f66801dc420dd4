"""What the name of a file says of its content, and how a web page begins."""

from __future__ import annotations

_GZIP_NAMES = (".gz", ".tgz", ".bgz", ".bgzf", ".bam", ".bcf", ".tbi", ".csi")
"""Also those whose format is BGZF (SAM and VCF specifications, tabix)."""


def container_kind(filename: str) -> str | None:
    """What kind of container the name says: `gzip`, `zip`, or None."""
    name = filename.lower()
    if name.endswith(_GZIP_NAMES):
        return "gzip"
    return "zip" if name.endswith(".zip") else None


BAM_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
"""The empty block that ends every whole BAM file (SAM specification, 4.1.2)."""


def ends_with_marker(filename: str) -> bool:
    """Whether a file of this name is whole only with BAM_END behind it."""
    return filename.lower().endswith(".bam")


def looks_like_page(start: bytes) -> bool:
    """Whether bytes begin as a web page does, whatever they are called."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html"))


def may_be_page(filename: str) -> bool:
    """Whether a file of this name is a web page, or something that may begin as one."""
    return filename.lower().endswith((".html", ".htm", ".xhtml", ".xml", ".svg"))
