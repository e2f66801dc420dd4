"""Organisms and their genomes, which pipelines take: `/organisms` and `/organisms/<id>`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from flowtui.flow.errors import UnexpectedAnswer
from flowtui.flow.fields import parse_id, parse_text, parse_time, parse_title
from flowtui.flow.models import Data, Fields, Record, needed, readable
from flowtui.flow.pages import Pages, single_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Fileset(Record):
    """A genome: the files of one version of an organism's sequence and annotation.

    Attributes:
        unreadable: how many more files it has that could not be read.
    """

    id: str
    name: str = ""
    created: datetime | None = None
    data: tuple[Data, ...] = ()
    unreadable: int = 0

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        rows = fields.get("data")
        data, unreadable = readable(Data, rows if isinstance(rows, list) else [])
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            name=needed(parse_title, fields, "name"),
            created=parse_time(fields.get("created")),
            data=data,
            unreadable=unreadable,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Organism(Record):
    """A species, `id` a code such as `Hs`.

    Attributes:
        filesets: newest first as the server has them; of a list's row only the latest one.
        unreadable: how many more it has that could not be read.
    """

    id: str
    name: str = ""
    latin_name: str = ""
    filesets: tuple[Fileset, ...] = ()
    unreadable: int = 0

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        latest = fields.get("latest_fileset")
        rows = fields.get("filesets")
        if not isinstance(rows, list):
            rows = [latest] if latest else []
        filesets, unreadable = readable(Fileset, rows)
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            name=needed(parse_title, fields, "name"),
            latin_name=parse_text(fields.get("latin_name")),
            filesets=filesets,
            unreadable=unreadable,
        )


def read_organisms(body: object) -> Pages[Organism]:
    """The organisms of `/organisms`, those that can be read. Raises UnexpectedAnswer."""
    if not isinstance(body, list):
        raise UnexpectedAnswer("cannot read the server's list of organisms")
    return single_page(*readable(Organism, body))
