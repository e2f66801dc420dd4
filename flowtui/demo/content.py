"""The bytes of the demo's files: FASTQ, BAM, VCF, tables and reports, made on the fly.

All is a pure function of the arguments, so a file is the same in every run. What is large
(reads, alignments) repeats one block, which both gzip and BGZF allow; the last records carry the
file's own label, so that no two files are equal.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from html import escape

from flowtui.demo.byte_source import Content, read
from flowtui.demo.genome_index import bai, bin_of, placed, tbi

READ_LENGTH = 100
SMALL_READS = 300
LARGE_READS = 3000

_BASES = bytes(b"ACGT"[i % 4] for i in range(256))
_QUALITIES = bytes(b"FFFFFFFFFFFF:FF,"[i % 16] for i in range(256))
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_CHROMOSOMES = (("chr1", 248956422), ("chr2", 242193529), ("chr17", 83257441), ("chrX", 156040895))


def fastq(mate: int, blocks: int, label: str, *, small: bool = False) -> Content:
    """Gzipped reads of one mate (1 or 2) of a pair: `blocks` members and a last one of its own.

    A block is some 20 KB if `small`, else some 200 KB.
    """
    count = SMALL_READS if small else LARGE_READS
    return Content(block=_fastq_block(mate, count), repeats=blocks, tail=_own_reads(mate, label))


def _records(mate: int, names: Sequence[str], seed: str) -> bytes:
    rng = random.Random(f"{seed}/{mate}")
    bases = rng.randbytes(len(names) * READ_LENGTH).translate(_BASES)
    scores = rng.randbytes(len(names) * READ_LENGTH).translate(_QUALITIES)
    lines: list[bytes] = []
    for index, name in enumerate(names):
        span = slice(index * READ_LENGTH, (index + 1) * READ_LENGTH)
        lines += [f"@{name} {mate}:N:0:ATCACG".encode(), bases[span], b"+", scores[span]]
    return b"\n".join(lines) + b"\n"


@lru_cache(maxsize=8)
def _fastq_block(mate: int, count: int) -> bytes:
    names = [f"A00428:217:HGTLLDRXY:1:{2101 + i // 500}:{1000 + i}:1016" for i in range(count)]
    return gzip.compress(_records(mate, names, f"reads {count}"), compresslevel=1, mtime=0)


def _own_reads(mate: int, label: str) -> bytes:
    names = [f"{label}:{number}" for number in range(2)]
    return gzip.compress(_records(mate, names, label), compresslevel=1, mtime=0)


def bam(blocks: int, label: str) -> Content:
    """A sorted BAM with `blocks` times some 100 KB of alignments, closed by the BGZF end marker.

    What is repeated lies at one place, so that the whole is sorted, and can be indexed.
    """
    first = b"".join(packed for packed, _ in _first_reads())
    last = b"".join(packed for packed, _ in _last_reads(label))
    repeated = b"".join(packed for packed, _ in _same_reads())
    return Content(_bam_head() + first, repeated, blocks, last + _BGZF_END)


def bam_index(blocks: int, label: str) -> Content:
    """The BAI of `bam` for the same arguments."""
    head = len(_bam_head())
    first, same, last = (placed(part) for part in (_first_reads(), _same_reads(),
                                                   _last_reads(label)))  # fmt: skip
    repeated = sum(len(packed) for packed, _ in _same_reads())
    at = head + sum(len(packed) for packed, _ in _first_reads())
    stretches = [stretch.moved(head) for stretch in first]
    if blocks:
        one = same[0].moved(at)
        end = (at + repeated * blocks) << 16
        stretches.append(replace(one, stop=end, count=len(same) * blocks))
    stretches += [stretch.moved(at + repeated * blocks) for stretch in last]
    return Content(bai(stretches, len(_CHROMOSOMES)))


def _bgzf(data: bytes) -> bytes:
    """One BGZF block (a gzip member that knows its own length) of at most 64 KB of data."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    header = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0"
    size = len(header) + 2 + len(packed) + 8
    return (
        header
        + struct.pack("<H", size - 1)
        + packed
        + struct.pack("<II", zlib.crc32(data), len(data))
    )


@lru_cache(maxsize=1)
def _bam_head() -> bytes:
    text = "@HD\tVN:1.6\tSO:coordinate\n"
    text += "".join(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in _CHROMOSOMES)
    text += "@PG\tID:STAR\tPN:STAR\tVN:2.7.10a\n"
    head = b"BAM\1" + struct.pack("<i", len(text)) + text.encode()
    head += struct.pack("<i", len(_CHROMOSOMES))
    for name, length in _CHROMOSOMES:
        raw = name.encode() + b"\0"
        head += struct.pack("<i", len(raw)) + raw + struct.pack("<i", length)
    return _bgzf(head)


