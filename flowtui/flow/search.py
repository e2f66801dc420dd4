"""Search on Flow: by what is asked for, where the server can; else by a walk over what is there.

The live service has `/samples/search`, `/data/search`, `/executions/search` and `/projects/search`
and passes over parameters that it does not know (docs/flow-api.md, Search). So what comes is looked
at once more here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flowtui.flow.errors import FlowError, NotFound, NotOffered, Refused
from flowtui.flow.models import Data, Execution, Project, Record, Sample
from flowtui.flow.vocabulary import Term, chosen, plain

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

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
    """

    types: tuple[Term, ...] = ()
    organisms: tuple[Term, ...] = ()
    meta: tuple[tuple[str, str], ...] = ()


def words_of(client: FlowClient, kind: Kind, wanted: Criteria) -> Words:
    """The server's words for what is asked for. Raises FlowError; BadReference where it has none.

    A file's type may also be its ending, which no list tells.
    """
    types: tuple[Term, ...] = ()
    if wanted.type and kind is Kind.SAMPLES:
        types = chosen(client.vocabulary("/samples/types"), wanted.type, "sample type")
    elif wanted.type and kind is Kind.DATA:
        types = tuple(t for t in client.vocabulary("/data/types") if t.is_called(wanted.type))
    organisms: tuple[Term, ...] = ()
    meta: tuple[tuple[str, str], ...] = ()
    if wanted.organism:
        organisms = chosen(client.vocabulary("/organisms"), wanted.organism, "organism")
    if wanted.meta:
        known = client.vocabulary("/samples/metadata")
        meta = tuple(
            (term.id, value)
            for key, value in wanted.meta
            for term in (chosen(known, key, "attribute")[:1] or (Term(key),))
        )
    return Words(types, organisms, meta)


def parameters(kind: Kind, wanted: Criteria, words: Words) -> dict[str, str]:
    """The query of a search. Times go as Unix seconds: an ISO date is a 500 on the live service."""
    text = wanted.name or max(wanted.words, key=len, default="")
    query: dict[str, str] = {}
    if kind is Kind.SAMPLES:
        query |= dict(words.meta)  # first: an attribute may be called as one of the others
        query |= {"sample_types": _ids(words.types) or wanted.type, "full_metadata": "true"}
        query |= {"organism": _ids(words.organisms) or wanted.organism}
    elif kind is Kind.DATA:
        query |= {
            "filename": text,  # the documentation has both names for it
            "pipeline": wanted.pipeline,
            "size_gt": "" if wanted.larger is None else str(wanted.larger),
            "uploaded": "true" if wanted.uploaded else "",
        }
        if words.types:
            query["data_types"] = _ids(words.types)
        elif wanted.type:
            query["pattern"] = rf"\.{re.escape(wanted.type.lstrip('.'))}(\.|$)"
    elif kind is Kind.EXECUTIONS:
        query |= {"pipeline": wanted.pipeline, "organism": _ids(words.organisms) or wanted.organism}
    query |= {
        "name": text,
        "owner": wanted.owner,
        "owned": "true" if wanted.mine else "",
        "created_gt": str(int(wanted.since.timestamp()) - 1) if wanted.since else "",
    }
    return {name: value for name, value in query.items() if value}


def _ids(found: tuple[Term, ...]) -> str:
    return ",".join(term.id for term in found)


def fits(record: FoundRecord, wanted: Criteria, words: Words = Words()) -> bool:
    """Whether a record is wanted, as far as it tells; what it does not tell the server knows."""
    name = record.filename if isinstance(record, Data) else record.name
    if isinstance(record, Execution):
        name = " ".join((record.identifier, record.name, record.pipeline_name or ""))
    texts: list[tuple[str | None, str]] = [(name, word) for word in (*wanted.words, wanted.name)]
    texts.append((record.owner_name, wanted.owner))
    if isinstance(record, Data | Execution):
        texts.append((record.pipeline_name, wanted.pipeline))
    if not all(text is None or plain(part) in plain(text) for text, part in texts):
        return False
    if isinstance(record, Sample) and not _fits_sample(record, wanted, words):
        return False
    if isinstance(record, Data) and not _fits_data(record, wanted):
        return False
    return not (wanted.since and record.created and record.created < wanted.since)


