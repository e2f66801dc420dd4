"""The routes for looking around: projects, samples, executions, data."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from flowtui.demo.catalogue import Execution, File, Project, Sample, User
from flowtui.demo.paging import in_order, matching, paged
from flowtui.demo.serializers import Json
from flowtui.demo.service import Refusal, Service, not_found


class BrowseRoutes:
    """The handlers. They run in threads (an md5 may have to be computed), and only read."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._all = service.catalogue
        self._records = service.serializer

    def me(self, request: Request) -> Response:
        """`/me`."""
        return JSONResponse(self._records.user(self._service.signed_in(request)))

    def owned(self, request: Request) -> Response:
        """`/projects/owned`."""
        user = self._service.signed_in(request)
        return self._projects(request, lambda project: project.owner == user)

    def shared(self, request: Request) -> Response:
        """`/projects/shared`."""
        user = self._service.signed_in(request)
        return self._projects(request, lambda project: user.username in project.shared_with)

    def public(self, request: Request) -> Response:
        """`/projects/public`."""
        return self._projects(request, lambda project: project.public)

    def projects(self, request: Request) -> Response:
        """`/projects`: all that are visible; a bare list in the documented dialect."""
        user = self._service.user(request)
        name = user.username if user else None
        if self._service.dialect != "guide":
            return self._projects(request, lambda project: project.visible_to(name))
        seen = [project for project in self._all.projects.values() if project.visible_to(name)]
        return JSONResponse([self._records.project(project) for project in seen])

    def _projects(self, request: Request, wanted: Callable[[Project], bool]) -> Response:
        rows = [project for project in self._all.projects.values() if wanted(project)]
        rows = matching(
            request,
            rows,
            name=lambda project: project.name,
            description=lambda project: project.description,
            owner=lambda project: project.owner.name,
        )
        rows = in_order(
            request, rows, lambda project: project.created, lambda project: project.name
        )
        return paged(request, "projects", rows, self._records.project)

    def project(self, request: Request) -> Response:
        """`/projects/<id>`."""
        return JSONResponse(self._records.project(self._project(request), detail=True))

    def project_samples(self, request: Request) -> Response:
        """`/projects/<id>/samples`."""
        rows = self._project(request).samples
        rows = matching(request, rows, filter=lambda sample: sample.name)
        return paged(
            request, "samples", rows, lambda sample: self._records.sample(sample, in_project=True)
        )

    def project_executions(self, request: Request) -> Response:
        """`/projects/<id>/executions`."""
        rows = self._project(request).executions
        rows = matching(
            request, rows, filter=lambda execution: f"{execution.identifier} {execution.pipeline}"
        )
        return paged(request, "executions", rows, self._records.execution)

    def sample(self, request: Request) -> Response:
        """`/samples/<id>`."""
        return JSONResponse(self._records.sample(self._sample(request), detail=True))

    def sample_data(self, request: Request) -> Response:
        """`/samples/<id>/data`: what was uploaded, and what executions made of it."""
        rows = matching(request, self._sample(request).files, filter=lambda file: file.filename)
        return paged(request, "data", rows, lambda file: self._records.data(file, iso=True))

    def sample_executions(self, request: Request) -> Response:
        """`/samples/<id>/executions`: those that made something of it included."""
        sample = self._sample(request)
        made = [file.execution for file in sample.files if file.execution]
        rows = list(dict.fromkeys([*sample.executions, *made]))
        return paged(
            request,
            "executions",
            rows,
            lambda execution: self._records.execution(execution, iso=True),
        )

    def execution(self, request: Request) -> Response:
        """`/executions/<id>`, of which `include` or `exclude` name the fields wanted or not."""
        found = self._all.executions.get(request.path_params["id"])
        self._check(request, found)
        if found is None:
            raise not_found("Execution not found")
        return JSONResponse(_chosen(request, self._records.execution(found, detail=True)))

    def data(self, request: Request) -> Response:
        """`/data/<id>`; a file that is gone has no record either."""
        found = self._all.files.get(request.path_params["id"])
        self._check(request, found)
        if found is None or found.refused == 404:
            raise not_found("Data file not found")
        return JSONResponse(self._records.data(found, detail=True))

    def _project(self, request: Request) -> Project:
        found = self._all.projects.get(request.path_params["id"])
        user = self._service.user(request)
        if found is None:
            raise not_found("Project not found")
        self._service.require(found, user)
        return found

    def _sample(self, request: Request) -> Sample:
        found = self._all.samples.get(request.path_params["id"])
        self._check(request, found)
        if found is None:
            raise not_found("Sample not found")
        return found

    def _check(self, request: Request, found: Sample | Execution | File | None) -> None:
        user: User | None = self._service.user(request)
        if found is not None:
            self._service.require(found.project, user)


def _chosen(request: Request, fields: Json) -> Json:
    """The fields that the query's `include`s or `exclude`s leave. Raises Refusal (400) for both."""
    wanted = request.query_params.getlist("include")
    unwanted = request.query_params.getlist("exclude")
    if wanted and unwanted:
        raise Refusal(400, "BAD_REQUEST", "Cannot use both include and exclude")
    return {
        name: value
        for name, value in fields.items()
        if name not in unwanted and (not wanted or name in wanted)
    }
