"""What the name of a file says of its content."""

from __future__ import annotations

_GZIP_NAMES = (".gz", ".tgz", ".bgz", ".bgzf", ".bam", ".bcf", ".tbi", ".csi")
"""Also those whose format is BGZF (SAM and VCF specifications, tabix)."""


def container_kind(filename: str) -> str | None:
    """What kind of container the name says: `gzip`, `zip`, or None."""
    name = filename.lower()
    if name.endswith(_GZIP_NAMES):
        return "gzip"
    return "zip" if name.endswith(".zip") else None
