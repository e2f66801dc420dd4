"""The table of a pipeline of Flow's own, by the columns of its schema.

`schema.inputs[]` are sections, whose `params` have one of `type: csv` that `takes_samples`; its
`columns[]` say by `from_sample` what Flow itself puts there: the number of a file in the sample's
fileset (1, 2), `name`, or an attribute (docs/flow-api.md, Pipelines).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flowtui.sheets.pipelines import PIPELINES, Column, Pipeline, Source
from flowtui.sheets.samples import plain
from flowtui.sheets.words import one_line

MOST_COLUMNS = 200
"""Columns of a table; what has more is none."""

_FILES = {1: Source.FIRST, 2: Source.SECOND}

_KNOWN = {
    column.name: column
    for pipeline in PIPELINES.values()
    for column in pipeline.columns
    if column.name in ("group", "replicate", "strandedness", "control")
}
"""Columns that mean the same wherever they are."""


def pipeline_of(name: str, schema: object) -> Pipeline:
    """The table of the first parameter that takes samples. Raises ValueError: there is none."""
    for parameter in _tables(schema):
        given = parameter.get("columns")
        rows = [row for row in (given if isinstance(given, list) else []) if _has_name(row)]
        columns = tuple(map(_column, rows[:MOST_COLUMNS]))
        if columns and len({column.name for column in columns}) == len(columns):
            return Pipeline(name, columns, endings=(".fastq.gz", ".fq.gz", ".fastq", ".fq"))
    raise ValueError(f"the pipeline {name} has no table of samples among its parameters")


def _tables(schema: object) -> Iterator[dict[str, Any]]:
    sections = schema.get("inputs") if isinstance(schema, dict) else None
    if isinstance(sections, dict):
        sections = list(sections.values())
    for section in sections if isinstance(sections, list) else ():
        parameters = section.get("params") if isinstance(section, dict) else None
        for parameter in parameters.values() if isinstance(parameters, dict) else ():
            if (
                isinstance(parameter, dict)
                and parameter.get("type") == "csv"
                and parameter.get("takes_samples")
            ):
                yield parameter


def _has_name(row: object) -> bool:
    return (
        isinstance(row, dict) and isinstance(row.get("name"), str) and bool(one_line(row["name"]))
    )


def _column(row: dict[str, Any]) -> Column:
    name, source = one_line(row["name"]), row.get("from_sample")
    default = row.get("default")
    text = one_line(str(default)) if isinstance(default, str | int | float) else ""
    if isinstance(source, str) and source.isdigit():
        source = int(source)
    if type(source) is int and source in _FILES:
        return Column(name, _FILES[source])
    if source == "name":
        return Column(name, Source.NAME)
    if isinstance(source, str) and source:
        attributes = (plain(source), plain(name))
        return Column(name, attributes=attributes, values=_valid(row), default=text, is_told=True)
    known = _KNOWN.get(name)
    if known is not None:
        return replace(known, default=text or known.default, is_optional=False)
    return Column(name, attributes=(plain(name),), values=_valid(row), default=text, is_told=True)


def _valid(row: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    valid = row.get("valid")
    values = map(str, valid if isinstance(valid, list) else ())
    return {one_line(value): (plain(value),) for value in values}
