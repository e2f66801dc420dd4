"""Which of the files that are found are wanted: by their paths, and by what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from flowtui.cli.output import Output, counted, one_line
from flowtui.flow.errors import FAILING, SKIPPABLE
from flowtui.flow.remote_file import RemoteFile

if TYPE_CHECKING:
    from flowtui.cli.patterns import Pattern
    from flowtui.flow.models import Data


@dataclass(frozen=True)
class Rule:
    """A pattern, and what it says of a file that fits.

    Attributes:
        option: where it is from, for people.
    """

    option: str
    pattern: Pattern
    takes: bool


@dataclass(frozen=True)
class Filters:
    """What the command line says of wanted files; a file must pass all of it.

    Attributes:
        include: a file must fit one of them, if there are any; `exclude`: and none of these.
        rules: the first that fits decides.
        ignored: the lines of files; the last that fits decides, as in .gitignore.
        types: endings of names, see `type_of`.
        newer_than: when a file must have come to Flow at least.
        larger, smaller: bytes that a file must have more than, and less than. A file of unknown
            size, date or origin is wanted.
        results: outputs of runs alone, or (False) uploads alone.
        latest_execution: of the runs of a pipeline the latest alone, see `latest_runs`.
        pipelines: names of which that of the pipeline must contain one, as `plain_name` has them.
    """

    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()
    rules: tuple[Rule, ...] = ()
    ignored: tuple[Rule, ...] = ()
    types: frozenset[str] = frozenset()
    newer_than: datetime | None = None
    larger: int | None = None
    smaller: int | None = None
    results: bool | None = None
    latest_execution: bool = False
    pipelines: tuple[str, ...] = ()

    def is_old(self, created: datetime | None) -> bool:
        """Whether a file came to Flow too long ago."""
        return self.newer_than is not None and created is not None and created < self.newer_than


class Filtering:
    """Filters at work, which know what of them has had an effect.

    Attributes:
        filters: what is asked of files.
        unknown_origins: keys of files of which Flow does not say whether a run made them.
    """

    def __init__(self, filters: Filters) -> None:
        self.filters = filters
        self.unknown_origins: set[str] = set()
        self._used: set[int] = set()

    def passes_over(self, data: Data) -> bool:
        """Whether the record of a file says already that it is not wanted; to be asked first."""
        filters = self.filters
        asks_origin = filters.results is not None or filters.pipelines
        if asks_origin and data.id is not None and not is_origin_told(data):
            self.unknown_origins.add(f"data/{data.id}")
        return filters.is_old(data.created)

    def wants(self, file: RemoteFile) -> bool:
        """Whether `file` passes; the records of runs do."""
        if file.is_record:
            return True
        filters = self.filters
        path = path_of(file)
        # All are asked, so that each is known that never fits.
        is_included = self._fitting(filters.include, path)
        is_excluded = self._fitting(filters.exclude, path)
        decided = self._fitting(filters.rules, path)[:1] + self._fitting(filters.ignored, path)[-1:]
        return (
            (bool(is_included) or not filters.include)
            and not is_excluded
            and all(rule.takes for rule in decided)
            and _has_properties(filters, file)
            and (file.key in self.unknown_origins or _is_of(filters, file))
        )

    def _fitting(self, rules: Sequence[Rule], path: str) -> list[Rule]:
        fitting = [rule for rule in rules if rule.pattern.fits(path)]
        self._used.update(map(id, fitting))
        return fitting

    def without_effect(self) -> list[tuple[str, str]]:
        """Options and patterns that no file fitted; lines of files are made for many folders."""
        filters = self.filters
        return [
            (rule.option, rule.pattern.text)
            for rule in (*filters.include, *filters.exclude, *filters.rules)
            if id(rule) not in self._used
        ]


def tell_without_effect(filtering: Filtering, out: Output) -> None:
    """Tell of patterns that no file fitted, and of what the filters could not know."""
    for option, pattern in filtering.without_effect():
        out.event("no_match", option=option, pattern=pattern)
        hint = ""
        if pattern.endswith("/*"):
            hint = f"; * is one level: {pattern[:-1]} takes all that is in the folder"
        out.say(f"flowtui: {option} {one_line(pattern)!r} matched no file{hint}")

    if count := len(filtering.unknown_origins):
        out.event("unknown_origin", files=count)
        out.say(
            f"flowtui: Flow does not say of {counted(count, 'file')} whether a run made them;"
            " --inputs, --results and --pipeline let them pass"
        )


def path_of(file: RemoteFile) -> str:
    """The path that patterns are compared with: below the target folder, as Flow names it all."""
    return "/".join((*file.folder, *file.within, file.filename))


def _has_properties(filters: Filters, file: RemoteFile) -> bool:
    return (
        (not filters.types or bool(types_of(file.filename) & filters.types))
        and (filters.larger is None or file.size is None or file.size > filters.larger)
        and (filters.smaller is None or file.size is None or file.size < filters.smaller)
    )


def _is_of(filters: Filters, file: RemoteFile) -> bool:
    """Whether it is from where files are wanted from."""
    is_result = bool(file.origin.pipeline or file.origin.process or file.origin.execution)
    pipeline = plain_name(file.origin.pipeline)
    return filters.results in (None, is_result) and (
        not filters.pipelines or any(name in pipeline for name in filters.pipelines)
    )


_ORIGINS = ("pipeline_name", "process_name", "process_execution_name", "execution", "execution_id")


def is_origin_told(data: Data) -> bool:
    """Whether a record says which run made the file, or that none did."""
    return any(name in data.given for name in _ORIGINS) or bool(
        data.pipeline_name or data.process_name or data.execution_id
    )


def plain_name(name: str) -> str:
    """Letters and digits alone, of one case: `rnaseq` is what `RNA-Seq` is called."""
    return "".join(filter(str.isalnum, name.casefold()))


_PACKED = ("gz", "bgz", "bgzf", "bz2", "xz", "zst", "zip")

_SAME = {"fq": "fastq", "fa": "fasta", "fna": "fasta", "htm": "html", "bw": "bigwig",
         "bb": "bigbed", "tbl": "tsv", "gff3": "gff", "yml": "yaml", "jpeg": "jpg"}  # fmt: skip


def type_of(word: str) -> str:
    """The name of a type that has several: `.fq` is `fastq`."""
    word = word.strip().lstrip(".").casefold()
    return _SAME.get(word, word)


def types_of(filename: str) -> frozenset[str]:
    """The types that the name of a file tells: `x.fq.gz` is `fastq`, and `gz`."""
    endings = [ending[1:].casefold() for ending in PurePosixPath(filename).suffixes[-2:]]
    if not endings:
        return frozenset()
    packed = endings[-1] in _PACKED
    return frozenset({type_of(endings[-1])} | ({type_of(endings[0])} if packed else set()))


def latest_runs(
    files: Sequence[RemoteFile], created: Callable[[str], datetime | None]
) -> list[RemoteFile]:
    """Of the runs of a pipeline on a sample (or on what else they belong to) the latest's files.

    What is no run's stays, and so do all runs of which it is not known when they were; `created`
    says that of an id, and may raise FlowError.
    """
    runs: dict[tuple[str, ...], set[str]] = {}
    for file in files:
        if file.origin.execution:
            runs.setdefault(_group(file), set()).add(file.origin.execution)
    known: dict[str, datetime | None] = {}
    for several in runs.values():
        for run in several if len(several) > 1 else ():
            if run not in known:
                known[run] = _asked(run, created)
    old = set()
    for group, several in runs.items():
        dated = [(when, run) for run in several if (when := known.get(run)) is not None]
        old |= {(group, run) for _, run in sorted(dated)[:-1]}
    return [file for file in files if (_group(file), file.origin.execution) not in old]


def _group(file: RemoteFile) -> tuple[str, ...]:
    return (*file.folder, file.belongs_to, file.origin.pipeline)


def _asked(run: str, created: Callable[[str], datetime | None]) -> datetime | None:
    try:
        return created(run)
    except (*SKIPPABLE, *FAILING):
        return None
