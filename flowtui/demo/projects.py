"""The demo's projects, one function each; `build()` puts them together."""

from __future__ import annotations

from functools import lru_cache, partial
from random import Random

from flowtui.demo import content
from flowtui.demo.byte_source import Content
from flowtui.demo.catalogue import Catalogue, Project
from flowtui.demo.genome_index import fai
from flowtui.demo.sample_data import COLLEAGUE, ODD_NAMES, STRANGER, Builder


@lru_cache(maxsize=1)
def build() -> Catalogue:
    """All that is on the demo's Flow. It is only read, so that all servers share it."""
    builder = Builder()
    for fill in _PROJECTS:
        fill(builder)
    return builder.all


def _cortex(b: Builder) -> None:
    """The guide's examples: project 12 with sample 34, data 789 to 791, execution 456."""
    project = b.project(
        "Human cortex RNA-seq", "Bulk RNA-seq of post-mortem cortex, control and treated.", id="12"
    )
    sample = b.sample(
        project, "cortex_ctrl_1", "RNA-Seq", "Hs", id="34", cell_type="Neuron", condition="control"
    )
    for number, id, mate in ((1, "789", 1), (1, "790", 2), (2, "791", 1)):
        make = partial(content.fastq, mate, 14 + number, f"{id}/{mate}")
        b.upload(sample, f"cortex_ctrl_1_L00{number}_R{mate}.fastq.gz", make, id=id)
    for name, condition in (("cortex_ctrl_2", "control"), ("cortex_drug_1", "treated"),
                            ("cortex_drug_2", "treated")):  # fmt: skip
        more = b.sample(project, name, "RNA-Seq", "Hs", cell_type="Neuron", condition=condition)
        b.pair(more, 8 + len(project.samples))
    done = b.execution(project, "nf-core/rnaseq", "3.14.0", id="456")
    b.summaries(done)
    for sample in project.samples:
        b.alignment(done, sample, 20 + len(sample.name))
    failed = b.execution(project, "nf-core/rnaseq", "3.12.0", "ERROR")
    b.output(failed, "pipeline_report.html", "PIPELINE_INFO",
             partial(content.report, "Pipeline Report (failed)", 9, failed.id))  # fmt: skip
    b.execution(project, "Differential expression", "1.2", "RUNNING")
    b.execution(project, "Differential expression", "1.2", "")


def _atac(b: Builder) -> None:
    """More than 150 files."""
    project = b.project(
        "Mouse brain ATAC-seq time course", "Nine time points in five replicates, paired end."
    )
    done = b.execution(project, "nf-core/atacseq", "2.1.2")
    for hour in (0, 1, 2, 4, 8, 12, 24, 48, 72):
        for replicate in range(1, 6):
            name = f"atac_{hour:02}h_rep{replicate}"
            sample = b.sample(project, name, "ATAC-Seq", "Mm", condition=f"{hour} h")
            b.pair(sample, 3 + (hour * 7 + replicate * 5) % 19, small=hour in {0, 1})
            b.alignment(done, sample, 2 + (hour + replicate) % 30)
    b.output(done, "multiqc_report.html", "MULTIQC",
             partial(content.report, "MultiQC Report", 220, done.id))  # fmt: skip


def _genomes(b: Builder) -> None:
    """The large files: some 50 to 400 MB."""
    project = b.project("Whole genomes, trio 7", "30x genomes of a family of three; large files.")
    done = b.execution(project, "nf-core/sarek", "3.4.0")
    members = (("mother", 300, 3800), ("father", 500, 4200), ("child", 1500, 2600))
    for name, reads, alignments in members:
        sample = b.sample(project, f"trio7_{name}", "WGS", "Hs", comments="PCR-free library")
        b.pair(sample, reads, lane=1)
        b.pair(sample, reads + 150, lane=2)
        b.alignment(done, sample, alignments)
        b.variants(done, f"results/variants/{sample.name}", "HAPLOTYPECALLER", sample)


def _screen(b: Builder) -> None:
    """2,000 samples; few distinct contents, so that md5 is cheap."""
    project = b.project("Perturbation screen, 2,000 guides", "One sample for each guide RNA.")
    for number in range(2000):
        name = f"guide_{number:04}"
        sample = b.sample(project, name, "RNA-Seq", "Hs", cell_type="K562")
        make = partial(_screen_reads, number % 8)
        b.upload(sample, f"{name}_R1.fastq.gz", make)


@lru_cache(maxsize=8)
def _screen_reads(variant: int) -> Content:
    return content.fastq(1, 2 + variant, f"screen/{variant}", small=True)


