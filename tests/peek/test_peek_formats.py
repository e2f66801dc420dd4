"""What a look finds in files of each kind, and that no bytes make it fail, hang or swell."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowtui.demo import content
from flowtui.demo.byte_source import read as read_source
from flowtui.peek import drawing, kinds, pages, unpacking
from flowtui.peek.kinds import Kind
from flowtui.peek.look import MOST_FETCHED, NotTheFile, Piece, look
from flowtui.peek.view import LONGEST_CELL, LONGEST_LINE, MOST_COLUMNS, MOST_ROWS, Table, View
from flowtui.text.printable import without_controls


class Source:
    """A file in memory; counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.fetched = 0

    def read(self, start: int, length: int) -> Piece:
        found = self.data[start : start + length]
        self.fetched += len(found)
        return Piece(found, len(self.data))


def seen(name: str, data: bytes) -> View:
    source = Source(data)
    view = look(name, source.read)
    assert source.fetched <= MOST_FETCHED
    return view


def table_of(view: View, title: str = "") -> Table:
    found = [part for part in view.sections if isinstance(part, Table) and part.title == title]
    assert found, [part.title for part in view.sections]
    return found[0]


def fact(view: View, name: str) -> str:
    return dict(view.facts)[name]


# The files of the demo


def test_reads_have_lengths_and_qualities() -> None:
    view = seen("a_R1.fastq.gz", read_source(content.fastq(1, 3, "x")))
    assert view.kind == Kind.FASTQ
    table = table_of(view)
    assert table.heads == ("read", "length", "quality", "along the read", "bases")
    assert table.rows[0][1] == "100" and table.rows[0][0].startswith("A00428:217")
    assert fact(view, "length") == "100 bases" and fact(view, "reads").startswith("the first")


def test_a_small_reads_file_is_counted_whole() -> None:
    data = b"@r1 x\nACGT\n+\nIIII\n@r2\nGG\n+\n!!\n"
    view = seen("a.fq", data)
    assert fact(view, "reads") == "2" and fact(view, "GC") == "67 %"
    assert [row[1:3] for row in table_of(view).rows] == [("4", "Q40.0"), ("2", "Q0.0")]
    assert fact(view, "length") == "2 to 4 bases, 3 in the mean"


def test_a_broken_read_is_told_with_its_line() -> None:
    view = seen("a.fastq", b"@r1\nACGT\n+\nIIII\n@r2\nGG\n+\n!\n")
    assert view.notes == ("Line 8 has 1 qualities for 2 bases.",)
    assert len(table_of(view).rows) == 1


def test_the_header_of_an_alignment() -> None:
    view = seen("a.sorted.bam", read_source(content.bam(2, "x")))
    assert view.kind == Kind.BAM
    assert fact(view, "sorted") == "coordinate" and fact(view, "references") == "4"
    assert table_of(view, "References").rows[0] == ("chr1", "248,956,422")
    assert table_of(view, "Programs").rows[0][:2] == ("STAR", "2.7.10a")


def test_a_long_header_is_read_on_until_it_is_whole() -> None:
    import random

    # Numbers that pack badly, so that 64 KiB do not hold it.
    chance = random.Random(1)
    text = "@HD\tVN:1.6\tSO:queryname\n" + "".join(
        f"@SQ\tSN:{chance.getrandbits(200):x}\tLN:{number}\n" for number in range(1, 3000)
    )
    data = b"BAM\1" + struct.pack("<i", len(text)) + text.encode() + struct.pack("<i", 0)
    packed = gzip.compress(data) + gzip.compress(chance.randbytes(MOST_FETCHED))
    assert len(gzip.compress(data)) > 1 << 16
    source = Source(packed)
    view = look("a.bam", source.read)
    assert fact(view, "sorted") == "queryname" and not view.notes
    assert 1 << 16 < source.fetched <= MOST_FETCHED


def test_variants_and_their_fields() -> None:
    view = seen("a.vcf.gz", read_source(content.vcf_gz("liver_1", "x")))
    assert view.kind == Kind.VCF
    assert fact(view, "samples") == "1" and fact(view, "fileformat") == "VCFv4.2"
    assert table_of(view, "Variants").heads[-1] == "liver_1"
    assert ("INFO", "DP", "Integer", "Depth") in table_of(view, "Fields").rows


def test_a_table_of_genes() -> None:
    source = content.gene_table(["s1", "s2"], whole_numbers=True, label="x")
    view = seen("all.gene_counts.tsv", read_source(source))
    assert view.kind == Kind.TABLE
    table = table_of(view)
    assert table.heads == ("gene_id", "gene_name", "s1", "s2") and len(table.rows) == MOST_ROWS
    assert fact(view, "rows").endswith("or more")


