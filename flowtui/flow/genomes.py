"""Organisms and their genomes, which pipelines take: `/organisms` and `/organisms/<id>`."""

from __future__ import annotations

from typing import Any

from flowtui.flow.errors import UnexpectedAnswer
from flowtui.flow.fields import Id, Text, Time
from flowtui.flow.models import Data, Record, readable


class Fileset(Record):
    """A genome: the files of one version of an organism's sequence and annotation.

    Attributes:
        unreadable: how many more files it has that could not be read.
    """

    id: Id
    name: Text = ""
    created: Time = None
    data: tuple[Data, ...] = ()
    unreadable: int = 0

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        rows = fields.get("data")
        found, unreadable = readable(Data, rows if isinstance(rows, list) else [])
        fields["data"], fields["unreadable"] = found, unreadable
        return fields


class Organism(Record):
    """A species, `id` a code such as `Hs`.

    Attributes:
        filesets: newest first as the server has them; of a list's row only the latest one.
    """

    id: Id
    name: Text = ""
    latin_name: Text = ""
    filesets: tuple[Fileset, ...] = ()

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        rows = fields.get("filesets")
        if not isinstance(rows, list):
            rows = [fields.get("latest_fileset")]
        fields["filesets"] = readable(Fileset, (row for row in rows if isinstance(row, dict)))[0]
        return fields


def read_organisms(body: object) -> list[Organism]:
    """The organisms of `/organisms`, those that can be read. Raises UnexpectedAnswer."""
    if not isinstance(body, list):
        raise UnexpectedAnswer("cannot read the server's list of organisms")
    return readable(Organism, body)[0]