def _shared(b: Builder) -> None:
    project = b.project(
        "SARS-CoV-2 surveillance", "Weekly samples of three sites, shared by Rosa Okafor.",
        owner=COLLEAGUE, shared=True,
    )  # fmt: skip
    for week in range(1, 13):
        sample = b.sample(project, f"week_{week:02}", "WGS", "Cov", comments="waste water")
        b.pair(sample, 4 + week, small=True)
        done = b.execution(project, "nf-core/viralrecon", "2.6.0", sample=sample)
        b.variants(done, f"variants/{sample.name}", "IVAR_VARIANTS", sample)
        b.output(done, "multiqc_report.html", "MULTIQC",
                 partial(content.report, f"MultiQC Report {sample.name}", 40, done.id))  # fmt: skip


def _public(b: Builder) -> None:
    project = b.project("K562 eCLIP atlas", "Open data: anybody may read it, signed in or not.",
                        owner=STRANGER, public=True)  # fmt: skip
    for protein in ("PTBP1", "TARDBP", "HNRNPC", "U2AF2", "SRSF1"):
        sample = b.sample(project, f"{protein}_rep1", "CLIP", "Hs", cell_type="K562")
        b.pair(sample, 6, small=True)
        done = b.execution(project, "CLIP-Seq", "1.7", sample=sample)
        peaks = "".join(f"chr1\t{i * 997}\t{i * 997 + 40}\tpeak_{i}\t{i % 900}\t+\n"
                        for i in range(1, 2500))  # fmt: skip
        b.output(done, f"peaks/{protein}.bed", "CLIPPY", partial(content.text, peaks))


def _not_shared(b: Builder) -> None:
    """Nobody but its owner sees this one."""
    project = b.project("Patient cohort (restricted)", "Not for you.", owner=STRANGER)
    b.pair(b.sample(project, "patient_001", "WGS", "Hs"), 3, small=True)


def _refusals(b: Builder) -> None:
    project = b.project("Files with trouble", "One is forbidden, one is gone, one has expired.")
    sample = b.sample(project, "trouble_1", "RNA-Seq", "Hs", condition="control")
    b.pair(sample, 4, small=True)
    for name, status in (("forbidden", 403), ("gone", 404), ("expired", 410)):
        make = partial(content.fastq, 1, 5, name, small=True)
        b.upload(sample, f"{name}.fastq.gz", make, refused=status)
    b.upload(sample, "empty.txt", partial(content.text, ""))
    parts = ("hash.bin", "seq.bin", "versionInfo.json")
    index = partial(content.folder, parts, "salmon_index")
    b.upload(sample, "salmon_index", index, is_folder=True)
    _twins(b, project)


def _twins(b: Builder, project: Project) -> None:
    """Two samples of one name, each with a pair, and one with two pairs of the same names."""
    for who in ("first", "second"):
        sample = b.sample(project, "liver", "RNA-Seq", "Hs", comments=f"the {who} of that name")
        for mate in (1, 2):
            make = partial(content.fastq, mate, 3, f"liver {who}", small=True)
            b.upload(sample, f"liver_R{mate}.fastq.gz", make)
    sample = b.sample(project, "two_lanes", "RNA-Seq", "Hs")
    for lane, mate in ((1, 1), (2, 2), (2, 1), (1, 2)):
        make = partial(content.fastq, mate, 3, f"lane {lane}", small=True)
        b.upload(sample, f"reads_R{mate}.fastq.gz", make, fileset=f"{sample.id}0{lane}")


def _odd_names(b: Builder) -> None:
    project = b.project("Odd names", "Names that no program should trust.")
    for number, name in enumerate(ODD_NAMES):
        sample = b.sample(project, name, "RNA-Seq", "Sc", comments=name)
        b.upload(sample, name, partial(content.text, f"the file of odd name {number}\n" * 900))


def _empty(b: Builder) -> None:
    b.project("Grant 2027 pilot", "Nothing here yet.")


def _small_ones(b: Builder) -> None:
    """Enough projects for a second page of ten."""
    topics = (
        "Yeast heat shock",
        "Spike-in calibration",
        "HEK293 knock-downs",
        "Ribo-seq pilot",
        "Organoid day 30",
        "Organoid day 60",
        "Fibroblast ageing",
        "Teaching 2025",
    )
    for number, topic in enumerate(topics):
        project = b.project(topic, public=number == 7)
        kind, organism = ("RNA-Seq", "Sc" if number == 0 else "Hs")
        for replicate in (1, 2, 3):
            name = f"{topic.split()[0].lower()}_{replicate}"
            b.pair(b.sample(project, name, kind, organism), 3 + number + replicate, small=True)
        if number % 2 == 0:
            b.summaries(b.execution(project, "nf-core/rnaseq", "3.14.0"))


