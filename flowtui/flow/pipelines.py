"""The pipelines of a Flow server, and the schema of one (docs/flow-api.md, Pipelines).

`/pipelines` is a list of categories with `subcategories[].pipelines[]` of `id` and `name`,
`/pipelines/<id>` has `versions[]`, the latest first, `/pipelines/versions/<id>` the `schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flowtui.flow.errors import NotFound
from flowtui.flow.fields import parse_id_or_none, parse_text
from flowtui.text.printable import printable

Get = Callable[[str], Any]
"""Asks for a path; raises FlowError."""


@dataclass(frozen=True)
class PipelineVersion:
    """A version of a pipeline; `schema` is untrusted, as it came."""

    name: str
    version: str
    schema: object


def pipeline_version(get: Get, wanted: str) -> PipelineVersion:
    """The version `NAME@VERSION`, or the latest of `NAME`; a name in any case, or an id.

    Raises NotFound where there is none, FlowError.
    """
    name, _, version = wanted.partition("@")
    for id_, known in _pipelines(get("/pipelines")):
        if name.casefold() in (known.casefold(), id_):
            break
    else:
        raise NotFound(f"Flow has no pipeline called {printable(name)}", status=404)
    detail = get(f"/pipelines/{quote(id_, safe='')}")
    for row in _rows(detail, "versions"):
        version_id, called = parse_id_or_none(row.get("id")), parse_text(row.get("name"))
        if version_id is not None and version in ("", called):
            answer = get(f"/pipelines/versions/{quote(version_id, safe='')}")
            schema = answer.get("schema") if isinstance(answer, dict) else None
            return PipelineVersion(known, called, schema)
    which = f"version {printable(version)}" if version else "version that you may see"
    raise NotFound(f"the pipeline {printable(known)} has no {which}", status=404)


def _pipelines(categories: object) -> Iterator[tuple[str, str]]:
    """The id and the name of each."""
    for category in categories if isinstance(categories, list) else ():
        for part in _rows(category, "subcategories"):
            for row in _rows(part, "pipelines"):
                id_ = parse_id_or_none(row.get("id"))
                if id_ is not None:
                    yield id_, parse_text(row.get("name"))


def _rows(body: object, key: str) -> list[dict[str, Any]]:
    rows = body.get(key) if isinstance(body, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
