"""The routes for searching: what has the name, the type, the owner, … that the query asks for.

Parameters that a route does not know are passed over, as on the live service.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.catalogue import Execution, File, Sample, User
from flowtui.demo.paging import compared, in_order, matching, of_pattern, one_of, paged
from flowtui.demo.sample_data import METADATA, ORGANISMS
from flowtui.demo.service import Service

Found = TypeVar("Found", Sample, Execution, File)

_HITS = 20
"""How many of a kind `/search` gives."""


class SearchRoutes:
    """The handlers. They run in threads, and only read."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._all = service.catalogue
        self._records = service.serializer

    def projects(self, request: Request) -> Response:
        """`/projects/search`; unlike the others it knows no `owned`."""
        name = self._searcher(request)
        rows = [project for project in self._all.projects.values() if project.visible_to(name)]
        rows = matching(
            request,
            rows,
            name=lambda project: project.name,
            description=lambda project: project.description,
            owner=lambda project: _owner_text(project.owner),
            pipeline=lambda project: "\n".join(run.pipeline for run in project.executions),
        )
        wanted = _asked(request, "sample_types")
        if wanted:
            rows = [row for row in rows if wanted & {sample.sample_type for sample in row.samples}]
        rows = compared(request, rows, created=lambda project: project.created)
        rows = in_order(
            request, rows, lambda project: project.created, lambda project: project.name
        )
        return paged(request, "projects", rows, self._records.project)

    def samples(self, request: Request) -> Response:
        """`/samples/search`, by any attribute of the metadata too."""
        rows = self._visible(request, self._all.samples.values())
        rows = matching(
            request,
            rows,
            name=lambda sample: sample.name,
            project=lambda sample: sample.project.name,
            owner=lambda sample: _owner_text(sample.project.owner),
            organism=lambda sample: f"{sample.organism}\n" + "\n".join(ORGANISMS[sample.organism]),
        )
        for attribute in METADATA:
            asked = request.query_params.get(attribute, "").casefold()
            if asked:
                rows = [row for row in rows if asked in row.metadata.get(attribute, "").casefold()]
        rows = one_of(request, rows, sample_types=lambda sample: sample.sample_type)
        rows = compared(request, rows, created=lambda sample: sample.created)
        rows = in_order(request, rows, lambda sample: sample.created, lambda sample: sample.name)
        full = request.query_params.get("full_metadata", "").lower() == "true"
        return paged(
            request, "samples", rows, lambda sample: self._records.sample(sample, searched=not full)
        )

    def executions(self, request: Request) -> Response:
        """`/executions/search`."""
        rows = self._visible(request, self._all.executions.values())
        rows = matching(
            request,
            rows,
            name=lambda execution: execution.identifier,
            pipeline=lambda execution: execution.pipeline,
            status=lambda execution: execution.status,
            owner=lambda execution: _owner_text(execution.project.owner),
            organism=_organisms_of,
        )
        rows = compared(request, rows, created=lambda execution: execution.created)
        rows = in_order(
            request,
            rows,
            lambda execution: execution.created,
            lambda execution: execution.identifier,
        )
        return paged(request, "executions", rows, self._records.execution)

    def data(self, request: Request) -> Response:
        """`/data/search`."""
        rows = self._visible(request, self._all.files.values())
        rows = matching(
            request,
            rows,
            filename=lambda file: file.filename,
            owner=lambda file: _owner_text(file.project.owner),
            pipeline=lambda file: file.execution.pipeline if file.execution else "",
            process_execution=lambda file: file.process or "",
        )
        rows = of_pattern(request, rows, lambda file: file.filename)
        uploaded = request.query_params.get("uploaded", "").lower()
        if uploaded in {"true", "false"}:
            rows = [row for row in rows if (row.execution is None) == (uploaded == "true")]
        rows = one_of(
            request,
            rows,
            category=lambda file: str(file.category),
            data_types=lambda file: file.kind,
        )
        rows = compared(request, rows, created=lambda file: file.created)
        if {"size_gt", "size_lt"} & request.query_params.keys():
            rows = compared(request, rows, size=lambda file: file.size)  # makes the contents
        rows = in_order(request, rows, lambda file: file.created, lambda file: file.filename)
        return paged(request, "data", rows, self._records.data)

    def everything(self, request: Request) -> Response:
        """`/search?q=`: by name, over all kinds."""
        name = self._searcher(request)
        text = request.query_params.get("q", "").casefold()
        seen: dict[str, list[tuple[str, str]]] = {
            "projects": [(row.id, row.name) for row in self._all.projects.values()
                         if row.visible_to(name)],
            "samples": [(row.id, row.name) for row in self._all.samples.values()
                        if row.project.visible_to(name)],
            "executions": [(row.id, row.identifier) for row in self._all.executions.values()
                           if row.project.visible_to(name)],
            "data": [(row.id, row.filename) for row in self._all.files.values()
                     if row.project.visible_to(name)],
        }  # fmt: skip
        label = {"data": "filename", "executions": "identifier"}
        results: dict[str, list[dict[str, Any]]] = {}
        total = 0
        for kind, rows in seen.items():
            hits = [row for row in rows if text and text in row[1].casefold()]
            total += len(hits)
            results[kind] = [
                {"id": id, label.get(kind, "name"): shown, "type": kind.removesuffix("s"),
                 "url": f"/{kind}/{id}/", "highlight": shown}
                for id, shown in hits[:_HITS]
            ]  # fmt: skip
        if self._service.dialect == "live":
            return JSONResponse(results)
        return JSONResponse({"results": results, "total_count": total, "query": text})

    def _searcher(self, request: Request) -> str | None:
        """Whose search it is. The live service takes a bad token for nobody's, and answers."""
        user = self._service.user(request, bad_is_nobody=self._service.dialect == "live")
        return user.username if user else None

    def _visible(self, request: Request, rows: Iterable[Found]) -> list[Found]:
        name = self._searcher(request)
        own = request.query_params.get("owned", "").lower() == "true"
        return [
            row
            for row in rows
            if row.project.visible_to(name) and (not own or row.project.owner.username == name)
        ]


def _asked(request: Request, name: str) -> set[str]:
    return {part.strip() for part in request.query_params.get(name, "").split(",")} - {""}


def _owner_text(owner: User) -> str:
    return f"{owner.name}\n{owner.username}"


def _organisms_of(execution: Execution) -> str:
    fileset, sample = execution.fileset, execution.sample
    found = fileset.organism if fileset else sample.organism if sample else ""
    return f"{found}\n" + "\n".join(ORGANISMS.get(found, ()))