def test_a_sheet_with_quotes_and_one_without_heads() -> None:
    sheet = table_of(seen("a.csv", b'name,words\nx,"a, b"\ny,"line ""q"""\n'))
    assert sheet.rows == (("x", "a, b"), ("y", 'line "q"'))
    bed = table_of(seen("a.bed", b"track name=x\nchr1\t1\t2\tpeak\nchr2\t3\t4\tp\n"))
    assert bed.heads == ("chrom", "start", "end", "name") and len(bed.rows) == 2
    counts = table_of(seen("c.txt", b"# Program:featureCounts\nGeneid\tChr\nG1\t7\nG2\t8\n"))
    assert counts.heads == ("Geneid", "Chr") and counts.rows == (("G1", "7"), ("G2", "8"))


def test_the_list_of_an_archive_comes_from_its_end() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("big.bin", b"\1" * 3_000_000)
        archive.writestr("folder/é.txt", b"hello")
        archive.comment = b"c" * 5000
    view = seen("x.zip", packed.getvalue())
    assert view.kind == Kind.ZIP
    assert [row[3] for row in table_of(view).rows] == ["big.bin", "folder/é.txt"]
    assert table_of(view).rows[0][0] == "3.0 MB" and fact(view, "entries") == "2"


def test_a_directory_longer_than_the_bound_is_shown_in_part() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(6000):
            archive.writestr(f"{'n' * 60}/{number}", b"")
    view = seen("x.zip", packed.getvalue())
    assert fact(view, "entries") == "6,000" and "unpacked" not in dict(view.facts)
    assert view.notes == ("The first 500 entries are shown.",)


def test_a_cut_archive_says_so() -> None:
    packed = read_source(content.folder(["a", "b"], "x"))
    assert "cut" in seen("x.zip", packed[:-30]).notes[0]


def test_a_report_s_general_statistics_come_first() -> None:
    view = seen("multiqc_report.html", read_source(content.report("MultiQC Report", 180, "x")))
    assert view.kind == Kind.PAGE
    table = view.sections[0]
    assert isinstance(table, Table) and table.title == "General statistics"
    assert table.heads == ("Sample Name", "% Dups", "% GC", "M Seqs", "% Aligned")
    assert table.rows[0][0] == "sample_01_R1" and len(table.rows) == 12
    assert fact(view, "title") == "MultiQC Report"


def test_scripts_and_comments_of_a_page_are_no_text() -> None:
    page = b"""<!doctype html><head><title>T &amp; U</title><script>var a = "</p>x";</script>
      <style>p{}</style></head><!-- hidden <p>x</p> --><h2>One</h2><p>a &lt; b<br>c 1 < 2</p>"""
    view = seen("x.html", page)
    assert fact(view, "title") == "T & U"
    assert view.sections[0].lines == ("One", "a < b", "c 1 < 2")  # type: ignore[union-attr]


def test_text_bytes_and_nothing() -> None:
    assert seen("x.log", "zwölf\r\nx".encode()).sections[0].lines == ("zwölf", "x")  # type: ignore[union-attr]
    assert seen("x.bw", b"\x26\xfc\x8f\x88" + bytes(400)).kind == "bigWig signal"
    assert seen("x.txt", b"").kind == Kind.EMPTY
    utf_16 = seen("x.txt", "wide".encode("utf-16"))
    assert utf_16.sections[0].lines == ("wide",)  # type: ignore[union-attr]


def test_a_web_page_under_another_name_is_refused() -> None:
    with pytest.raises(NotTheFile):
        look("a.bam", Source(b"<!DOCTYPE html><html>sign in</html>").read)


# Hostile bytes


@pytest.mark.parametrize("name", ["a.fastq.gz", "a.tsv.gz", "a.bam", "a.vcf.gz", "a.html.gz"])
def test_a_bomb_is_unpacked_as_far_as_the_bound(name: str) -> None:
    bomb = gzip.compress(bytes(200_000_000))
    assert len(unpacking.unpacked(bomb).data) == unpacking.MOST
    assert drawing.drawn(seen(name, bomb))


