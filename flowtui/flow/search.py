"""Search on Flow: by what is asked for, where the server can; else by a walk over what is there.

The live service has `/samples/search`, `/data/search`, `/executions/search` and `/projects/search`
and passes over parameters that it does not know (docs/flow-api.md, Search). So what comes is looked
at once more here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flowtui.flow.errors import NotFound, NotOffered, Refused
from flowtui.flow.models import Data, Execution, Project, Record, Sample

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

CODE = 3
"""Letters of an organism's id at most, such as `Hs`."""

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
        mine: only what the user owns.
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

    def fits_kind(self, kind: Kind) -> bool:
        """Whether things of this kind have what is asked for."""
        given = {field.name for field in fields(self) if getattr(self, field.name) not in ("", (),
                 None, False)}  # fmt: skip
        return given <= _COMMON | _OF_KIND[kind]


_COMMON = {"words", "name", "owner", "since", "mine"}
_OF_KIND = {
    Kind.SAMPLES: {"type", "organism", "meta"},
    Kind.DATA: {"type", "pipeline", "larger"},
    Kind.EXECUTIONS: {"pipeline", "organism"},
    Kind.PROJECTS: set(),
}


def parameters(kind: Kind, wanted: Criteria) -> dict[str, str]:
    """The query of a search. Times go as Unix seconds: an ISO date is a 500 on the live service."""
    text = wanted.name or max(wanted.words, key=len, default="")
    query = {
        "name": text,
        "owner": wanted.owner,
        "owned": "true" if wanted.mine else "",
        "created_gt": str(int(wanted.since.timestamp()) - 1) if wanted.since else "",
    }
    if kind is Kind.SAMPLES:
        query |= {"sample_types": wanted.type, "organism": wanted.organism, "full_metadata": "true"}
        query |= dict(wanted.meta)
    elif kind is Kind.DATA:
        query |= {
            "data_types": wanted.type,
            "pipeline": wanted.pipeline,
            "size_gt": "" if wanted.larger is None else str(wanted.larger),
        }
    elif kind is Kind.EXECUTIONS:
        query |= {"pipeline": wanted.pipeline, "organism": wanted.organism}
    return {name: value for name, value in query.items() if value}


def fits(record: FoundRecord, wanted: Criteria) -> bool:
    """Whether a record is wanted, as far as it tells; what it does not tell the server knows."""
    name = record.filename if isinstance(record, Data) else record.name
    if isinstance(record, Execution):
        name = " ".join((record.identifier, record.name, record.pipeline_name or ""))
    texts: list[tuple[str | None, str]] = [(name, word) for word in (*wanted.words, wanted.name)]
    texts.append((record.owner_name, wanted.owner))
    if isinstance(record, Sample):
        texts.append((record.sample_type, wanted.type))
        if len(wanted.organism) > CODE:  # a code is of its id, and rows have its name
            texts.append((record.organism, wanted.organism))
        if record.metadata:
            known = {_plain(key): value for key, value in record.metadata.items()}
            texts += [(known.get(_plain(key), ""), value) for key, value in wanted.meta]
    elif isinstance(record, Data):
        kind = record.filetype or record.filename
        texts += [(kind, wanted.type), (record.pipeline_name, wanted.pipeline)]
    elif isinstance(record, Execution):
        texts.append((record.pipeline_name, wanted.pipeline))
    if not all(text is None or _plain(part) in _plain(text) for text, part in texts):
        return False
    if wanted.since is not None and record.created is not None and record.created < wanted.since:
        return False
    size = record.size if isinstance(record, Data) else None
    return wanted.larger is None or size is None or size > wanted.larger


def search(
    client: FlowClient, kind: Kind, wanted: Criteria, walking: Callable[[], None]
) -> Iterator[FoundRecord]:
    """What fits, as it is found. Raises FlowError.

    `walking` is called where the server has no such search, so that all there is has to be looked
    at, which takes longer.
    """
    found: Iterator[Any] = iter(
        client.searched(f"/{kind}/search", str(kind), MODELS[kind], parameters(kind, wanted))
    )
    try:
        first = next(found, None)
    except (NotFound, NotOffered, Refused):
        walking()
        found, first = _walk(client, kind, mine=wanted.mine), None
    if first is not None and fits(first, wanted):
        yield first
    yield from (record for record in found if fits(record, wanted))


def _walk(client: FlowClient, kind: Kind, *, mine: bool) -> Iterator[FoundRecord]:
    """Everything of a kind that can be reached by the user's projects, each once."""
    seen: set[str] = set()
    for project in client.projects():
        if mine and project.owner_name and not client.is_mine(project):
            continue
        if kind is Kind.PROJECTS:
            yield project
        elif kind is Kind.EXECUTIONS:
            yield from client.project_executions(project.id)
        else:
            for sample in client.project_samples(project.id):
                if kind is Kind.SAMPLES:
                    yield sample
                    continue
                for data in client.sample_data(sample.id):
                    if data.id is not None and data.id not in seen:
                        seen.add(data.id)
                        yield data


def _plain(text: str) -> str:
    """A text without case and what stands between its parts: `RNA-Seq` is `rna_seq`."""
    return "".join(character for character in text.casefold() if character not in " _-")
