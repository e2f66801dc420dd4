"""The client of a Flow server: what is there, and bulk jobs.

One client speaks both dialects of the service: sub-resources with pages (live) are asked first,
and where a server has none, what its details have inlined (documented) is used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import httpx

from flowtui.flow import bulk_jobs
from flowtui.flow.genomes import Organism, read_organisms
from flowtui.flow.http.http_client import make_client
from flowtui.flow.listing import Inlined, Listing, Reader, filtered_where_missing, read_record
from flowtui.flow.models import BulkJob, Data, Execution, Project, R, Sample
from flowtui.flow.pages import MapPages, Pages
from flowtui.flow.pipelines import PipelineVersion, pipeline_version
from flowtui.flow.search.vocabulary import Term, terms
from flowtui.flow.session.account import Account
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential
from flowtui.flow.session.session import ApiSession
from flowtui.flow.walk.patient import PatientReader, Told
from flowtui.flow.walk.run_records import RunRecords


class Scope(StrEnum):
    """Whose projects."""

    MINE = "mine"
    SHARED = "shared"
    PUBLIC = "public"
    ALL = "all"


class FlowClient:
    """What is on one Flow server. Safe to use from many threads; all methods raise FlowError.

    Attributes:
        session: how it is asked. `account`: who is signed in.
        server: its base URL.
    """

    def __init__(
        self,
        server: str,
        credential: Credential | None = None,
        *,
        store: CredentialStore | None = None,
        http: httpx.Client | None = None,
        ca_file: str | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
        allow_http: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`sleep` waits between two tries of a request; the rest is as in `make_client`.

        `allow_http`: see `ServerAddress`.
        """
        self._http = http or make_client(
            ca_file=ca_file, connect_timeout=connect_timeout, read_timeout=read_timeout
        )
        self.session = ApiSession(
            server, credential, store, self._http, sleep, allow_http=allow_http
        )
        self.account = Account(self.session, self._http, sleep)
        self.server = self.session.server
        self._sleep = sleep
        self._stop: threading.Event | None = None
        self._reader: Reader = self.session
        self._listing = Listing(self.session)
        self._records = RunRecords(self._run)

    def walking(self, told: Told, map_pages: MapPages) -> tuple[FlowClient, PatientReader]:
        """This client for a walk: it waits as long as the server asks, and tells so.

        `map_pages` is how its lists fetch their pages; see `Pages`. With how it asks.
        """
        reader = PatientReader(self.session, told, self._sleep, stop=self._stop)
        other = copy(self)
        other._reader, other._listing = reader, self._listing.by(reader, map_pages)
        other._records = RunRecords(other._run)
        return other, reader

    def until(self, stop: threading.Event) -> FlowClient:
        """This client, whose walks ask and wait for nothing more once `stop` is set.

        They raise CancelledError then.
        """
        other = copy(self)
        other._stop = stop
        return other

    @property
    def http(self) -> httpx.Client:
        """The pool of connections, good for the files too: a new one costs round trips."""
        return self._http

    # What is there

    def projects(self, scope: Scope = Scope.MINE, *, like: str = "") -> Pages[Project]:
        """Projects, newest first, those of `like` in their names where the server can tell.

        Where the server has no list of the shared or public ones, they are picked from
        `/projects/search`: mine by owner's name, the rest by `private`.
        """

        def first_of(*paths: str) -> Pages[Project]:
            return self._listing.first_of(paths, "projects", Project, _given({"name": like}))

        everything = first_of("/projects/search", "/projects")
        if scope is Scope.ALL:
            return everything
        if scope is Scope.MINE:
            return first_of("/projects/owned", "/projects/search", "/projects")
        listed = first_of(f"/projects/{scope.value}")
        wanted = self._is_shared if scope is Scope.SHARED else self._is_public
        return filtered_where_missing(listed, everything, wanted)

    def project(self, id_: str) -> Project:
        """One project; in the documented dialect with its samples."""
        return read_record(Project, self._reader.get(f"/projects/{_quoted(id_)}"))

    def project_samples(
        self, id_: str, *, like: str = "", full_metadata: bool = False
    ) -> Pages[Sample]:
        """The samples of a project, those of `like` in their names where the server can tell.

        `full_metadata`: with their metadata where the server has that in lists.
        """
        query = {"filter": like, "full_metadata": "true" if full_metadata else ""}

        def inlined() -> Inlined[Sample]:
            project = self.project(id_)
            return Inlined(project.samples, unreadable=project.unreadable)

        path = f"/projects/{_quoted(id_)}/samples"
        return self._listing.below(path, "samples", Sample, inlined, _given(query))

    def project_executions(self, id_: str, *, like: str = "") -> Pages[Execution]:
        """The executions of a project; none where the server cannot list them.

        Those of `like` in their names where the server can tell.
        """

        def inlined() -> Inlined[Execution]:
            return Inlined(() if self.project(id_).samples is not None else None)

        path = f"/projects/{_quoted(id_)}/executions"
        return self._listing.below(path, "executions", Execution, inlined, _given({"filter": like}))

    def lists_no_executions(self) -> bool:
        """Whether the server was seen to list no project's executions."""
        return self._listing.is_inlined("projects/executions")

    def sample(self, id_: str) -> Sample:
        """One sample."""
        return self._sample(id_)[0]

    def sample_data(self, id_: str, *, like: str = "") -> Pages[Data]:
        """The files of a sample: inputs and, in the live dialect, what pipelines made of them.

        Those of `like` in their names where the server can tell.
        """

        def inlined() -> Inlined[Data]:
            sample, documented = self._sample(id_)
            return Inlined(sample.data, documented, sample.unreadable)

        path = f"/samples/{_quoted(id_)}/data"
        return self._listing.below(path, "data", Data, inlined, _given({"filter": like}))

    def sample_executions(self, id_: str, *, like: str = "") -> Pages[Execution]:
        """The executions that used a sample; none where the server cannot list them.

        Those of `like` in their names where the server can tell.
        """

        def inlined() -> Inlined[Execution]:
            documented = self._sample(id_)[1]
            return Inlined(() if documented else None)

        path = f"/samples/{_quoted(id_)}/executions"
        return self._listing.below(path, "executions", Execution, inlined, _given({"filter": like}))

    def execution(self, id_: str) -> Execution:
        """One execution with its outputs."""
        leave_out = ["log", "stdout", "stderr"]
        body = self._reader.get(f"/executions/{_quoted(id_)}", {"exclude": leave_out})
        found = read_record(Execution, body)
        return found if found.outputs is not None else replace(found, outputs=())

    def run_records(self, id_: str) -> dict[str, str]:
        """The records of a run as text files, by name; see `run_records.records_of`."""
        return self._records.of(id_)

    def searched(self, path: str, key: str, model: type[R], query: Mapping[str, str]) -> Pages[R]:
        """What a search of the server finds; see `search`.

        NotFound, NotOffered where it has none.
        """
        return self._listing.first_of((path,), key, model, query)

    def listed_as_own(self, key: str, model: type[R]) -> Pages[R]:
        """What `/samples/owned` and its like list, where there is no search; else NotFound."""
        return self._listing.first_of((f"/{key}/owned",), key, model)

    def own_samples(self, *, like: str = "") -> Pages[Sample]:
        """The samples that are owned, also those in no project. NotFound where there is no list.

        `like`: those with this in their names.
        """
        query = _given({"owned": "true", "full_metadata": "true", "name": like})
        return self._listing.first_of(("/samples/search",), "samples", Sample, query)

    def own_executions(self, *, like: str = "") -> Pages[Execution]:
        """As `own_samples`."""
        query = _given({"owned": "true", "name": like})
        return self._listing.first_of(("/executions/search",), "executions", Execution, query)

    def own_uploads(self, *, like: str = "") -> Pages[Data]:
        """As `own_samples`: what was uploaded, lanes and annotation sheets among it."""
        query = _given({"owned": "true", "uploaded": "true", "filename": like, "name": like})
        return self._listing.first_of(("/data/search",), "data", Data, query)

    def vocabulary(self, path: str) -> tuple[Term, ...]:
        """The server's words of one of its lists, see `vocabulary.terms`."""
        return terms(self._reader.get, path)

    def organisms(self) -> Pages[Organism]:
        """All organisms, each with its latest genome. NotFound where the server has none."""
        return read_organisms(self._reader.get("/organisms"))

    def organism(self, id_: str) -> Organism:
        """One organism with all its genomes."""
        return read_record(Organism, self._reader.get(f"/organisms/{_quoted(id_)}"))

    def pipeline(self, wanted: str) -> PipelineVersion:
        """A version of a pipeline with its schema, see `pipeline_version`. Raises NotFound."""
        return pipeline_version(self._reader.get, wanted)

    def data(self, id_: str) -> Data:
        """One file's record."""
        return read_record(Data, self._reader.get(f"/data/{_quoted(id_)}"))

    def is_mine(self, project: Project) -> bool:
        """Whether the user owns a project, as far as its owner's name tells."""
        return project.owner_name in self.account.names()

    # Bulk jobs

    def create_bulk_job(self, data_ids: Sequence[str], name: str) -> BulkJob:
        """See `bulk_jobs.create`. Raises NotOffered."""
        return bulk_jobs.create(self.session, data_ids, name)

    def bulk_job(self, job_id: str) -> BulkJob:
        """See `bulk_jobs.state`. Raises Gone once it has expired."""
        return bulk_jobs.state(self.session, self._http, job_id)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    # Private

    def _run(self, id_: str) -> Any:
        """All that the server says of an execution, logs included."""
        return self._reader.get(f"/executions/{_quoted(id_)}")

    def _sample(self, id_: str) -> tuple[Sample, bool]:
        """A sample, and whether its files were inlined as the documented dialect does.

        The live one has `filesets` instead, of inputs only, beside the list that it offers.
        """
        body = self._reader.get(f"/samples/{_quoted(id_)}")
        documented = isinstance(body, dict) and isinstance(body.get("data"), list)
        return read_record(Sample, body), documented

    def _is_shared(self, project: Project) -> bool:
        return project.private is not False and not self.is_mine(project)

    def _is_public(self, project: Project) -> bool:
        return project.private is False


def _given(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


def _quoted(id_: str) -> str:
    return quote(id_, safe="")
