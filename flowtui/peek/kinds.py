"""What a file is: by its first bytes (unpacked, if they were packed), then by its name."""

from __future__ import annotations

from enum import StrEnum

from flowtui.flow.formats import looks_like_page


class Kind(StrEnum):
    """What can be looked into, in words for people."""

    FASTQ = "FASTQ reads"
    FASTA = "FASTA sequences"
    BAM = "BAM alignments"
    SAM = "SAM alignments"
    VCF = "VCF variants"
    BCF = "BCF variants"
    TABLE = "table"
    ZIP = "ZIP archive"
    PAGE = "HTML page"
    TEXT = "text"
    BINARY = "binary file"
    EMPTY = "empty file"


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"BAM\x01", Kind.BAM),
    (b"BCF\x02", Kind.BCF),
    (b"##fileformat=VCF", Kind.VCF),
)

_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "PDF document"),
    (b"\x89PNG", "PNG picture"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"CRAM", "CRAM alignments"),
    (b"\x89HDF", "HDF5 data"),
    (b"BAI\x01", "index of a BAM"),
    (b"TBI\x01", "index of a table"),
    (b"CSI\x01", "index of a table"),
    (b"\x26\xfc\x8f\x88", "bigWig signal"),
    (b"\x88\x8f\xfc\x26", "bigWig signal"),
    (b"\xeb\xf2\x89\x87", "bigBed features"),
    (b"\x28\xb5\x2f\xfd", "zstd archive"),
    (b"BZh", "bzip2 archive"),
    (b"\xfd7zXZ", "xz archive"),
)

_TABLES = (
    ".tsv", ".csv", ".tab", ".bed", ".bedgraph", ".narrowpeak", ".broadpeak", ".gtf", ".gff",
    ".gff3", ".sf", ".fai", ".maf", ".counts", ".xls", ".psl",
)  # fmt: skip

_HEAD = 1024
"""Bytes among which a web page has begun."""

_PACKED = (".gz", ".bgz", ".bgzf")


def bare_name(filename: str) -> str:
    """The last part of a name in lower case, without what tells of packing."""
    name = filename.rpartition("/")[2].lower()
    for ending in _PACKED:
        name = name.removesuffix(ending)
    return name


def kind_of(filename: str, start: bytes) -> Kind:
    """What a file of this name is that begins like this, unpacked."""
    if not start:
        return Kind.EMPTY
    name = bare_name(filename)
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if looks_like_page(start[:_HEAD]):
        return Kind.PAGE
    if is_binary(start):
        return Kind.BINARY
    if start.startswith(b"@") and not name.endswith(".sam"):
        third = start[: 1 << 16].split(b"\n", 3)
        if len(third) > 2 and third[2].startswith(b"+"):
            return Kind.FASTQ
    if name.endswith((".fastq", ".fq")):
        return Kind.FASTQ
    if name.endswith(".sam") or start.startswith((b"@HD\t", b"@SQ\t")):
        return Kind.SAM
    if start.startswith(b">"):
        return Kind.FASTA
    if name.endswith(_TABLES):
        return Kind.TABLE
    return Kind.TABLE if name.endswith(".txt") and _has_columns(start) else Kind.TEXT


def other_kind(start: bytes) -> str:
    """What a binary file is, in words, as far as its first bytes tell."""
    return next((words for magic, words in _OTHERS if start.startswith(magic)), Kind.BINARY)


def is_binary(start: bytes) -> bool:
    """Whether bytes are no text: zeros among them, or many controls."""
    sample = start[:4096]
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    controls = sum(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in sample)
    return b"\0" in sample or controls * 10 > len(sample)


def _has_columns(start: bytes) -> bool:
    """Whether the first lines behind comments have the same number of tabs, at least one."""
    lines = [line for line in start[:8192].split(b"\n")[:-1] if not line.startswith(b"#")]
    counts = {line.count(b"\t") for line in lines[:6]}
    return len(counts) == 1 and 0 not in counts