def _fits_sample(sample: Sample, wanted: Criteria, words: Words) -> bool:
    known = {plain(key): value for key, value in sample.metadata.items()}
    return (
        _is_one_of(sample.sample_type, wanted.type, words.types)
        and _is_one_of(sample.organism, wanted.organism, words.organisms)
        and all(
            plain(value) in plain(known.get(plain(key), ""))
            for key, value in (words.meta or wanted.meta)
            if known  # a row without any tells nothing
        )
    )


def _is_one_of(given: str | None, wanted: str, found: tuple[Term, ...]) -> bool:
    if given is None or not wanted:
        return True
    if found:
        return any(term.is_called(given) for term in found)
    return plain(wanted) in plain(given)


def _fits_data(data: Data, wanted: Criteria) -> bool:
    if wanted.uploaded and (data.pipeline_name or data.process_name):
        return False
    if wanted.larger is not None and data.size is not None and data.size <= wanted.larger:
        return False
    if not wanted.type:
        return True
    kind = wanted.type.casefold().strip(".")
    names = (data.filename.casefold(), f".{data.filetype.casefold()}")
    return any(f".{kind}." in f"{name}." for name in names) or (
        data.data_type is not None and plain(data.data_type) == plain(wanted.type)
    )


def search(
    client: FlowClient, kind: Kind, wanted: Criteria, walking: Callable[[FlowError], None]
) -> Iterator[FoundRecord]:
    """What fits, as it is found. Raises FlowError; BadReference for a type that there is not.

    `walking` is called with the reason where the server cannot search, so that all there is has to
    be looked at, which takes longer.
    """
    words = words_of(client, kind, wanted)
    if kind is Kind.PROJECTS and wanted.mine:
        found: Iterator[Any] = _my_projects(client)  # the search knows no `owned`
    else:
        query = parameters(kind, wanted, words)
        found = iter(client.searched(f"/{kind}/search", str(kind), MODELS[kind], query))
    try:
        first = next(found, None)
    except (NotFound, NotOffered, Refused) as error:
        walking(error)
        found, first = _walk(client, kind, mine=wanted.mine), None
    if first is not None and fits(first, wanted, words):
        yield first
    yield from (record for record in found if fits(record, wanted, words))


def _walk(client: FlowClient, kind: Kind, *, mine: bool) -> Iterator[FoundRecord]:
    """Everything of a kind that can be reached by the user's projects, each once."""
    seen: set[str] = set()
    for project in _my_projects(client) if mine else client.projects():
        if kind is Kind.PROJECTS:
            yield project
        elif kind is Kind.EXECUTIONS:
            yield from client.project_executions(project.id)
        elif kind is Kind.SAMPLES:
            yield from client.project_samples(project.id)
        else:
            for data in _data_of(client, project.id):
                key = data.id or f"{data.execution_id}/{data.filename}"
                if key not in seen:
                    seen.add(key)
                    yield data


def _my_projects(client: FlowClient) -> Iterator[Project]:
    """Where the server has no list of them, its list of all is looked through."""
    for project in client.projects():
        if not project.owner_name or client.is_mine(project):
            yield project


def _data_of(client: FlowClient, project_id: str) -> Iterator[Data]:
    """The files of a project: its samples' and what its runs made."""
    for sample in client.project_samples(project_id):
        yield from client.sample_data(sample.id)
    for row in client.project_executions(project_id):
        for data in client.execution(row.id).outputs or ():
            made_by = {"pipeline_name": data.pipeline_name or row.pipeline_name}
            yield data.model_copy(update=made_by)
