"""What a search looks for, and whether a record is it, as far as the record tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from flowtui.flow.fields import metadata_of
from flowtui.flow.models import Data, Execution, Project, Record, Sample
from flowtui.flow.search.vocabulary import Term, plain

FoundRecord = Sample | Data | Execution | Project


class Kind(StrEnum):
    """What is searched for."""

    SAMPLES = "samples"
    DATA = "data"
    EXECUTIONS = "executions"
    PROJECTS = "projects"


MODELS: dict[Kind, type[Record]] = {
    Kind.SAMPLES: Sample,
    Kind.DATA: Data,
    Kind.EXECUTIONS: Execution,
    Kind.PROJECTS: Project,
}


@dataclass(frozen=True)
class Criteria:
    """What is to fit; text fits where it is part of a field, whatever the case of letters.

    Attributes:
        words: each is to be in the name. `name`: likewise, as one text with its blanks.
        type: of samples (`RNA-Seq`) or of files (`bam`). `organism`: its name or id.
        since: created then or later. `larger`: bytes that a file has more than.
        meta: attributes of a sample and their values.
        mine: only what the user owns. `uploaded`: only files that no run made.
    """

    words: tuple[str, ...] = ()
    name: str = ""
    type: str = ""
    organism: str = ""
    pipeline: str = ""
    owner: str = ""
    since: datetime | None = None
    larger: int | None = None
    meta: tuple[tuple[str, str], ...] = ()
    mine: bool = False
    uploaded: bool = False

    def fits_kind(self, kind: Kind) -> bool:
        """Whether things of this kind have what is asked for."""
        given = {field.name for field in fields(self) if getattr(self, field.name) not in ("", (),
                 None, False)}  # fmt: skip
        return given <= _COMMON | _OF_KIND[kind]


_COMMON = {"words", "name", "owner", "since", "mine"}
_OF_KIND = {
    Kind.SAMPLES: {"type", "organism", "meta"},
    Kind.DATA: {"type", "pipeline", "larger", "uploaded"},
    Kind.EXECUTIONS: {"pipeline", "organism"},
    Kind.PROJECTS: set(),
}


@dataclass(frozen=True)
class Words:
    """What the type, organism and attributes that were asked for are called on the server.

    Attributes:
        types, organisms: none where the server tells no words for them.
        meta: attributes as the server has them, and their values.
        mine: what lists call an owner who is the user.
    """

    types: tuple[Term, ...] = ()
    organisms: tuple[Term, ...] = ()
    meta: tuple[tuple[Term, str], ...] = ()
    mine: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Judgement:
    """Whether a record is wanted.

    Attributes:
        untold: what it does not tell of, so that only the server can know: names of fields.
        against: the fields that speak against it.
    """

    untold: frozenset[str] = frozenset()
    against: frozenset[str] = frozenset()

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.against


def judge(
    record: FoundRecord, wanted: Criteria, words: Words = Words(), *, is_whole: bool = False
) -> Judgement:
    """Whether a record is wanted.

    `is_whole`: whether its metadata is all there is; a list may have a part of it.
    """
    untold: set[str] = set()
    against: set[str] = set()
    for field, fits in _verdicts(record, wanted, words, is_whole=is_whole):
        if fits is None:
            untold.add(field)
        elif not fits:
            against.add(field)
    return Judgement(frozenset(untold), frozenset(against))


_Verdict = tuple[str, bool | None]
"""A field, and whether it is as wanted; None where the record does not tell."""


def _verdicts(
    record: FoundRecord, wanted: Criteria, words: Words, *, is_whole: bool
) -> Iterator[_Verdict]:
    name = record.filename if isinstance(record, Data) else record.name
    if isinstance(record, Execution):
        name = " ".join((record.identifier, record.name, record.pipeline_name or ""))
    for part in (*wanted.words, wanted.name):
        yield "name", plain(part) in plain(name)
    if wanted.owner:
        yield "owner", _has(record, "owner_name", wanted.owner)
    if wanted.mine:
        is_known = bool(words.mine) and record.owner_name is not None
        yield "owner", record.owner_name in words.mine if is_known else None
    if wanted.since:
        yield "created", record.created >= wanted.since if record.created else None
    if isinstance(record, Sample):
        yield from _of_sample(record, wanted, words, is_whole=is_whole)
    elif isinstance(record, Data):
        yield from _of_data(record, wanted, words)
    elif isinstance(record, Execution):
        if wanted.pipeline:
            yield "pipeline", _has(record, "pipeline_name", wanted.pipeline)
        if wanted.organism:
            # Not told of a run without a genome: what it took is of some organism all the same.
            known = record.organism
            is_it = _is_one_of(known or "", wanted.organism, words.organisms)
            yield "organism", is_it if known else None


def _of_sample(
    sample: Sample, wanted: Criteria, words: Words, *, is_whole: bool
) -> Iterator[_Verdict]:
    if wanted.type:
        is_it = _is_one_of(sample.sample_type or "", wanted.type, words.types)
        yield "type", is_it if sample.tells("sample_type") else None
    if wanted.organism:
        is_it = _is_one_of(sample.organism or "", wanted.organism, words.organisms)
        yield "organism", is_it if sample.tells("organism") else None
    told = tuple(_attributes(sample))
    for term, value in words.meta or tuple((Term(key), value) for key, value in wanted.meta):
        known = [text for names, text in told if any(map(term.is_called, names))]
        fits = any(plain(value) in plain(text) for text in known)
        yield "metadata", fits if known or is_whole else None


def _attributes(sample: Sample) -> Iterator[tuple[tuple[str, ...], str]]:
    """The attributes of a sample: by their identifiers and names, and their values."""
    given = sample.given.get("metadata")
    for key, item in given.items() if isinstance(given, dict) else ():
        for name, text in metadata_of({key: item}).items():
            yield (str(key), name), text


def _of_data(data: Data, wanted: Criteria, words: Words) -> Iterator[_Verdict]:
    if wanted.uploaded:
        made = bool(data.pipeline_name or data.process_name)
        yield "pipeline", not made if made or data.tells("pipeline_name") else None
    if wanted.pipeline:
        yield "pipeline", _has(data, "pipeline_name", wanted.pipeline)
    if wanted.larger is not None:
        yield "size", data.size > wanted.larger if data.size is not None else None
    if not wanted.type:
        return
    kind = wanted.type.casefold().strip(".")
    names = (data.filename.casefold(), f".{data.filetype.casefold()}")
    if any(f".{kind}." in f"{name}." for name in names):
        yield "type", True
    elif data.data_type is not None:
        yield "type", _is_one_of(data.data_type, wanted.type, words.types)
    else:
        # Of the server's own types (`annotation`) a name tells nothing, and lists lack them.
        yield "type", None if words.types and not data.tells("data_type") else False


def _has(record: FoundRecord, field: str, part: str) -> bool | None:
    """Whether a text has a part; None where the record lacks the field."""
    text = getattr(record, field) or ""
    return plain(part) in plain(text) if record.tells(field) else None


def _is_one_of(given: str, wanted: str, found: tuple[Term, ...]) -> bool:
    if found:
        return any(term.is_called(given) for term in found)
    return bool(given) and plain(wanted) in plain(given)