def test_broken_and_cut_gzip_show_what_came_before() -> None:
    whole = gzip.compress(b"".join(b"@r%d\nACGT\n+\nIIII\n" % n for n in range(900)))
    broken = bytearray(whole)
    broken[len(broken) // 2] ^= 0xFF
    for data, words in ((bytes(broken), "broken"), (whole[:-200], "ends in the middle")):
        view = seen("a.fastq.gz", data)
        assert any(words in note for note in view.notes), view.notes
        assert table_of(view).rows
    assert "broken" in seen("a.fastq.gz", b"\x1f\x8b" + b"x" * 900).notes[0]


def test_empty_members_without_end_take_no_time() -> None:
    member = gzip.compress(b"", mtime=0)
    assert not unpacking.unpacked(member * (MOST_FETCHED // len(member))).data


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "<script", "</", '<a "', "<table><tr><td>", "&", "<!", "a<b "]
)
def test_a_page_s_time_grows_with_its_bytes_only(piece: str) -> None:
    """Counted by the characters that the scan looks at anew, not by the clock."""
    text = "<html>" + piece * (MOST_FETCHED // len(piece))
    looked = list(pages._pieces(text))
    assert sum(len(rest) for *_, rest in looked) <= 2 * len(text) + 2000 * 2
    assert pages.look(text.encode(), is_whole=True)


ESCAPES = "\x1b]0;x\x07\x1b[31m\x9b\u202e[red]x[/red]"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.tsv", f"a\t{ESCAPES}\n{ESCAPES}\t1\n"),
        ("a.csv", f"a,{ESCAPES}\n{ESCAPES},1\n"),
        ("a.txt", f"{ESCAPES}\n" * 3),
        ("a.fastq", f"@{ESCAPES}\nACGT\n+\nIIII\n"),
        ("a.fa", f">{ESCAPES}\nACGT\n"),
        ("a.html", f"<html><title>{ESCAPES}</title><p>{ESCAPES}<table><tr><td>{ESCAPES}"),
        ("a.sam", f"@HD\tSO:{ESCAPES}\n@SQ\tSN:{ESCAPES}\tLN:7\n"),
        ("a.vcf", f"##fileformat=VCFv4\n##source={ESCAPES}\n#CHROM\tPOS\t{ESCAPES}\n"),
    ],
)
def test_no_escape_reaches_the_terminal(name: str, data: str) -> None:
    drawn = [text for text, _ in drawing.drawn(seen(name, data.encode()))]
    assert drawn and all(without_controls(line) == line for line in drawn)
    assert any("[red]x[/red]" in line for line in drawn)  # markup is plain text


NAMES = ["a.fastq.gz", "a.fq", "a.fa", "a.bam", "a.sam", "a.vcf.gz", "a.bcf", "a.tsv", "a.csv",
         "a.bed", "a.html", "a.zip", "a.txt", "a.bin", ""]  # fmt: skip

STARTS = [b"", b"BAM\1", b"BCF\2\2", b"PK\3\4", b"PK\5\6", b"@r\nA\n+\n", b">x\n", b"\xff\xfe",
          b"##fileformat=VCF", b"<html><table id=general_stats_table>", b"@HD\t", b"\x1f\x8b\x08",
          b"a\tb\n", b"PK\6\7"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    start=st.sampled_from(STARTS),
    body=st.binary(max_size=400),
    times=st.integers(1, 300),
    packs=st.booleans(),
)
@example(name="a.zip", start=b"PK\3\4", body=b"PK\5\6" + b"\xff" * 18, times=1, packs=False)
@example(name="a.csv", start=b'"', body=b"x", times=300, packs=False)
@example(name="a.csv", start=b"a,b\n", body=b"\0,\n", times=9, packs=True)
def test_whatever_the_bytes_a_look_ends_within_its_bounds(
    name: str, start: bytes, body: bytes, times: int, packs: bool
) -> None:
    data = start + body * times
    try:
        view = seen(name, gzip.compress(data) if packs else data)
    except NotTheFile:
        return
    for part in view.sections:
        if isinstance(part, Table):
            assert len(part.rows) <= MOST_ROWS and len(part.heads) <= MOST_COLUMNS
            assert all(len(row) == len(part.heads) for row in part.rows)
            assert all(len(cell) <= LONGEST_CELL for row in part.rows for cell in row)
        else:
            assert all(len(line) <= LONGEST_LINE + 1 for line in part.lines)
    assert all(without_controls(text) == text for text, _ in drawing.drawn(view))
    json.dumps([view.facts, view.notes], ensure_ascii=True)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_file_that_is_damaged_anywhere_is_looked_into_all_the_same(data: st.DataObject) -> None:
    made = {
        "a.bam": read_source(content.bam(1, "x"))[:3000],
        "a.vcf.gz": read_source(content.vcf_gz("s", "x"))[:3000],
        "a.zip": read_source(content.folder(["a", "b", "c"], "x")),
        "a.html": read_source(content.report("MultiQC", 1, "x"))[:6000],
    }
    name = data.draw(st.sampled_from(sorted(made)))
    bytes_ = bytearray(made[name])
    for _ in range(data.draw(st.integers(1, 8))):
        bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    try:
        drawing.drawn(seen(name, bytes(bytes_)))
    except NotTheFile:
        assert name != "a.html"


def test_kinds_by_their_first_bytes_win_over_names() -> None:
    assert kinds.kind_of("a.txt", b"BAM\1") == Kind.BAM
    assert kinds.kind_of("a.fastq.gz", b"\0\0\0") == Kind.BINARY
    assert kinds.kind_of("a.tsv.gz", b"x") == Kind.TABLE