_Block = tuple[bytes, list[tuple[int, int, int, int]]]
"""A BGZF block and its records: reference, begin, end, bytes."""

DEEP = 1_000_000
"""Where on chr1 the reads lie that are repeated."""


@lru_cache(maxsize=1)
def _first_reads() -> list[_Block]:
    rng = random.Random("first")
    return _packed("F", [(0, place) for place in sorted(rng.sample(range(DEEP), 400))], rng)


@lru_cache(maxsize=1)
def _same_reads() -> list[_Block]:
    return _packed("S", [(0, DEEP)] * 1250, random.Random("alignments"))


@lru_cache(maxsize=64)
def _last_reads(label: str) -> list[_Block]:
    rng = random.Random(label)
    places = [(0, place) for place in sorted(rng.sample(range(DEEP + 1, 80_000_000), 50))]
    for number in range(1, len(_CHROMOSOMES)):
        places += [(number, place) for place in sorted(rng.sample(range(80_000_000), 50))]
    return _packed(label, places, rng)


def _packed(name: str, places: list[tuple[int, int]], rng: random.Random) -> list[_Block]:
    """Reads at these places in BGZF blocks."""
    blocks = []
    for start in range(0, len(places), 200):
        part = places[start : start + 200]
        rows = [
            _alignment(f"A00428:217:{name}:{start + number}", reference, place, rng)
            for number, (reference, place) in enumerate(part)
        ]
        records = [(reference, place, place + READ_LENGTH, len(row))
                   for (reference, place), row in zip(part, rows, strict=True)]  # fmt: skip
        blocks.append((_bgzf(b"".join(rows)), records))
    return blocks


