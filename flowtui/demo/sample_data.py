"""The sample data of the demo's Flow: believable, and the same in every run.

The ids that Flow's guide uses in its examples exist: project 12, sample 34, data 789 to 791 and
execution 456. All others are like the live service's, above 2**53.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flowtui.demo import content
from flowtui.demo.byte_source import Content
from flowtui.demo.catalogue import Catalogue, Execution, File, Fileset, Project, Sample, User

NOW = 1_767_225_600
"""2026-01-01T00:00:00Z; all there is was made before."""

DAY = 86_400

DEMO = User("1", "demo", "Dana Demo", "demo@example.org", password="demo")  # noqa: S106
COLLEAGUE = User("2", "r.okafor", "Rosa Okafor", "r.okafor@example.org")
STRANGER = User("3", "j.lindqvist", "Jonas Lindqvist", "j.lindqvist@example.org")

ORGANISMS = {
    "Hs": ("Human", "Homo sapiens"),
    "Mm": ("Mouse", "Mus musculus"),
    "Sc": ("Yeast", "Saccharomyces cerevisiae"),
    "Cov": ("SARS-CoV-2", "SARS-CoV-2"),
}
SAMPLE_TYPES = {
    "RNA-Seq": ("RNA-Seq", "Transcriptome sequencing"),
    "ATAC-Seq": ("ATAC-Seq", "Open chromatin"),
    "WGS": ("WGS", "Whole genome sequencing"),
    "CLIP": ("CLIP", "RNA bound by a protein"),
    "ChIP-Seq": ("ChIP-Seq", "DNA bound by a protein"),
    "Ribo-Seq": ("Ribo-Seq", "RNA under translation"),
    "scRNA-Seq": ("scRNA-Seq", "Transcriptomes of single cells"),
}
METADATA = {
    "cell_type": ("Cell type", ["Neuron", "Astrocyte", "Hepatocyte", "HEK293", "K562"]),
    "condition": ("Condition", ["control", "treated"]),
    "comments": ("Comments", []),
}
DATA_TYPES = {
    "fastq": ("FASTQ", "Sequencing reads"),
    "annotation": ("Annotation sheet", "What the samples of a run are"),
    "multiplexed": ("Multiplexed FASTQ", "Reads of a whole lane"),
    "fasta": ("FASTA", "Sequences"),
    "gtf": ("GTF", "Genes"),
}

GUIDE_OUTPUTS = (
    "multiqc_report.html",
    "pipeline_report.html",
    "results/counts/all.gene_counts.tsv",
    "results/salmon/salmon.merged.gene_tpm.tsv",
)

ODD_NAMES = (
    "../../x",
    "/etc/x",
    "a\x1b]0;x\x07b",
    "[red]x[/red]",
    "long-" + "n" * 286 + ".fastq.gz",
    "e\u0301chantillon nai\u0308f.txt",  # decomposed, as macOS writes it
    "two\nlines.txt",
    "semi;colon & 100% #1?.txt",
    "\u202etxt.exe",
    "CON",
)

_FIRST_ID = 657_562_493_133_188_868


@dataclass
class _Ids:
    """Gives out ids, the same in every run."""

    last: int = _FIRST_ID - 7919

    def __call__(self) -> str:
        self.last += 7919
        return str(self.last)


class Builder:
    """Fills a catalogue."""

    def __init__(self) -> None:
        self.all = Catalogue([DEMO, COLLEAGUE, STRANGER])
        self._ids = _Ids()

    def project(
        self,
        name: str,
        description: str = "",
        *,
        id: str = "",
        owner: User = DEMO,
        public: bool = False,
        shared: bool = False,
    ) -> Project:
        """A new project, each a day older than the one before."""
        made = NOW - DAY * (1 + len(self.all.projects))
        shared_with = frozenset({DEMO.username}) if shared else frozenset()
        return self.all.add_project(
            Project(id or self._ids(), name, description, made, owner, public, shared_with)
        )

    def outside(self, owner: User = DEMO, *, public: bool = False) -> Project:
        """Where the things are that an owner has in no project."""
        return self.all.add_project(Project("", "", "", NOW, owner, public, listed=False))

    def fileset(self, organism: str, name: str, days_old: int) -> Fileset:
        """A new genome of an organism, still without files."""
        url = f"https://example.org/genomes/{organism}"
        return self.all.add_fileset(
            Fileset(self._ids(), name, organism, NOW - DAY * days_old, url)
        )  # fmt: skip

    def sample(
        self, project: Project, name: str, kind: str, organism: str, *, id: str = "", **more: str
    ) -> Sample:
        """A new sample of a project."""
        made = project.created + 60 * (1 + len(project.samples))
        return self.all.add_sample(
            Sample(id or self._ids(), name, made, project, kind, organism, more)
        )

    def execution(
        self,
        project: Project,
        pipeline: str,
        version: str,
        status: str = "OK",
        *,
        id: str = "",
        sample: Sample | None = None,
        fileset: Fileset | None = None,
    ) -> Execution:
        """A new execution; one that is not `OK` or `ERROR` has not finished."""
        number = len(self.all.executions)
        name = f"{_ADJECTIVES[number % 7]}_{_SCIENTISTS[number % 11]}"
        made = project.created + 7200 + 600 * number
        started = made + 45 if status else None
        finished = made + 5400 + 60 * number if status in {"OK", "ERROR"} else None
        return self.all.add_execution(
            Execution(id or self._ids(), name, pipeline, version, status, made, started, finished,
                      project, sample, fileset)
        )  # fmt: skip

    def upload(
        self,
        sample: Sample,
        name: str,
        make: Callable[[], Content],
        *,
        id: str = "",
        refused: int | None = None,
        is_folder: bool = False,
        fileset: str = "",
    ) -> File:
        """A file that was uploaded to a sample."""
        return self.all.add_file(
            File(id or self._ids(), name, make, sample.created, sample.project, sample,
                 refused=refused, is_folder=is_folder, fileset=fileset)
        )  # fmt: skip

    def loose(
        self,
        project: Project,
        name: str,
        make: Callable[[], Content],
        *,
        category: int = 1,
        data_type: str = "",
        genome: Fileset | None = None,
    ) -> File:
        """A file that was uploaded and belongs to no sample."""
        made = project.created - 3600 * (1 + len(project.files))
        return self.all.add_file(
            File(self._ids(), name, make, genome.created if genome else made, project,
                 category=category, data_type=data_type, genome=genome)
        )  # fmt: skip

    def output(
        self,
        execution: Execution,
        path: str,
        process: str,
        make: Callable[[], Content],
        *,
        sample: Sample | None = None,
        id: str = "",
    ) -> File:
        """A file that a process of an execution made."""
        return self.all.add_file(
            File(id or self._ids(), path, make, execution.finished or execution.created,
                 execution.project, sample or execution.sample, execution, process)
        )  # fmt: skip

    def pair(self, sample: Sample, blocks: int, *, small: bool = False, lane: int = 0) -> None:
        """Two FASTQ files of paired reads."""
        stem = f"{sample.name}_L{lane:03}" if lane else sample.name
        for mate in (1, 2):
            name = f"{stem}_R{mate}.fastq.gz"
            label = f"{sample.id}/{lane}/{mate}"
            make = partial(content.fastq, mate, blocks, label, small=small)
            self.upload(sample, name, make)

    def alignment(self, execution: Execution, sample: Sample, blocks: int) -> None:
        """A BAM and its index."""
        name = f"results/star/{sample.name}.sorted.bam"
        make = partial(content.bam, blocks, f"{execution.id}/{sample.id}")
        self.output(execution, name, "STAR_ALIGN", make, sample=sample)
        index = partial(content.bam_index, blocks, f"{execution.id}/{sample.id}")
        self.output(execution, f"{name}.bai", "SAMTOOLS_INDEX", index, sample=sample)

    def variants(self, execution: Execution, stem: str, process: str, sample: Sample) -> None:
        """A VCF and its index."""
        named = (sample.name, sample.id)
        self.output(execution, f"{stem}.vcf.gz", process, partial(content.vcf_gz, *named),
                    sample=sample)  # fmt: skip
        self.output(execution, f"{stem}.vcf.gz.tbi", "TABIX", partial(content.vcf_index, *named),
                    sample=sample)  # fmt: skip

    def summaries(self, execution: Execution) -> None:
        """The four files that the guide fetches from an execution."""
        names = [sample.name for sample in execution.project.samples[:6]]
        label = execution.id
        makers = (
            ("MULTIQC", partial(content.report, "MultiQC Report", 180, label)),
            ("PIPELINE_INFO", partial(content.report, "Pipeline Report", 20, label)),
            ("MERGE_COUNTS", partial(content.gene_table, names, whole_numbers=True, label=label)),
            ("SALMON_MERGE", partial(content.gene_table, names, whole_numbers=False, label=label)),
        )
        for path, (process, make) in zip(GUIDE_OUTPUTS, makers, strict=True):
            self.output(execution, path, process, make)


_ADJECTIVES = ("small", "elegant", "jolly", "angry", "serene", "modest", "curious")
_SCIENTISTS = ("meucci", "curie", "franklin", "turing", "noether", "sanger", "bohr", "hopper",
               "leakey", "mendel", "kimura")  # fmt: skip
