"""The tables of the pipelines: columns, and where each column's value comes from.

From the pipelines' own schemas: nf-core rnaseq 3.24.0, sarek 3.10.0, atacseq 2.1.2, chipseq 2.1.0,
cutandrun 3.2.2, riboseq 1.0.1, scrnaseq 4.0.0, methylseq 4.1.0, viralrecon 2.6.0 (Illumina),
clipseq 1.0.0, the output of fetchngs 1.12.0, and goodwright/clipseq.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Source(Enum):
    """Where a value comes from."""

    NAME = auto()  # the sample's name
    GROUP = auto()  # the attribute that fits, else the sample's name
    REPLICATE = auto()  # the attribute that fits, else counted
    FIRST = auto()  # the path of R1
    SECOND = auto()  # the path of R2
    LANE = auto()  # the number of the lane within the sample
    ATTRIBUTE = auto()  # the attribute that fits, else the default
    CONTROL = auto()  # the attribute that fits, if it names a sample of the sheet
    CONTROL_REPLICATE = auto()  # that one's replicate
    REF = auto()  # `sample/34`


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        attributes: of the sample's metadata, as `samples.plain` writes them, the best first.
        values: the values that the pipeline knows, each with what people write for it (`plain`);
            empty where any text will do.
        default: where no attribute fits. `is_told`: whether that has to be told.
        needs: another column: without a value there, there is none here either.
        is_optional: the column is left out where no sample has a value.
    """

    name: str
    source: Source = Source.ATTRIBUTE
    attributes: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    default: str = ""
    is_told: bool = False
    needs: str = ""
    is_optional: bool = False


class Layout(Enum):
    """Which reads a pipeline takes."""

    ANY = auto()
    PAIRED = auto()
    SINGLE = auto()


class Blanks(Enum):
    """Where a pipeline takes blanks in the path of a file."""

    ANYWHERE = auto()
    IN_FOLDERS = auto()
    NOWHERE = auto()

    def refuses(self, path: str) -> bool:
        """Whether a path has blanks where they are not taken."""
        looked_at = path if self is Blanks.NOWHERE else path.rpartition("/")[2]
        return self is not Blanks.ANYWHERE and any(map(str.isspace, looked_at))


@dataclass(frozen=True)
class Pipeline:
    """The table of one pipeline.

    Attributes:
        endings: of the files that it takes, in small letters.
        keeps_names: names of samples may have blanks, commas and quotes.
        quotes_all: every value is quoted. `has_metadata`: all attributes follow as columns.
    """

    name: str
    columns: tuple[Column, ...]
    layout: Layout = Layout.ANY
    endings: tuple[str, ...] = (".fastq.gz", ".fq.gz")
    blanks: Blanks = Blanks.NOWHERE
    keeps_names: bool = False
    quotes_all: bool = False
    has_metadata: bool = False


_SAMPLE = Column("sample", Source.NAME)
_FIRST, _SECOND = Column("fastq_1", Source.FIRST), Column("fastq_2", Source.SECOND)
_READS = (_SAMPLE, _FIRST, _SECOND)

_STRANDEDNESS = Column(
    "strandedness",
    attributes=("strandedness", "strand_specificity", "library_strandedness", "strand"),
    values={
        "forward": ("forward", "sense", "fr_secondstrand", "secondstrand", "stranded_forward"),
        "reverse": ("reverse", "antisense", "fr_firststrand", "firststrand", "stranded_reverse"),
        "unstranded": ("unstranded", "none", "no", "fr_unstranded", "non_stranded"),
        "auto": ("auto",),
    },
    default="auto",
    is_told=True,
)
_REPLICATE = Column(
    "replicate",
    Source.REPLICATE,
    ("replicate", "biological_replicate", "replicate_number", "rep"),
)
_GROUP = Column("group", Source.GROUP, ("group", "sample_group", "experimental_group"))
_REPLICATED = (Column("sample", Source.GROUP, _GROUP.attributes), _FIRST, _SECOND, _REPLICATE)
_CONTROL_NAMES = ("control", "control_sample", "input_control", "input_sample")
_CONTROL = Column("control", Source.CONTROL, _CONTROL_NAMES, is_told=True)
_CENTER = Column(
    "seq_center",
    attributes=("seq_center", "seq_centre", "sequencing_center", "sequencing_centre"),
    is_optional=True,
)