def _alignment(name: str, reference: int, position: int, rng: random.Random) -> bytes:
    """One BAM record: a read that matches over its whole length (SAM specification, 4.2)."""
    raw = name.encode()[:250] + b"\0"
    sequence = rng.randbytes(READ_LENGTH // 2).translate(_PACKED_BASES)
    body = struct.pack(
        "<iiBBHHHiiii",
        reference, position, len(raw), 255,
        bin_of(position, position + READ_LENGTH), 1, 0, READ_LENGTH, -1, -1, 0,
    )  # fmt: skip
    body += raw + struct.pack("<I", READ_LENGTH << 4) + sequence + b"\x25" * READ_LENGTH
    return struct.pack("<i", len(body)) + body


_PACKED_BASES = bytes((1, 2, 4, 8)[i % 4] << 4 | (1, 2, 4, 8)[i // 4 % 4] for i in range(256))


def vcf_gz(sample: str, label: str) -> Content:
    """Variants of one sample, BGZF-compressed, some 100 KB."""
    head = "##fileformat=VCFv4.2\n##source=flow-demo\n" + f"##file={label}\n"
    head += "".join(f"##contig=<ID={name},length={length}>\n" for name, length in _CHROMOSOMES)
    head += '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">\n'
    head += '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    head += f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n"
    return Content(_bgzf(head.encode()), b"".join(packed for packed, _ in _variants()), 1,
                   _BGZF_END)  # fmt: skip


def vcf_index(sample: str, label: str) -> Content:
    """The TBI of `vcf_gz` for the same arguments."""
    return Content(_variant_index(_first_block(vcf_gz(sample, label))))


@lru_cache(maxsize=32)
def _variant_index(head: int) -> bytes:
    """The TBI of the variants behind a header of so many bytes: most samples' are of one length."""
    stretches = [stretch.moved(head) for stretch in placed(_variants())]
    index = tbi(stretches, [name for name, _ in _CHROMOSOMES])
    packed = [_bgzf(index[at : at + 60_000]) for at in range(0, len(index), 60_000)]
    return b"".join(packed) + _BGZF_END


def _first_block(source: Content) -> int:
    """The length of the first BGZF block of something."""
    (size,) = struct.unpack("<H", read(source, 16, 18))
    return int(size) + 1


@lru_cache(maxsize=1)
def _variants() -> list[_Block]:
    rng = random.Random("variants")
    blocks = []
    for number, (name, length) in enumerate(_CHROMOSOMES):
        rows = []
        for position in sorted(rng.sample(range(1, length), 1500)):
            ref, alt = rng.sample("ACGT", 2)
            row = (
                f"{name}\t{position}\t.\t{ref}\t{alt}\t{rng.randrange(30, 900)}\tPASS\t"
                f"DP={rng.randrange(8, 90)}\tGT\t{rng.choice(('0/1', '1/1'))}\n"
            )
            rows.append((row.encode(), (number, position - 1, position, len(row))))
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            packed = _bgzf(b"".join(row for row, _ in part))
            blocks.append((packed, [record for _, record in part]))
    return blocks


def gene_table(samples: Sequence[str], *, whole_numbers: bool, label: str) -> Content:
    """Genes by samples as TSV: counts (`whole_numbers`) or transcripts per million."""
    head = "\t".join(("gene_id", "gene_name", *samples)) + "\n"
    last = "\t".join(("ENSG99999999999", label, *("0" for _ in samples))) + "\n"
    return Content(head.encode(), _gene_rows(len(samples), whole_numbers), 1, last.encode())


@lru_cache(maxsize=16)
def _gene_rows(columns: int, whole_numbers: bool) -> bytes:
    rng = random.Random(f"genes {columns} {whole_numbers}")
    rows = []
    for gene in range(8000):
        level = 10 ** (rng.random() * 4) - 1
        values = (level * (0.8 + 0.4 * rng.random()) for _ in range(columns))
        cells = (f"{v:.0f}" if whole_numbers else f"{v:.4f}" for v in values)
        rows.append("\t".join((f"ENSG{gene * 37 + 11:011}", f"GENE{gene}", *cells)))
    return ("\n".join(rows) + "\n").encode()


def report(title: str, sections: int, label: str) -> Content:
    """An HTML report; each section is some 6 KB. One of MultiQC begins with its statistics."""
    head = (
        f"<!DOCTYPE html>\n<html><head><meta charset='utf-8'><title>{escape(title)}</title></head>"
        f"<body><h1>{escape(title)}</h1>\n"
    )
    if "MultiQC" in title:
        head += _general_statistics()
    return Content(
        head.encode(), _section(), sections, f"<p>{escape(label)}</p></body></html>\n".encode()
    )


@lru_cache(maxsize=1)
def _general_statistics() -> str:
    """The first table of a report, written as MultiQC writes it."""
    rng = random.Random("general statistics")
    columns = (("FastQC", "% Dups", "%", 8, 35), ("FastQC", "% GC", "%", 38, 55),
               ("FastQC", "M Seqs", "", 12, 60), ("STAR", "% Aligned", "%", 70, 97))  # fmt: skip
    heads = "".join(
        f'<th id="header_{at}"><span class="mqc_table_tooltip" title="{tool}: {name}">{name}</span>'
        "</th>" for at, (tool, name, *_) in enumerate(columns)
    )  # fmt: skip
    rows = ""
    for number in range(12):
        name = f"sample_{number // 2 + 1:02}_R{number % 2 + 1}"
        rows += f'<tr><th class="rowheader" data-original-sn="{name}">{name}</th>'
        for _, _, unit, least, most in columns:
            value = f"{rng.uniform(least, most):.1f}"
            rows += (
                f'<td class="data-coloured"><div class="wrapper"><span class="bar" style='
                f'"width:{value}%;"></span><span class="val">{value}{unit}</span></div></td>'
            )
        rows += "</tr>\n"
    return (
        '<h2 id="general_stats">General Statistics</h2><table id="general_stats_table" class='
        f'"table mqc_table"><thead><tr><th class="rowheader">Sample Name</th>{heads}'
        f"</tr></thead><tbody>\n{rows}</tbody></table>\n"
    )


@lru_cache(maxsize=1)
def _section() -> bytes:
    rng = random.Random("report")
    rows = "".join(
        f"<tr><td>sample_{i:02}</td><td>{rng.uniform(60, 99):.1f}%</td>"
        f"<td>{rng.uniform(35, 60):.0f}%</td><td>{rng.uniform(5, 50):.1f} M</td></tr>\n"
        for i in range(90)
    )
    return f"<h2>General statistics</h2><table>\n{rows}</table>\n".encode()


def text(lines: str) -> Content:
    """Plain text as it is given."""
    return Content(lines.encode("utf-8"))


def folder(names: Sequence[str], label: str) -> Content:
    """A folder of small files, as the ZIP that Flow keeps of it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, (2025, 12, 1, 12, 0, 0))
            archive.writestr(entry, f"{name} of {label}\n" * 40)
    return Content(packed.getvalue())


def workbook(columns: Sequence[str]) -> bytes:
    """A spreadsheet (xlsx) with one row: the names of the columns."""
    cells = "".join(f'<c t="inlineStr"><is><t>{escape(name)}</t></is></c>' for name in columns)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/sheet.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Samples" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="sheet.xml"/></Relationships>',
        "xl/sheet.xml": f'<worksheet xmlns="{main}"><sheetData><row>{cells}</row></sheetData>'
        "</worksheet>",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text_ in parts.items():
            head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
            archive.writestr(zipfile.ZipInfo(name, (2025, 12, 1, 12, 0, 0)), head + text_)
    return packed.getvalue()
