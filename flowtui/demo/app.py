"""The demo's Flow as an ASGI application: which route answers what, in each dialect."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowtui.demo import files
from flowtui.demo.accounts import Accounts
from flowtui.demo.auth import AuthRoutes
from flowtui.demo.browse import BrowseRoutes
from flowtui.demo.bulk import BulkJobs
from flowtui.demo.catalogue import Catalogue
from flowtui.demo.changed_values import changing
from flowtui.demo.graphql import GraphQl
from flowtui.demo.loose_values import made_loose
from flowtui.demo.odd_values import made_odd
from flowtui.demo.projects import build
from flowtui.demo.scenarios import NO_SCENARIOS, Scenario, Scenarios
from flowtui.demo.search import SearchRoutes
from flowtui.demo.serializers import Dialect
from flowtui.demo.service import Refusal, Service, not_found
from flowtui.demo.troubles import Troubles
from flowtui.demo.vocabulary import VocabularyRoutes

DAY_SECONDS = 86_400.0

_SHELL = """<!DOCTYPE html>
<html><head><title>Flow</title></head><body><div id="root"></div></body></html>
"""


@dataclass(frozen=True)
class RecordedRequest:
    """A request that was answered. `path` is as it came, percent-encoded, without its query.

    `had_ended` tells of its token that it was good once and no longer when the request arrived.
    """

    method: str
    path: str
    query: str
    range: str | None
    has_authorization: bool
    had_ended: bool
    status: int


class App:
    """The ASGI application.

    Attributes:
        service: its state, of which `rate` and `accounts` may be used while it runs.
        bulk: the bulk jobs; its `scenarios` are those of the whole server, and may be changed.
        catalogue: what there is; None for the demo's own.
        latency: seconds that each answer but a file's takes; may be changed.
    """

    def __init__(
        self,
        service: Service,
        bulk: BulkJobs,
        routed: ASGIApp,
        record: Callable[[RecordedRequest], None] | None,
        latency: float = 0.0,
    ) -> None:
        self.service = service
        self.bulk = bulk
        self.latency = latency
        self._troubles = Troubles(service.catalogue)
        self._routed = routed
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route by the path as it came: only so does an encoded slash stay part of a name."""
        if scope["type"] != "http":
            return
        raw = scope["raw_path"].decode("ascii", "replace")

        if self.service.arrived:
            self.service.arrived(raw)
        sent = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        had_ended = self.service.accounts.has_ended(sent)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and self._record:
                self._record(_recorded(scope, raw, had_ended, message["status"]))
            await send(message)

        below = raw.removeprefix("/api")
        asks = scope["method"] == "GET"
        answer: Send = noted
        if not below.startswith("/downloads/"):
            await asyncio.sleep(self.latency)
            for scenario, change in _CHANGES.items():
                if asks and self.bulk.scenarios.has(scenario):
                    answer = changing(answer, change)
        instead = self._troubles.instead(below, self.bulk.scenarios) if asks else None
        if instead is not None:
            await instead(scope, receive, answer)
        else:
            await self._routed({**scope, "path": raw}, receive, answer)


_CHANGES = {Scenario.LOOSE_VALUES: made_loose, Scenario.ODD_VALUES: made_odd}
"""What is done to the JSON of all good answers."""


def _recorded(scope: Scope, path: str, had_ended: bool, status: int) -> RecordedRequest:
    headers = dict(scope["headers"])
    wanted = headers.get(b"range")
    return RecordedRequest(
        method=scope["method"],
        path=path,
        query=scope["query_string"].decode("latin-1"),
        range=wanted.decode("latin-1") if wanted is not None else None,
        has_authorization=b"authorization" in headers,
        had_ended=had_ended,
        status=status,
    )