_ALL = (
    Pipeline(
        "rnaseq",
        (
            *_READS,
            _STRANDEDNESS,
            Column(
                "seq_platform",
                attributes=("seq_platform", "sequencing_platform", "platform"),
                is_optional=True,
            ),
            _CENTER,
        ),
        endings=(".fastq.gz", ".fq.gz", ".fastq", ".fq"),
        blanks=Blanks.IN_FOLDERS,
    ),
    Pipeline(
        "sarek",
        (
            Column("patient", Source.GROUP,
                   ("patient", "patient_id", "donor", "donor_id", "individual", "subject",
                    "subject_id")),
            _SAMPLE,
            Column("sex", attributes=("sex", "gender"),
                   values={"XX": ("xx", "female", "f", "woman"), "XY": ("xy", "male", "m", "man"),
                           "NA": ("na", "unknown", "other")},
                   default="NA"),
            Column("status",
                   attributes=("status", "tumour_status", "tumor_status", "tumour", "tumor",
                               "tissue_status", "disease_status"),
                   values={"0": ("0", "normal", "germline", "healthy", "no", "false"),
                           "1": ("1", "tumour", "tumor", "cancer", "somatic", "yes", "true")},
                   default="0", is_told=True),
            Column("lane", Source.LANE),
            _FIRST,
            _SECOND,
        ),
        layout=Layout.PAIRED,
    ),
    Pipeline("atacseq", (*_REPLICATED,
                         Column("control", Source.CONTROL, _CONTROL_NAMES, is_optional=True),
                         Column("control_replicate", Source.CONTROL_REPLICATE, is_optional=True))),
    Pipeline(
        "chipseq",
        (
            *_REPLICATED,
            Column("antibody",
                   attributes=("antibody", "antibody_target", "ip_target", "target",
                               "purification_target", "chip_target"),
                   needs="control"),
            Column("control", Source.CONTROL, _CONTROL_NAMES, is_told=True, needs="antibody"),
            Column("control_replicate", Source.CONTROL_REPLICATE, needs="control"),
        ),
    ),
    Pipeline("cutandrun", (_GROUP, _REPLICATE, _FIRST, _SECOND, _CONTROL), Layout.PAIRED),
    Pipeline(
        "riboseq",
        (
            *_READS,
            _STRANDEDNESS,
            Column("type", attributes=("type", "library_type", "sample_type"),
                   values={"riboseq": ("riboseq", "ribo_seq", "ribosome_profiling"),
                           "tiseq": ("tiseq", "ti_seq"),
                           "rnaseq": ("rnaseq", "rna_seq", "rna")},
                   default="riboseq", is_told=True),
        ),
    ),
    Pipeline(
        "scrnaseq",
        (
            *_READS,
            Column("expected_cells",
                   attributes=("expected_cells", "expected_cell_number", "number_of_cells"),
                   is_optional=True),
            _CENTER,
        ),
        layout=Layout.PAIRED,
    ),
    Pipeline("methylseq", (*_READS, Column("genome", attributes=("genome",), is_optional=True)),
             blanks=Blanks.IN_FOLDERS),
    Pipeline("viralrecon", _READS),
    Pipeline("clipseq", (_GROUP, _REPLICATE, _FIRST, _SECOND)),
    Pipeline("nf-core/clipseq", (_SAMPLE, Column("fastq", Source.FIRST)), Layout.SINGLE),
    Pipeline("fetchngs", _READS, endings=(".fastq.gz", ".fq.gz", ".fastq", ".fq"),
             blanks=Blanks.ANYWHERE, quotes_all=True, has_metadata=True),
    Pipeline(
        "generic",
        (
            *_READS,
            Column("sample_ref", Source.REF),
            Column("lane", Source.LANE),
            *(Column(name, attributes=(name,)) for name in ("project", "sample_type", "organism")),
        ),
        endings=(".fastq.gz", ".fq.gz", ".fastq", ".fq"),
        blanks=Blanks.ANYWHERE,
        keeps_names=True,
        has_metadata=True,
    ),
)  # fmt: skip

PIPELINES: Mapping[str, Pipeline] = {pipeline.name: pipeline for pipeline in _ALL}
"""Name → its table. `clipseq` is that of Flow's makers (goodwright/clipseq)."""