def _genome_files(b: Builder) -> None:
    """The genomes that everyone sees: organisms and their filesets."""
    everyone = b.outside(STRANGER, public=True)
    genomes = (("Hs", "GRCh38 Gencode 39", 900), ("Hs", "GRCh38 Gencode 45", 300),
               ("Mm", "GRCm39 Gencode M34", 320), ("Sc", "R64-1-1", 700))  # fmt: skip
    for organism, name, days in genomes:
        genome = b.fileset(organism, name, days)
        stem = name.split()[0]
        sequence = _fasta(stem)
        gene = 'chr1\tdemo\tgene\t101\t900\t.\t+\t.\tgene_id "G1";\n'
        for ending, kind, lines in (("fa", "fasta", sequence), ("gtf", "gtf", gene)):
            make = partial(content.text, lines)
            b.loose(everyone, f"{stem}.{ending}", make, data_type=kind, genome=genome)


def _fasta(seed: str) -> str:
    """Two chromosomes of a few thousand bases, 60 to the line."""
    source = Random(seed)
    text = ""
    for name, length in (("chr1", 4000), ("chr2 the shorter one", 2777)):
        bases = "".join(source.choices("ACGT", k=length))
        lines = (bases[start : start + 60] for start in range(0, length, 60))
        text += f">{name}\n" + "".join(f"{line}\n" for line in lines)
    return text


def _outside(b: Builder) -> None:
    """What the user has in no project: samples, executions, uploads, lanes and their sheets."""
    mine = b.outside()
    for replicate in (1, 2, 3):
        name = f"liver_H3K27ac_rep{replicate}"
        sample = b.sample(mine, name, "ChIP-Seq", "Mm", cell_type="Hepatocyte", condition="control")
        b.pair(sample, 3 + replicate, small=True)
    genome = next(found for found in b.all.filesets.values() if found.organism == "Mm")
    prepared = b.execution(mine, "Genome preparation", "2.0", fileset=genome)
    sequence = _fasta("GRCm39")
    b.output(prepared, "genome.fa", "GUNZIP_FASTA", partial(content.text, sequence))
    b.output(prepared, "genome.fa.fai", "SAMTOOLS_FAIDX", partial(content.text, fai(sequence)))
    split = b.execution(mine, "Demultiplex", "1.3")
    b.output(split, "demultiplex_report.html", "ULTRAPLEX",
             partial(content.report, "Demultiplexing", 12, split.id))  # fmt: skip
    for lane in (1, 2):
        b.loose(mine, f"run_0421_lane{lane}.fastq.gz",
                partial(content.fastq, 1, 8 + lane, f"lane/{lane}", small=True),
                category=3, data_type="multiplexed")  # fmt: skip
        sheet = f"Sample Name,Barcode\nliver_{lane},ACGT\n"
        b.loose(mine, f"run_0421_lane{lane}_annotation.csv", partial(content.text, sheet),
                category=2, data_type="annotation")  # fmt: skip
    b.loose(mine, "targets.bed", partial(content.text, "chr1\t100\t900\tamplicon_1\n" * 40))


def _many_processes(b: Builder) -> None:
    """A run of 500 processes, whose outputs have the same few names again and again."""
    project = b.project("Liver zonation, 125 samples", "One run of 500 processes over all samples.")
    done = b.execution(project, "nf-core/rnaseq", "3.18.0")
    for number in range(1, 126):
        sample = b.sample(project, f"zone_{number:03}", "RNA-Seq", "Mm", condition="control")
        b.upload(sample, f"{sample.name}_R1.fastq.gz", partial(_screen_reads, number % 8))
        for process in ("FASTQC", "TRIMGALORE", "STAR_ALIGN", "SALMON_QUANT"):
            label = f"{process} ({sample.name})"
            for name in ("versions.yml", "log.txt", "summary.tsv"):
                lines = f"{process}\t{sample.name}\t{name}\n"
                b.output(done, name, label, partial(content.text, lines), sample=sample)
    b.output(done, "multiqc_report.html", "MULTIQC",
             partial(content.report, "MultiQC Report", 200, done.id))  # fmt: skip
    b.output(done, "versions.yml", "MULTIQC", partial(content.text, "MULTIQC\t1.25\n"))


_PROJECTS = (
    _cortex, _atac, _genomes, _screen, _shared, _public, _not_shared, _refusals, _odd_names,
    _empty, _small_ones, _genome_files, _outside, _many_processes,
)  # fmt: skip