def create_app(
    dialect: Dialect = "both",
    *,
    rate: float | None = None,
    token_seconds: float = 300,
    job_seconds: float = 1.0,
    expires_seconds: float = DAY_SECONDS,
    scenarios: Scenarios = NO_SCENARIOS,
    latency: float = 0.0,
    catalogue: Catalogue | None = None,
    record: Callable[[RecordedRequest], None] | None = None,
) -> App:
    """A server of its own state.

    Args:
        dialect: "guide" for the documented one, "live" for the live service's, "both" for the
            union of their fields and routes.
        rate: bytes per second for each download; 0 or None for as fast as it goes.
        token_seconds: how long an access token lasts.
        job_seconds: how long a bulk job takes at least.
        expires_seconds: how long its archive is kept.
        scenarios: what happens to bulk jobs, and to other questions.
        latency: seconds that each answer but a file's takes.
        record: called with each request when it is answered, on the server's thread.
    """
    catalogue = build() if catalogue is None else catalogue
    accounts = Accounts(catalogue.users, token_seconds)
    accounts.tells_life = not scenarios.has(Scenario.OPAQUE_TOKENS)
    lenient = scenarios.has(Scenario.ENDED_IS_NOBODY)
    service = Service(catalogue, accounts, dialect, rate, lenient)
    jobs = BulkJobs(service, job_seconds, expires_seconds, scenarios)

    def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            error = Refusal(error.status_code, "HTTP_ERROR", error.detail)
        if not isinstance(error, Refusal):
            raise error
        return service.refused(request, error)

    routed = Starlette(
        routes=_routes(service, jobs),
        exception_handlers={Refusal: refused, HTTPException: refused},
    )
    routed.router.redirect_slashes = False  # flowbio follows no redirects
    routed.state.scenarios = lambda: jobs.scenarios
    return App(service, jobs, routed, record, latency)


def _routes(service: Service, jobs: BulkJobs) -> list[BaseRoute]:
    single_sign_on = jobs.scenarios.has(Scenario.SINGLE_SIGN_ON)
    auth, browse = AuthRoutes(service, single_sign_on=single_sign_on), BrowseRoutes(service)
    search, words = SearchRoutes(service), VocabularyRoutes(service)

    def download(request: Request) -> Response:
        id, name = request.path_params["id"], unquote(request.path_params["name"])
        if jobs.knows(id):
            return jobs.fetch(request, name)
        return files.one_file(service, request, id, name)

    def output(request: Request) -> Response:
        return files.one_output(service, request)

    lists: list[tuple[str, Any]] = [
        ("/projects/owned", browse.owned),
        ("/projects/search", search.projects),
        ("/projects/shared", browse.shared),
        ("/projects/public", browse.public),
        ("/projects/{id}/samples", browse.project_samples),
        ("/projects/{id}/executions", browse.project_executions),
        ("/samples/search", search.samples),
        ("/samples/types", words.sample_types),
        ("/samples/metadata", words.metadata),
        ("/samples/metadata/{id}/options", words.metadata_options),
        ("/samples/{id}/data", browse.sample_data),
        ("/samples/{id}/executions", browse.sample_executions),
        ("/executions/search", search.executions),
        ("/data/search", search.data),
        ("/data/types", words.data_types),
        ("/organisms", words.organisms),
        ("/organisms/{id}", words.organism),
        ("/search", search.everything),
        ("/annotation/{type}", words.annotation),
    ]
    documented: list[tuple[str, Any]] = [
        ("/projects", browse.projects),
        ("/executions/{id}/{path:path}", output),
    ]
    everywhere: list[tuple[str, Any]] = [
        ("/token", auth.token),
        ("/me", browse.me),
        ("/projects/{id}", browse.project),
        ("/samples/{id}", browse.sample),
        ("/executions/{id}", browse.execution),
        ("/data/{id}", browse.data),
        ("/downloads/{id}", jobs.poll),
        ("/downloads/{id}/{name:path}", download),
    ]
    gets = [] if service.dialect == "guide" else lists
    gets = gets + ([] if service.dialect == "live" else documented) + everywhere
    return [
        Route("/api/login", auth.login, methods=["POST"]),
        Route("/api/oidc-login", auth.oidc_login, methods=["POST"]),
        Route("/api/graphql", GraphQl(service).answer, methods=["POST"]),
        # Links that people copy have these, too (docs/flow-api.md, References).
        Route("/files/downloads/{id}/{name:path}", download, methods=["GET"]),
        Route("/sso/oauth/device/code", auth.device_code, methods=["POST"]),
        Route("/sso/oauth/token", auth.device_token, methods=["POST"]),
        Route("/api/downloads", jobs.create, methods=["POST"]),
        *(Route(f"/api{path}", handler, methods=["GET"]) for path, handler in gets),
        Route("/{path:path}", _outside, methods=["GET"]),
    ]


async def _outside(request: Request) -> Response:
    """What no route knows: below `/api` nothing is there, elsewhere the web app's shell is."""
    if request.url.path.startswith("/api/"):
        raise not_found()
    return HTMLResponse(_SHELL)
